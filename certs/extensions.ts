import { hash } from 'node:crypto'
import * as der from './der.ts'
import type { Asn1 } from './der.ts'

/** The X.509 extensions that Sluice writes (RFC 5280 §4.2), each as DER. */

const BASIC_CONSTRAINTS = der.oid('2.5.29.19')
const KEY_USAGE = der.oid('2.5.29.15')
const EXTENDED_KEY_USAGE = der.oid('2.5.29.37')
const SUBJECT_KEY_ID = der.oid('2.5.29.14')
const AUTHORITY_KEY_ID = der.oid('2.5.29.35')
const SUBJECT_ALT_NAME = der.oid('2.5.29.17')
const NAME_CONSTRAINTS = der.oid('2.5.29.30')
const SERVER_AUTH = der.oid('1.3.6.1.5.5.7.3.1')

/** GeneralName choices (RFC 5280 §4.2.1.6). */
const NAME = { email: 1, dns: 2, ip: 7 } as const
const PERMITTED = 0
const EXCLUDED = 1

function extension(id: Buffer, critical: boolean, value: Buffer): Buffer {
  return critical ? der.sequence(id, der.yes(), der.octets(value)) : der.sequence(id, der.octets(value))
}

/** A CA that may issue end certificates and no further CA. */
export const caWithoutSubordinates = (): Buffer =>
  extension(BASIC_CONSTRAINTS, true, der.sequence(der.yes(), der.integer(Buffer.of(0))))
export const keyUsageCa = (): Buffer => extension(KEY_USAGE, true, der.bits(Buffer.of(0x06), 1)) // keyCertSign, cRLSign
export const keyUsageLeaf = (): Buffer => extension(KEY_USAGE, true, der.bits(Buffer.of(0x80), 7)) // digitalSignature
/** On a CA it bounds what lies below (CA/Browser Forum BR §7.1.5, Windows, OpenSSL, NSS): no code, no mail. */
export const serverAuthOnly = (): Buffer => extension(EXTENDED_KEY_USAGE, false, der.sequence(SERVER_AUTH))
export const subjectKeyId = (keyId: Buffer): Buffer => extension(SUBJECT_KEY_ID, false, der.octets(keyId))
export const authorityKeyId = (keyId: Buffer): Buffer =>
  extension(AUTHORITY_KEY_ID, false, der.sequence(der.implicit(0, keyId)))

export type AltName = { readonly dns: string } | { readonly ip: Buffer } | { readonly email: string }

/** Critical: the subject is empty, and then it must be (RFC 5280 §4.2.1.6). */
export function subjectAltName(name: AltName): Buffer {
  if ('dns' in name) return extension(SUBJECT_ALT_NAME, true, der.sequence(der.implicit(NAME.dns, Buffer.from(name.dns, 'latin1'))))
  if ('ip' in name) return extension(SUBJECT_ALT_NAME, true, der.sequence(der.implicit(NAME.ip, name.ip)))
  return extension(SUBJECT_ALT_NAME, true, der.sequence(der.implicit(NAME.email, Buffer.from(name.email, 'latin1'))))
}

/**
 * Permits the domains and all below them, and no address and no mailbox.
 *
 * A constraint binds only the kinds of name it mentions, so each kind has to be mentioned. Addresses: 0.0.0.0/0 and
 * ::/0 are excluded. Mail: "exclude everything" has no portable form (the empty name matches all in Go and NSS, nothing
 * in OpenSSL, and Java refuses to parse it), so the one domain under which no mailbox can exist (`invalid`,
 * RFC 2606 §2) is permitted, which rules out all others everywhere.
 */
export function nameConstraints(domains: readonly string[]): Buffer {
  const subtree = (kind: number, value: Buffer): Buffer => der.sequence(der.implicit(kind, value))
  return extension(NAME_CONSTRAINTS, true, der.sequence(
    der.tagged(PERMITTED, ...domains.map(domain => subtree(NAME.dns, Buffer.from(domain, 'latin1'))), subtree(NAME.email, Buffer.from('invalid', 'latin1'))),
    der.tagged(EXCLUDED, subtree(NAME.ip, Buffer.alloc(8)), subtree(NAME.ip, Buffer.alloc(32))),
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
  const read = (id: Buffer): Asn1 | undefined => {
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
