/** With whom a connection to an origin may be shared: the pool key's part that names the client (DESIGN.md §3). */
import type { Arrival } from './exchange.ts'
import type { Head } from './head.ts'

/** Schemes whose credentials come with every request. NTLM and Negotiate are for the connection, and who knows of any other. */
const OF_ONE_REQUEST = /^(?:bearer|basic|digest|dpop|oauth|mac|hawk|aws4-hmac-sha256|aws|sharedkey|sharedkeylite|goog4-rsa-sha256|goog1|googlelogin|sapisidhash|wlid1\.[01]|mauth|token|key)\s/i

/** The key of connections that everybody's requests may take (`upstream.share: all`). */
export const EVERYBODY = 'everybody'

/**
 * One client's tunnels share connections, two clients never do: who has authenticated (`user`) is one wherever he comes from,
 * anybody else is his address. A connection that an authentication is bound to (NTLM, Negotiate) belongs to its tunnel from
 * then on. What names a kind of key comes first, so that no name of a user can make one of another kind.
 *
 * `isShared`: the host's connections may be everybody's. Then they are those of calls to an API, each of which brings a bearer
 * token: nothing that a request without one could profit by has gone before on such a connection.
 */
export function poolKey({ tunnel, peer }: Arrival, { headers }: Head, user: string | undefined, isShared = false): string {
  // Without a tunnel nothing says which later requests belong to such an authentication, but the client's connection does.
  if (tunnel === null) return `plain ${peer.ip}#${peer.port} ${user ?? ''}`
  const authorization = headers.get('authorization')
  if (authorization !== undefined && !OF_ONE_REQUEST.test(authorization)) tunnel.pinned = true
  if (tunnel.pinned) return `pinned ${tunnel.id}`
  if (isShared && /^bearer\s/i.test(authorization ?? '') && headers.get('cookie') === undefined) return EVERYBODY
  return user === undefined ? `address ${peer.ip}` : `user ${user}`
}
