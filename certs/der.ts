import type forge from 'node-forge'
import asn1 from 'node-forge/lib/asn1.js'

/**
 * The few ASN.1 shapes that certificates need. What is written is put together of bytes, from the inside out: a leaf is made while its
 * client waits. What is read, node-forge takes apart; it keeps bytes as Latin-1 strings.
 */
export type Asn1 = forge.asn1.Asn1

const { CONTEXT_SPECIFIC } = asn1.Class
const { Type } = asn1
const CONSTRUCTED = 0x20

export const sequence = (...items: readonly Uint8Array[]): Buffer => valueOf(CONSTRUCTED | Type.SEQUENCE, items)
export const set = (...items: readonly Uint8Array[]): Buffer => valueOf(CONSTRUCTED | Type.SET, items)
export const oid = (dotted: string): Buffer => valueOf(Type.OID, [Buffer.from(asn1.oidToDer(dotted).getBytes(), 'latin1')])
export const nothing = (): Buffer => valueOf(Type.NULL, [])
export const yes = (): Buffer => valueOf(Type.BOOLEAN, [Buffer.of(0xff)])
export const utf8 = (text: string): Buffer => valueOf(Type.UTF8, [Buffer.from(text, 'utf8')])
export const octets = (value: Uint8Array): Buffer => valueOf(Type.OCTETSTRING, [value])
export const bits = (value: Uint8Array, unused = 0): Buffer => valueOf(Type.BITSTRING, [Buffer.of(unused), value])
/** [n] IMPLICIT of a primitive. */
export const implicit = (n: number, value: Uint8Array): Buffer => valueOf(CONTEXT_SPECIFIC | n, [value])
/** [n] around items: EXPLICIT of one, or IMPLICIT of a sequence's content. */
export const tagged = (n: number, ...items: readonly Uint8Array[]): Buffer => valueOf(CONTEXT_SPECIFIC | CONSTRUCTED | n, items)

/** A positive INTEGER from big-endian bytes, in the shortest form (X.690 §8.3.2). */
export function integer(magnitude: Uint8Array): Buffer {
  const first = magnitude.findIndex(byte => byte !== 0)
  const digits = first === -1 ? Buffer.of(0) : magnitude.subarray(first)
  return valueOf(Type.INTEGER, (digits[0] ?? 0) >= 0x80 ? [Buffer.of(0), digits] : [digits])
}

/** RFC 5280 §4.1.2.5: UTCTime through 2049, GeneralizedTime from 2050. Whole seconds, UTC. */
export function time(date: Date): Buffer {
  const digits = `${date.toISOString().slice(0, 19).replaceAll(/\D/g, '')}Z`
  return date.getUTCFullYear() < 2050
    ? valueOf(Type.UTCTIME, [Buffer.from(digits.slice(2), 'latin1')])
    : valueOf(Type.GENERALIZEDTIME, [Buffer.from(digits, 'latin1')])
}

/** X.690 §8.1: the tag, the length in its shortest form, and the items one behind another. */
function valueOf(tag: number, items: readonly Uint8Array[]): Buffer {
  const length = items.reduce((sum, item) => sum + item.length, 0)
  const head = length < 0x80 ? [tag, length]
    : length < 0x100 ? [tag, 0x81, length]
    : length < 0x1_0000 ? [tag, 0x82, length >> 8, length & 0xff]
    : [tag, 0x83, length >> 16, length >> 8 & 0xff, length & 0xff]
  return Buffer.concat([Buffer.from(head), ...items], head.length + length)
}

export const encode = (node: Asn1): Buffer => Buffer.from(asn1.toDer(node).getBytes(), 'latin1')
/** Throws where `der` is not one well-formed value. */
export const decode = (der: Uint8Array): Asn1 => asn1.fromDer(Buffer.from(der).toString('latin1'))

/** The parts of a constructed value; none for a primitive. */
export const children = (node: Asn1 | undefined): readonly Asn1[] =>
  node !== undefined && typeof node.value !== 'string' ? node.value : []
/** The bytes of a primitive value; empty for a constructed one. */
export const content = (node: Asn1 | undefined): string =>
  node !== undefined && typeof node.value === 'string' ? node.value : ''
export const isContext = (node: Asn1, n: number): boolean =>
  node.tagClass === CONTEXT_SPECIFIC && Number(node.type) === n
/** `id`: DER. */
export const isOid = (node: Asn1 | undefined, id: Buffer): boolean => node?.type === Type.OID && encode(node).equals(id)

export function toPem(label: string, der: Uint8Array): string {
  const lines = Buffer.from(der).toString('base64').match(/.{1,64}/g) ?? []
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`
}
