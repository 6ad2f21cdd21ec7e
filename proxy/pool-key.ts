/** With whom a connection to an origin may be shared: the pool key's part that names the client (DESIGN.md §3). */
import type { Arrival } from './exchange.ts'
import type { Head } from './head.ts'

const CONNECTION_BOUND = /^(?:ntlm|negotiate)\b/i

/**
 * One client's tunnels share connections, two clients never do: who has authenticated (`user`) is one wherever he comes from,
 * anybody else is his address. A connection that an authentication is bound to (NTLM, Negotiate) belongs to its tunnel from
 * then on. What names a kind of key comes first, so that no name of a user can make one of another kind.
 */
export function poolKey(arrival: Arrival, head: Head, user: string | undefined): string {
  const { tunnel, peer } = arrival
  // Without a tunnel nothing says which later requests belong to such an authentication, but the client's connection does.
  if (tunnel === null) return `plain ${peer.ip}#${peer.port} ${user ?? ''}`
  if (CONNECTION_BOUND.test(head.headers.get('authorization') ?? '')) tunnel.pinned = true
  if (tunnel.pinned) return `pinned ${tunnel.id}`
  return user === undefined ? `address ${peer.ip}` : `user ${user}`
}
