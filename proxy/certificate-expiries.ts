import { X509Certificate } from 'node:crypto'
import type { Authority } from '../certs/authority.ts'
import type { CertificateName } from '../dashboards/metrics.ts'
import type { Config } from './config.ts'
import { readText } from './read-text.ts'

/** Until when what Sluice shows is valid, by the files as they are now. Throws `config.unreadable`. */
export function certificateExpiries({ proxy, admin }: Pick<Config, 'proxy' | 'admin'>, authority: Pick<Authority, 'notAfter'>): ReadonlyMap<CertificateName, Date> {
  const expiries = new Map<CertificateName, Date>([['authority', authority.notAfter]])
  if (proxy.tls !== null) expiries.set('proxy', expiryOf(proxy.tls.cert, 'proxy.tls.cert'))
  if (admin.tls !== null) expiries.set('admin', expiryOf(admin.tls.cert, 'admin.tls.cert'))
  return expiries
}

/** Of the first certificate: those behind it are its issuers. */
function expiryOf(file: string, key: string): Date {
  return new X509Certificate(readText(file, key)).validToDate
}
