import { timingSafeEqual } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { SluiceError } from '../errors.ts'
import type { ErrorCode } from '../errors.ts'
import { Sparing } from '../sparing.ts'
import { steadyNow } from '../steady-clock.ts'
import type { Log } from '../store/log.ts'
import type { Role, StoredToken } from '../store/store.ts'
import { actorOfToken, addressOf } from './actor.ts'
import type { Actor } from './actor.ts'
import { bearerJwt, bearerToken } from './bearer.ts'
import { tellWhen } from './limits.ts'
import type { limitCallers } from './limits.ts'
import { LockOut } from './lock-out.ts'
import type { Oidc, SignIn } from './oidc.ts'
import { hashToken, isUsable } from './tokens.ts'

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
    /** Whether what opened the request would still open it: for answers that last, since tokens end and are taken away. */
    stillOpens: () => Promise<boolean>
  }
}

/** How often a lock, or a token that was refused, is logged at most. */
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
  readonly oidc: Oidc | null
  /** Notes that a token was used; see `noteUses`. */
  readonly used: (id: string, now: number) => void
  readonly limits: Awaited<ReturnType<typeof limitCallers>>
  /** Whether an address is shared by many callers, so that none of them may lock the others out. */
  readonly isShared: (address: string) => boolean
  /** Counts who was not let in, by the code of the error. */
  readonly refused: (code: string) => void
  readonly log: Log
}

/**
 * A hook for `onRequest`, so that nothing of a body is read before the caller is known. In this order: the address's
 * rate and lock, who it is, the lock once more (others of the address may have failed meanwhile), the rate of the
 * token, the role. While an address is locked a good token is refused too: what opened would tell who guesses that
 * he has guessed.
 */
export function authenticate({ tokens, oidc, used, limits, isShared, refused, log }: Gate) {
  const locks = new LockOut()
  const said = new Sparing(SAID_EVERY_MS)
  const saidWhy = new Sparing(SAID_EVERY_MS)
  const refuseLocked = (address: string, reply: FastifyReply): void => {
    const wait = locks.lockedFor(address, performance.now())
    if (wait === 0) return
    tellWhen(reply, wait)
    throw new SluiceError('admin.locked-out', 'Too many requests from this address had no valid token.', `Wait ${Math.ceil(wait / 1_000)} s.`)
  }
  const failed = ({ socket }: FastifyRequest, address: string): void => {
    // A forwarded address is a client's, whatever it says of itself.
    if (isShared(address) && address === addressOf({ ip: '', socket })) return
    const lock = locks.failed(address, performance.now())
    if (lock === 0) return
    const count = said.note(performance.now())
    if (count > 0) {
      log('warn', `${address} sent no valid token again and again and is locked out of the admin API for ${Math.round(lock / 60_000)} min ` +
        `(${count} locks; said once a minute at most); a reverse proxy is named in admin.trustedPeers`)
    }
  }
  const identify = async (authorization: string): Promise<SignIn> => {
    const jwt = oidc === null ? undefined : bearerJwt(authorization)
    if (oidc !== null && jwt !== undefined) {
      const found = await oidc(jwt)
      // Whoever sets this up needs to know why; who calls is not told.
      const count = found.is === 'known' ? 0 : saidWhy.note(performance.now())
      if (found.is !== 'known' && count > 0) {
        log('warn', `A token at the admin API was refused: ${found.why} (${count} times; said once a minute at most)`)
      }
      return found
    }
    const secret = bearerToken(authorization)
    const token = secret === undefined ? undefined : findToken(secret, await tokens())
    if (token === undefined) return { is: 'invalid', why: 'it is none that was made' }
    if (!isUsable(token, steadyNow())) return { is: 'expired', why: 'it has expired' }
    used(token.id, Date.now())
    return { is: 'known', actor: actorOfToken(token) }
  }
  const letIn = async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    await limits.address(request, reply)
    const address = addressOf(request)
    refuseLocked(address, reply)
    const given = request.headers.authorization
    if (given === undefined) throw unauthorised(reply, 'none')
    const found = await identify(given)
    if (found.is === 'invalid') failed(request, address)
    else refuseLocked(address, reply)
    if (found.is === 'without-role') throw forbidden(reply, 'The token gives no role here.')
    // Only who holds the secret, or a token that the issuer signed, comes to hear that it has expired: he guesses nothing.
    if (found.is !== 'known') throw unauthorised(reply, found.is === 'expired' ? 'expired' : 'invalid')
    request.actor = found.actor
    request.stillOpens = async () => (await identify(given)).is === 'known'
    await limits.token(request, reply)
    const needs = request.routeOptions.config.role ?? 'admin'
    if (!mayUse(found.actor.role, needs)) throw forbidden(reply, `This needs the role ${needs}; the token has ${found.actor.role}.`)
  }
  return async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    try {
      await letIn(request, reply)
    } catch (error) {
      refused(error instanceof SluiceError ? error.code : 'internal')
      throw error
    }
  }
}

const REFUSALS = {
  none: ['admin.unauthorised', 'No token was sent.', 'is missing'],
  invalid: ['admin.unauthorised', 'The token is not valid.', 'is no valid token'],
  expired: ['token.expired', 'The token has expired.', 'has expired'],
} as const satisfies Record<string, readonly [code: ErrorCode, message: string, fault: string]>

function unauthorised(reply: FastifyReply, kind: keyof typeof REFUSALS): SluiceError {
  const [code, message, fault] = REFUSALS[kind]
  // RFC 6750 §3.1: a request without credentials is told no error code.
  reply.header('www-authenticate', kind === 'none' ? 'Bearer realm="sluice"' : 'Bearer realm="sluice", error="invalid_token"')
  return new SluiceError(code, message, 'Send Authorization: Bearer with an admin token.', { faults: [{ path: 'Authorization', message: fault }] })
}

function forbidden(reply: FastifyReply, message: string): SluiceError {
  reply.header('www-authenticate', 'Bearer realm="sluice", error="insufficient_scope"')
  return new SluiceError('admin.forbidden', message, 'Use another token.')
}
