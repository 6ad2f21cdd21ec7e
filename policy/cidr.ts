import { BlockList, isIP } from 'node:net'
import ipaddr from 'ipaddr.js'

/** A network: the address of its first host in canonical text, and the number of leading bits that count. */
export interface Network {
  readonly address: string
  readonly prefix: number
  readonly family: 'ipv4' | 'ipv6'
}

/**
 * Reads `10.0.0.0/8`, `2001:db8::/32` or a single address. Throws a SyntaxError that says what is wrong:
 * a shortened or octal address, bits set behind the prefix, an IPv4 network in IPv6 writing (addresses of
 * clients are told as IPv4, so it would never hold), a zone.
 */
export function parseNetwork(text: string): Network {
  const [address = '', bits, ...rest] = text.split('/')
  const version = address.includes('%') ? 0 : isIP(address)
  const width = version === 4 ? 32 : 128
  const prefix = bits === undefined ? width : /^\d{1,3}$/.test(bits) ? Number(bits) : NaN
  if (version === 0 || rest.length > 0 || !(prefix <= width)) {
    throw new SyntaxError('is not an address or a network; write it as 10.0.0.0/8, 192.0.2.7 or 2001:db8::/32')
  }
  const parsed = ipaddr.parse(address)
  if (parsed instanceof ipaddr.IPv6 && parsed.isIPv4MappedAddress()) {
    const plain = `${parsed.toIPv4Address().toString()}/${Math.max(0, prefix - 96)}`
    throw new SyntaxError(`is an IPv4 network in IPv6 writing; write ${plain}`)
  }
  const cidr = `${address}/${prefix}`
  const first = version === 4
    ? ipaddr.IPv4.networkAddressFromCIDR(cidr).toString()
    : ipaddr.IPv6.networkAddressFromCIDR(cidr).toString()
  if (first !== parsed.toString()) throw new SyntaxError(`has bits set behind its prefix; write ${first}/${prefix}`)
  return { address: first, prefix, family: version === 4 ? 'ipv4' : 'ipv6' }
}

/** A network or address as it is written and compared; throws as `parseNetwork` does. */
export function canonicalNetwork(text: string): string {
  const { address, prefix } = parseNetwork(text.trim())
  return `${address}/${prefix}`
}

/** Tells whether a canonical address lies in one of the networks; false for what is no address. */
export function networkTest(networks: readonly Network[]): (ip: string) => boolean {
  const members = new BlockList()
  for (const { address, prefix, family } of networks) members.addSubnet(address, prefix, family)
  return (ip) => {
    const version = isIP(ip)
    return version !== 0 && members.check(ip, version === 4 ? 'ipv4' : 'ipv6')
  }
}
