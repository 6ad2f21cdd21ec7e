import { X509Certificate } from 'node:crypto'
import type { DetailedPeerCertificate } from 'node:tls'

/** Longer than any chain that OpenSSL verifies by default. */
const DEPTH_MAX = 100

/**
 * The certificates from an origin's own up to its root. Each link is checked here, and the first that does not hold, or
 * cannot be read, is the end: Node puts the chain together by names alone, and an origin may send what bears a name and
 * a key and proves nothing.
 */
export function verifiedChain(peer: DetailedPeerCertificate): readonly X509Certificate[] {
  const chain = [new X509Certificate(peer.raw)]
  for (let at = peer; chain.length < DEPTH_MAX; at = at.issuerCertificate) {
    // The root is its own issuer.
    if ((at.issuerCertificate as DetailedPeerCertificate | undefined) === undefined || at.issuerCertificate === at) break
    const issuer = issuerOf(chain.at(-1), at.issuerCertificate)
    if (issuer === null) break
    chain.push(issuer)
  }
  return chain
}

function issuerOf(below: X509Certificate | undefined, { raw }: DetailedPeerCertificate): X509Certificate | null {
  try {
    const issuer = new X509Certificate(raw)
    return issuer.ca && below?.verify(issuer.publicKey) === true ? issuer : null
  } catch {
    // A key of an unknown kind, say.
    return null
  }
}
