import type { Authority } from './authority.ts'
import { emptyName } from './certificate.ts'
import { CertificateError, howToRenew } from './errors.ts'
import * as extensions from './extensions.ts'
import { isHostName } from './names.ts'

const DAY = 86_400_000
/** Below the 47 days that public leaves may last from 2029 (CA/Browser Forum SC-081v3). */
const LIFETIME = 45 * DAY
/** Clients whose clock is a little behind. */
const BACKDATE = DAY

export interface Leaf {
  /** The leaf and what a server sends behind it. */
  readonly certificatePem: string
  readonly notAfter: Date
}

/**
 * A server certificate for exactly one DNS name, valid from a day ago for 45 days and never outside the authority's own
 * time. The name stands in the critical subjectAltName alone, the subject is empty: no client reads the common name any
 * more, and a directory-name constraint of an imported CA then cannot be violated (RFC 5280 §4.2.1.10).
 *
 * `publicKeySpki`: SubjectPublicKeyInfo, DER.
 * Throws `ca.name-refused` for anything but a canonical host name inside the constraint (addresses and wildcards
 * included), `ca.expired` when the authority has run out.
 */
export function issueLeaf(authority: Authority, host: string, publicKeySpki: Buffer, now: Date): Leaf {
  if (!isHostName(host)) {
    throw new CertificateError('ca.name-refused',
      `No certificate is made for ${JSON.stringify(host.slice(0, 253))}: it is not a host name`,
      'Only lower-case DNS names of two labels or more are opened')
  }
  if (!authority.covers(host)) {
    throw new CertificateError('ca.name-refused',
      `No certificate is made for ${host}: it lies outside the authority's name constraint`,
      `Add its domain to certs.domains. ${howToRenew(authority.imported)}`)
  }
  if (authority.notAfter <= now) {
    throw new CertificateError('ca.expired', `The certificate authority expired on ${authority.notAfter.toISOString()}`,
      howToRenew(authority.imported))
  }
  const notBefore = new Date(Math.max(now.getTime() - BACKDATE, authority.notBefore.getTime()))
  const notAfter = new Date(Math.min(now.getTime() - BACKDATE + LIFETIME, authority.notAfter.getTime()))
  const certificatePem = authority.sign({
    subject: emptyName(),
    notBefore,
    notAfter,
    publicKey: publicKeySpki,
    extensions: [
      extensions.keyUsageLeaf(),
      extensions.serverAuthOnly(),
      extensions.subjectAltName({ dns: host }),
      ...authority.keyId === null ? [] : [extensions.authorityKeyId(authority.keyId)],
    ],
  })
  return { certificatePem: certificatePem + authority.chainPem, notAfter }
}
