/** Who a request is from, as what opened it tells, and how that is written in the audit log. */
import { isIP } from 'node:net'
import type { Socket } from 'node:net'
import type { FastifyRequest } from 'fastify'
import { networkTest, parseNetwork } from '../cidr.ts'
import type { By, Role, StoredToken } from '../store/store.ts'

export interface Actor {
  /** Of the token; the subject where an identity provider tells who it is. */
  readonly id: string
  readonly label: string
  readonly role: Role
  /** As the audit log names it: `token:<id> <label>` or `oidc:<subject>`. */
  readonly author: string
  /** ISO 8601, UTC; absent where it opens for ever. */
  readonly expiresAt?: string
}

export function actorOfToken({ id, label, role, expiresAt }: StoredToken): Actor {
  return {
    id, label, role, author: label === '' ? `token:${id}` : `token:${id} ${label}`,
    ...(expiresAt === undefined ? {} : { expiresAt }),
  }
}

/** Some reverse proxies forward the client's port as well. */
const WITH_PORT = /^(?:([0-9.]+)|\[([0-9a-f:.]+)\]):[0-9]{1,5}$/i

/** The client's address: what a trusted peer forwarded (`admin.trustedPeers`), else the socket's own; IPv4 as such. */
export function addressOf({ ip, socket }: { readonly ip: string; readonly socket: Pick<Socket, 'remoteAddress'> }): string {
  const [, v4, v6] = WITH_PORT.exec(ip) ?? []
  const told = v4 ?? v6 ?? ip
  const given = isIP(told) === 0 ? socket.remoteAddress ?? '' : told
  return given.replace(/^::ffff:(?=[0-9.]+$)/i, '')
}

/** Who changes something, and from where, for the store. Only behind `authenticate`. */
export function byOf(request: FastifyRequest): By {
  return { author: request.actor?.author ?? '', from: addressOf(request) }
}

/**
 * Tells addresses behind which anybody may be: loopback, where a reverse proxy may run that is not named, and the
 * trusted peers themselves, where they forwarded no address.
 */
export function sharedBy(trustedPeers: readonly string[]): (address: string) => boolean {
  return networkTest(['127.0.0.0/8', '::1', ...trustedPeers].map(parseNetwork))
}
