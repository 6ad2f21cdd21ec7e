import { hash } from 'node:crypto'
import * as der from './der.ts'
import type { Asn1 } from './der.ts'

/** The X.509 extensions that Sluice writes (RFC 5280 §4.2), each as a DER-ready ASN.1 value. */

const BASIC_CONSTRAINTS = '2.5.29.19'
const KEY_USAGE = '2.5.29.15'
const EXTENDED_KEY_USAGE = '2.5.29.37'
const SUBJECT_KEY_ID = '2.5.29.14'
const AUTHORITY_KEY_ID = '2.5.29.35'
const SUBJECT_ALT_NAME = '2.5.29.17'
const NAME_CONSTRAINTS = '2.5.29.30'
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1'

/** GeneralName choices (RFC 5280 §4.2.1.6). */
const NAME = { email: 1, dns: 2, ip: 7 } as const
const PERMITTED = 0
const EXCLUDED = 1

function extension(id: string, critical: boolean, value: Asn1): Asn1 {
  const wrapped = der.octets(der.bytes(der.encode(value)))
  return critical ? der.sequence(der.oid(id), der.yes(), wrapped) : der.sequence(der.oid(id), wrapped)
}

/** A CA that may issue end certificates and no further CA. */
export const caWithoutSubordinates = (): Asn1 =>
  extension(BASIC_CONSTRAINTS, true, der.sequence(der.yes(), der.integer(Buffer.of(0))))
export const keyUsageCa = (): Asn1 => extension(KEY_USAGE, true, der.bits('\x06', 1)) // keyCertSign, cRLSign
export const keyUsageLeaf = (): Asn1 => extension(KEY_USAGE, true, der.bits('\x80', 7)) // digitalSignature
/** On a CA it bounds what lies below (CA/Browser Forum BR §7.1.5, Windows, OpenSSL, NSS): no code, no mail. */
export const serverAuthOnly = (): Asn1 => extension(EXTENDED_KEY_USAGE, false, der.sequence(der.oid(SERVER_AUTH)))
export const subjectKeyId = (keyId: Buffer): Asn1 => extension(SUBJECT_KEY_ID, false, der.octets(der.bytes(keyId)))
export const authorityKeyId = (keyId: Buffer): Asn1 =>
  extension(AUTHORITY_KEY_ID, false, der.sequence(der.implicit(0, der.bytes(keyId))))

export type AltName = { readonly dns: string } | { readonly ip: Buffer } | { readonly email: string }

/** Critical: the subject is empty, and then it must be (RFC 5280 §4.2.1.6). */
export function subjectAltName(name: AltName): Asn1 {
  if ('dns' in name) return extension(SUBJECT_ALT_NAME, true, der.sequence(der.implicit(NAME.dns, name.dns)))
  if ('ip' in name) return extension(SUBJECT_ALT_NAME, true, der.sequence(der.implicit(NAME.ip, der.bytes(name.ip))))
  return extension(SUBJECT_ALT_NAME, true, der.sequence(der.implicit(NAME.email, name.email)))
}

/**
 * Permits the domains and all below them, and no address and no mailbox.
 *
 * A constraint binds only the kinds of name it mentions, so each kind has to be mentioned. Addresses: 0.0.0.0/0 and
 * ::/0 are excluded. Mail: "exclude everything" has no portable form (the empty name matches all in Go and NSS, nothing
 * in OpenSSL, and Java refuses to parse it), so the one domain under which no mailbox can exist (`invalid`,
 * RFC 2606 §2) is permitted, which rules out all others everywhere.
 */
export function nameConstraints(domains: readonly string[]): Asn1 {
  const subtree = (kind: number, value: string): Asn1 => der.sequence(der.implicit(kind, value))
  return extension(NAME_CONSTRAINTS, true, der.sequence(
    der.tagged(PERMITTED, ...domains.map(domain => subtree(NAME.dns, domain)), subtree(NAME.email, 'invalid')),
    der.tagged(EXCLUDED, subtree(NAME.ip, '\0'.repeat(8)), subtree(NAME.ip, '\0'.repeat(32))),
  ))
}

/** RFC 7093 §2, method 1: the first 160 bits of the SHA-256 of the public key's bits. */
export function keyIdOf(spki: Buffer): Buffer {
  const bitString = der.content(der.children(der.decode(spki))[1])
  return hash('sha256', Buffer.from(bitString.slice(1), 'latin1'), 'buffer').subarray(0, 20)
}

/** What a CA certificate says about the names and uses below it. */
export interface CaFacts {
  /** DER of the subject, to be copied byte for byte as the issuer of what it signs. */
  readonly subject: Buffer
  readonly keyId: Buffer | null
  /** False where a key usage is present and lacks keyCertSign. */
  readonly signsCertificates: boolean
  /** DNS names within which it may sign; null: no limit. */
  readonly permitted: readonly string[] | null
  readonly excluded: readonly string[]
}

/** Reads a certificate that OpenSSL has already parsed. */
export function readCaFacts(certificate: Buffer): CaFacts {
  const fields = der.children(der.children(der.decode(certificate))[0])
  // version [0], serial, signature, issuer, validity, subject, key, …, extensions [3]: RFC 5280 §4.1
  const subject = fields[5]
  const list = fields.find(field => der.isContext(field, 3))
  const extensions = der.children(der.children(list)[0])
  const read = (id: string): Asn1 | undefined => {
    const found = extensions.find(item => der.isOid(der.children(item)[0], id))
    const value = der.children(found).at(-1)
    return value === undefined ? undefined : der.decode(Buffer.from(der.content(value), 'latin1'))
  }
  const keyId = read(SUBJECT_KEY_ID)
  const usage = read(KEY_USAGE)
  const constraints = der.children(read(NAME_CONSTRAINTS))
  const names = (side: number): string[] => der.children(constraints.find(item => der.isContext(item, side)))
    .flatMap(subtree => der.children(subtree).slice(0, 1))
    .filter(name => der.isContext(name, NAME.dns))
    .map(name => der.content(name).toLowerCase())
  const permitted = names(PERMITTED)
  return {
    subject: subject === undefined ? Buffer.alloc(0) : der.encode(subject),
    keyId: keyId === undefined ? null : Buffer.from(der.content(keyId), 'latin1'),
    signsCertificates: usage === undefined || (der.content(usage).charCodeAt(1) & 0x04) !== 0,
    permitted: permitted.length === 0 ? null : permitted,
    excluded: names(EXCLUDED),
  }
}
