/** How long an origin's certificate may be valid: what browsers ask of public authorities, and nobody of an organisation's own. */
import { X509Certificate } from 'node:crypto'
import tls from 'node:tls'
import type { PeerCertificate, TLSSocket } from 'node:tls'
import { verifiedChain } from './verified-chain.ts'

/**
 * CA/Browser Forum BR §6.3.2 and Apple 103769, for what is issued from 2020-09-01 on. What was issued before could live
 * 825 days, and all of it is over.
 */
const PUBLIC_MAX_MS = 398 * 86_400_000

/**
 * SHA-256 fingerprints of the roots that somebody here has chosen, as against those that come with Node: `chosen` (PEM),
 * and what Node was told to trust beside its own (`NODE_EXTRA_CA_CERTS`, `--use-system-ca`).
 */
export function ownRoots(chosen: readonly string[]): ReadonlySet<string> {
  return new Set([...chosen.map(fingerprint), ...furtherRoots()])
}

function furtherRoots(): string[] {
  const bundled = tls.getCACertificates('bundled')
  const texts = new Set(bundled)
  const others = tls.getCACertificates('default').filter((pem) => !texts.has(pem))
  if (others.length === 0) return []
  // By fingerprint: what a system has of the same roots is wrapped otherwise.
  const known = new Set(bundled.map(fingerprint))
  return others.map(fingerprint).filter((one) => !known.has(one))
}

const fingerprint = (pem: string): string => new X509Certificate(pem).fingerprint256

/** Whether the certificate, as its connection showed it, is valid for longer than a public one may be, and is below none of the own roots. */
export function livesTooLong(secured: TLSSocket, shown: PeerCertificate, own: ReadonlySet<string>): boolean {
  // Not getPeerX509Certificate: once it was called, Node 24 knows of no certificate any more.
  if (isShortLived(shown)) return false
  return !verifiedChain(secured.getPeerCertificate(true)).some(({ fingerprint256 }) => own.has(fingerprint256))
}

/** False for dates that cannot be read. */
function isShortLived({ valid_from: from, valid_to: to }: PeerCertificate): boolean {
  return Date.parse(to) - Date.parse(from) <= PUBLIC_MAX_MS
}
