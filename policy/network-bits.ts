/** Networks as the bits that they share, so that one can be looked up, or compared with another, as a text. */
import ipaddr from 'ipaddr.js'
import { parseNetwork } from './cidr.ts'

export interface NetworkBits {
  readonly bytes: readonly number[]
  /** Leading bits that count. */
  readonly bits: number
}

/** IPv4 has its place in IPv6 (RFC 4291 section 2.5.5.2), where `::/0` holds it too. Throws as `parseNetwork` does. */
export function networkBits(network: string): NetworkBits {
  const { address, prefix, family } = parseNetwork(network)
  return { bytes: bytesOf(address), bits: family === 'ipv4' ? 96 + prefix : prefix }
}

/** The sixteen bytes of an IP address. */
export function bytesOf(address: string): readonly number[] {
  const parsed = ipaddr.parse(address)
  return (parsed instanceof ipaddr.IPv4 ? parsed.toIPv4MappedAddress() : parsed).toByteArray()
}

/** The first bits as a text: `104/00…ffff0a`. */
export function masked(bytes: readonly number[], bits: number): string {
  const kept = bytes.map((byte, i) => byte & (0xff00 >> Math.min(8, Math.max(0, bits - i * 8))))
  return `${bits}/${Buffer.from(kept).toString('hex')}`
}
