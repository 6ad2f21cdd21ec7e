/** With whom a connection to an origin may be shared: the pool key's part that names the client (DESIGN.md §3). */
import type { Arrival } from './exchange.ts'
import type { Head } from './head.ts'

const CONNECTION_BOUND = /^(?:ntlm|negotiate)\b/i

/**
 * One client's tunnels share connections, two clients never do. A connection that an authentication is bound to (NTLM,
 * Negotiate) belongs to its tunnel from then on.
 */
export function poolKey(arrival: Arrival, head: Head): string {
  const { tunnel, peer } = arrival
  // Without a tunnel nothing says which later requests belong to such an authentication, but the client's connection does.
  if (tunnel === null) return `${peer.ip}#${peer.port}`
  if (CONNECTION_BOUND.test(head.headers.get('authorization') ?? '')) tunnel.pinned = true
  return tunnel.pinned ? `${peer.ip}#${tunnel.id}` : peer.ip
}
