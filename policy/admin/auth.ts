import { timingSafeEqual } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { SluiceError } from '../errors.ts'
import { Sparing } from '../sparing.ts'
import type { Log } from '../store/log.ts'
import type { Role, StoredToken } from '../store/store.ts'
import { actorOfToken, addressOf } from './actor.ts'
import type { Actor } from './actor.ts'
import { bearerToken } from './bearer.ts'
import { tellWhen } from './limits.ts'
import type { limitCallers } from './limits.ts'
import { LockOut } from './lock-out.ts'
import { hashToken } from './tokens.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The least role that may use the route; a route that names none is for `admin`. */
    role?: Role
    /** The media types that the route reads, for its 415; JSON where it names none. */
    reads?: readonly string[]
  }
  interface FastifyRequest {
    /** Who opened the request; null where nobody is asked for. */
    actor: Actor | null
  }
}

/** How often a lock is logged at most. */
const SAID_EVERY_MS = 60_000

const RANK: Readonly<Record<Exclude<Role, 'telemetry'>, number>> = { viewer: 1, editor: 2, admin: 3 }

/** Whether a token of role `has` may use what is for `needs`: each role may what the ones before it may, `telemetry` only its own. */
export function mayUse(has: Role, needs: Role): boolean {
  if (has === 'telemetry' || needs === 'telemetry') return has === needs || has === 'admin'
  return RANK[has] >= RANK[needs]
}

/** The stored token that a secret belongs to. Takes the same time for every secret, whichever tokens there are. */
export function findToken(secret: string, tokens: readonly StoredToken[]): StoredToken | undefined {
  const presented = Buffer.from(hashToken(secret), 'hex')
  let found: StoredToken | undefined
  for (const token of tokens) {
    const hash = Buffer.from(token.hash, 'hex')
    if (hash.length === presented.length && timingSafeEqual(hash, presented)) found = token
  }
  return found
}

/** What `authenticate` needs of the rest. */
export interface Gate {
  readonly tokens: () => Promise<readonly StoredToken[]>
  readonly limits: Awaited<ReturnType<typeof limitCallers>>
  /** Whether an address is shared by many callers, so that none of them may lock the others out. */
  readonly isShared: (address: string) => boolean
  readonly log: Log
}

/**
 * A hook for `onRequest`, so that nothing of a body is read before the caller is known. In this order: the address's
 * rate and lock, who it is, the lock once more (others of the address may have failed meanwhile), the rate of the
 * token, the role. While an address is locked a good token is refused too: what opened would tell who guesses that
 * he has guessed.
 */
export function authenticate({ tokens, limits, isShared, log }: Gate) {
  const locks = new LockOut()
  const said = new Sparing(SAID_EVERY_MS)
  const refuseLocked = (address: string, reply: FastifyReply): void => {
    const wait = locks.lockedFor(address, performance.now())
    if (wait === 0) return
    tellWhen(reply, wait)
    throw new SluiceError('admin.locked-out', 'Too many requests from this address had no valid token.', `Wait ${Math.ceil(wait / 1_000)} s.`)
  }
  const failed = (address: string): void => {
    if (isShared(address)) return
    const lock = locks.failed(address, performance.now())
    if (lock === 0) return
    const count = said.note(performance.now())
    if (count > 0) {
      log('warn', `${address} sent no valid token again and again and is locked out of the admin API for ${Math.round(lock / 60_000)} min ` +
        `(${count} locks; said once a minute at most); a reverse proxy is named in admin.trustedPeers`)
    }
  }
  return async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    await limits.address(request, reply)
    const address = addressOf(request)
    refuseLocked(address, reply)
    const given = request.headers.authorization
    const secret = given === undefined ? undefined : bearerToken(given)
    const token = secret === undefined ? undefined : findToken(secret, await tokens())
    if (token === undefined) {
      // A request without credentials guesses nothing.
      if (given !== undefined) failed(address)
      // RFC 6750 §3.1: a request without credentials is told no error code.
      reply.header('www-authenticate', given === undefined ? 'Bearer realm="sluice"' : 'Bearer realm="sluice", error="invalid_token"')
      throw new SluiceError('admin.unauthorised',
        given === undefined ? 'No token was sent.' : 'The token is not valid.', 'Send Authorization: Bearer with an admin token.',
        { faults: [{ path: 'Authorization', message: given === undefined ? 'is missing' : 'is no valid token' }] })
    }
    refuseLocked(address, reply)
    request.actor = actorOfToken(token)
    await limits.token(request, reply)
    const needs = request.routeOptions.config.role ?? 'admin'
    if (!mayUse(token.role, needs)) {
      reply.header('www-authenticate', 'Bearer realm="sluice", error="insufficient_scope"')
      throw new SluiceError('admin.forbidden', `This needs the role ${needs}; the token has ${token.role}.`, 'Use another token.')
    }
  }
}
