import ipaddr from 'ipaddr.js'

/** Addresses that one caller has at will count as one: an IPv6 network of 64 bits (RFC 6177 §2). */
export function sameCaller(address: string): string {
  if (!ipaddr.isValid(address)) return address
  const parsed = ipaddr.process(address)
  if (parsed instanceof ipaddr.IPv4) return parsed.toString()
  return `${parsed.toByteArray().slice(0, 8).map((byte) => byte.toString(16).padStart(2, '0')).join('')}/64`
}
