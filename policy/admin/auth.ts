import { timingSafeEqual } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { SluiceError } from '../errors.ts'
import type { Role, StoredToken } from '../store/store.ts'
import { actorOfToken } from './actor.ts'
import type { Actor } from './actor.ts'
import { bearerToken } from './bearer.ts'
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

/** A hook for `onRequest`, so that nothing of a body is read before the token is known to be good. */
export function authenticate(tokens: () => Promise<readonly StoredToken[]>) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    const given = request.headers.authorization
    const secret = given === undefined ? undefined : bearerToken(given)
    const token = secret === undefined ? undefined : findToken(secret, await tokens())
    if (token === undefined) {
      // RFC 6750 §3.1: a request without credentials is told no error code.
      reply.header('www-authenticate', given === undefined ? 'Bearer realm="sluice"' : 'Bearer realm="sluice", error="invalid_token"')
      throw new SluiceError('admin.unauthorised',
        given === undefined ? 'No token was sent.' : 'The token is not valid.', 'Send Authorization: Bearer with an admin token.',
        { faults: [{ path: 'Authorization', message: given === undefined ? 'is missing' : 'is no valid token' }] })
    }
    const needs = request.routeOptions.config.role ?? 'admin'
    if (!mayUse(token.role, needs)) {
      reply.header('www-authenticate', 'Bearer realm="sluice", error="insufficient_scope"')
      throw new SluiceError('admin.forbidden', `This needs the role ${needs}; the token has ${token.role}.`, 'Use another token.')
    }
    request.actor = actorOfToken(token)
  }
}
