import forge from 'node-forge'

/** The few ASN.1 shapes that certificates need, over node-forge. forge keeps bytes as Latin-1 strings. */
export type Asn1 = forge.asn1.Asn1

const { asn1 } = forge
const { UNIVERSAL, CONTEXT_SPECIFIC } = asn1.Class
const { Type } = asn1

export const bytes = (buffer: Uint8Array): string => Buffer.from(buffer).toString('latin1')
export const sequence = (...items: Asn1[]): Asn1 => asn1.create(UNIVERSAL, Type.SEQUENCE, true, items)
export const set = (...items: Asn1[]): Asn1 => asn1.create(UNIVERSAL, Type.SET, true, items)
export const oid = (dotted: string): Asn1 => asn1.create(UNIVERSAL, Type.OID, false, asn1.oidToDer(dotted).getBytes())
export const nothing = (): Asn1 => asn1.create(UNIVERSAL, Type.NULL, false, '')
export const yes = (): Asn1 => asn1.create(UNIVERSAL, Type.BOOLEAN, false, '\xff')
export const utf8 = (text: string): Asn1 =>
  asn1.create(UNIVERSAL, Type.UTF8, false, bytes(Buffer.from(text, 'utf8')))
export const octets = (value: string): Asn1 => asn1.create(UNIVERSAL, Type.OCTETSTRING, false, value)
export const bits = (value: string, unused = 0): Asn1 =>
  asn1.create(UNIVERSAL, Type.BITSTRING, false, String.fromCharCode(unused) + value)
/** [n] IMPLICIT of a primitive. */
export const implicit = (n: number, value: string): Asn1 => asn1.create(CONTEXT_SPECIFIC, n, false, value)
/** [n] around items: EXPLICIT of one, or IMPLICIT of a sequence's content. */
export const tagged = (n: number, ...items: Asn1[]): Asn1 => asn1.create(CONTEXT_SPECIFIC, n, true, items)

/** A positive INTEGER from big-endian bytes, in the shortest form (X.690 §8.3.2). */
export function integer(magnitude: Uint8Array): Asn1 {
  const first = magnitude.findIndex(byte => byte !== 0)
  const digits = first === -1 ? '\0' : bytes(magnitude.subarray(first))
  return asn1.create(UNIVERSAL, Type.INTEGER, false, digits.charCodeAt(0) >= 0x80 ? `\0${digits}` : digits)
}

/** RFC 5280 §4.1.2.5: UTCTime through 2049, GeneralizedTime from 2050. Whole seconds, UTC. */
export function time(date: Date): Asn1 {
  return date.getUTCFullYear() < 2050
    ? asn1.create(UNIVERSAL, Type.UTCTIME, false, asn1.dateToUtcTime(date))
    : asn1.create(UNIVERSAL, Type.GENERALIZEDTIME, false, asn1.dateToGeneralizedTime(date))
}

export const encode = (node: Asn1): Buffer => Buffer.from(asn1.toDer(node).getBytes(), 'latin1')
/** Throws where `der` is not one well-formed value. */
export const decode = (der: Uint8Array): Asn1 => asn1.fromDer(bytes(der))

/** The parts of a constructed value; none for a primitive. */
export const children = (node: Asn1 | undefined): readonly Asn1[] =>
  node !== undefined && typeof node.value !== 'string' ? node.value : []
/** The bytes of a primitive value; empty for a constructed one. */
export const content = (node: Asn1 | undefined): string =>
  node !== undefined && typeof node.value === 'string' ? node.value : ''
export const isContext = (node: Asn1, n: number): boolean =>
  node.tagClass === CONTEXT_SPECIFIC && Number(node.type) === n
export const isOid = (node: Asn1 | undefined, dotted: string): boolean =>
  node?.type === Type.OID && asn1.derToOid(content(node)) === dotted

export function toPem(label: string, der: Uint8Array): string {
  const lines = Buffer.from(der).toString('base64').match(/.{1,64}/g) ?? []
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`
}
