/** Certificates of origins that say of no use that they are for it: believed (RFC 5280 §4.2.1.12), and told of. */
import type { TLSSocket } from 'node:tls'
import { LRUCache } from 'lru-cache'
import type { Logger } from './log.ts'

/** Hosts that are remembered: about as many as an organisation's people upload to. */
const HOSTS_MAX = 1_000

/** Looks at each new connection; a host is told of once. */
export function noUsageWatch(log: Pick<Logger, 'info'>): (host: string, secured: TLSSocket) => void {
  const told = new LRUCache<string, true>({ max: HOSTS_MAX })
  return (host, secured) => {
    if (told.has(host) || (secured.getPeerCertificate().ext_key_usage?.length ?? 0) > 0) return
    told.set(host, true)
    log.info({ host }, 'the certificate of an origin has no extended key usage; said once for each host')
  }
}
