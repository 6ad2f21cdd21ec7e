/** Certificates of origins that say of no use that they are for it: believed (RFC 5280 §4.2.1.12), and told of. */
import type { PeerCertificate } from 'node:tls'
import { LRUCache } from 'lru-cache'
import type { Logger } from './log.ts'

/** Hosts that are remembered: about as many as an organisation's people upload to. */
const HOSTS_MAX = 1_000

/** Looks at each certificate that is believed; a host is told of once. */
export function noUsageWatch(log: Pick<Logger, 'info'>): (host: string, certificate: PeerCertificate) => void {
  const told = new LRUCache<string, true>({ max: HOSTS_MAX })
  return (host, certificate) => {
    if (told.has(host) || (certificate.ext_key_usage?.length ?? 0) > 0) return
    told.set(host, true)
    log.info({ host }, 'the certificate of an origin has no extended key usage; said once for each host')
  }
}
