/** The request to the origin: the client's, less what belongs to its own hop, on a connection of its own pool. */
import type { RestrictionHeaders } from '../policy/restrictions.ts'
import type { Exchange } from './exchange.ts'
import { requestHeaders } from './forward-headers.ts'
import { poolKey } from './pool-key.ts'
import type { PooledRequestOptions, Upstream } from './upstream.ts'
import type { Via } from './via.ts'

/** Null where the exchange is settled already, and nothing is to be sent. */
export function composeOutgoing(
  exchange: Exchange | undefined, upstream: Upstream, restrictions: RestrictionHeaders, via: Via, isShared: (host: string) => boolean,
): PooledRequestOptions | null {
  if (exchange?.head == null || exchange.state !== 'forwarding') return null
  const { head, arrival, asked } = exchange
  return {
    method: head.method,
    path: head.target.full,
    host: head.authority.host,
    port: head.authority.port,
    headers: requestHeaders(asked.rawHeaders, head, restrictions.forHost(head.host), via.entry(asked.httpVersion)),
    agent: arrival.scheme === 'https' ? upstream.httpsAgent : upstream.httpAgent,
    poolKey: poolKey(arrival, head, exchange.user, isShared(head.host)),
  }
}
