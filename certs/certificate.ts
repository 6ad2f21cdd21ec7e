import { randomBytes, sign } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import * as der from './der.ts'
import { CertificateError } from './errors.ts'

/** What goes into a certificate. Names are DER, so that an issuer is copied byte for byte. */
export interface CertificateFields {
  readonly issuer: Buffer
  readonly subject: Buffer
  readonly notBefore: Date
  readonly notAfter: Date
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKey: Buffer
  /** DER. */
  readonly extensions: readonly Buffer[]
}

const COMMON_NAME = '2.5.4.3'
/** RFC 5758 §3.2 (no parameters) and RFC 4055 §5 (NULL parameters). */
const ECDSA_SHA256 = der.sequence(der.oid('1.2.840.10045.4.3.2'))
const RSA_SHA256 = der.sequence(der.oid('1.2.840.113549.1.1.11'), der.nothing())
/** RFC 5280 §4.1.2.1: version 3 is written as 2. */
const V3 = Buffer.of(2)
const MIN_RSA_BITS = 2048
/** NIST P-256, P-384 and P-521, by OpenSSL's names: what browsers accept from a CA. */
const CURVES = ['prime256v1', 'secp384r1', 'secp521r1']

export const emptyName = (): Buffer => der.sequence()
export const commonName = (text: string): Buffer =>
  der.sequence(der.set(der.sequence(der.oid(COMMON_NAME), der.utf8(text))))

/**
 * Assembles a certificate and signs it: SHA-256 with the issuer's EC or RSA key, a random 128-bit serial
 * (CA/Browser Forum BR §7.1 asks for 64 bits). It judges nothing: `leaf.ts` and `authority.ts` decide what may be
 * signed. Answers PEM. Throws `ca.key-refused` for a key that no browser would accept.
 */
export function assembleCertificate(fields: CertificateFields, key: KeyObject): string {
  const algorithm = signatureAlgorithm(key)
  const tbs = der.sequence(
    der.tagged(0, der.integer(V3)),
    der.integer(randomBytes(16)),
    algorithm,
    fields.issuer,
    der.sequence(der.time(fields.notBefore), der.time(fields.notAfter)),
    fields.subject,
    fields.publicKey,
    der.tagged(3, der.sequence(...fields.extensions)),
  )
  const signature = sign('sha256', tbs, key)
  return der.toPem('CERTIFICATE', der.sequence(tbs, algorithm, der.bits(signature)))
}

/** DER of its AlgorithmIdentifier. Throws `ca.key-refused`. */
export function signatureAlgorithm(key: KeyObject): Buffer {
  const { namedCurve, modulusLength } = key.asymmetricKeyDetails ?? {}
  const type = key.asymmetricKeyType ?? 'unknown'
  if (type === 'ec' && CURVES.includes(namedCurve ?? '')) return ECDSA_SHA256
  if (type === 'rsa' && (modulusLength ?? 0) >= MIN_RSA_BITS) return RSA_SHA256
  throw new CertificateError('ca.key-refused',
    `The authority's key (${[type, namedCurve ?? modulusLength ?? ''].join(' ').trim()}) is not accepted by browsers`,
    'Use an EC key on P-256, P-384 or P-521, or an RSA key of 2048 bits or more')
}
