/**
 * Which destinations may be reached: ports, and addresses after resolution. The address that was checked is the one
 * that is dialled, so that no second look-up can differ (DNS rebinding).
 */
import { lookup } from 'node:dns/promises'
import { BlockList, isIP } from 'node:net'
import type { LookupAddress } from 'node:dns'
import { RefusedError } from './errors.ts'
import { unmap } from './host-port.ts'

/** Ports that CONNECT and absolute-form requests may name (Squid's `SSL_ports` and web's `Safe_ports`). */
const PORTS: ReadonlySet<number> = new Set([443, 80])

// IANA special-purpose registries (RFC 6890): not globally reachable, or wrapping an IPv4 address that may not be; IPv6 that
// is not assigned; and Azure's WireServer, which stands among public addresses and tells a machine its secrets.
const REFUSED_NETWORKS = [
  '0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '168.63.129.16/32', '169.254.0.0/16', '172.16.0.0/12', '192.0.0.0/24',
  '192.0.2.0/24', '192.88.99.0/24', '192.168.0.0/16', '198.18.0.0/15', '198.51.100.0/24', '203.0.113.0/24',
  '224.0.0.0/4', '240.0.0.0/4',
  '::/96', '::ffff:0:0:0/96', '64:ff9b::/96', '64:ff9b:1::/48', '100::/8', '2001::/23', '2001:db8::/32', '2002::/16',
  '3fff::/20', '4000::/2', '8000::/1',
]

/** A set of networks; an address is canonical text, IPv4-mapped IPv6 counts as IPv4. */
export class Networks {
  private readonly list = new BlockList()
  readonly size: number

  constructor(cidrs: readonly string[]) {
    this.size = cidrs.length
    for (const cidr of cidrs) {
      const [network = '', bits] = cidr.split('/')
      const family = isIP(network)
      if (family === 0) throw new TypeError(`not a network: ${cidr}`)
      this.list.addSubnet(network, bits === undefined ? (family === 4 ? 32 : 128) : Number(bits), family === 4 ? 'ipv4' : 'ipv6')
    }
  }

  has(address: string): boolean {
    const plain = unmap(address)
    const family = isIP(plain)
    return family !== 0 && this.list.check(plain, family === 4 ? 'ipv4' : 'ipv6')
  }
}

const refused = new Networks(REFUSED_NETWORKS)

// Names that mean the machine itself, or its cloud's metadata service, to whoever resolves them.
const REFUSED_NAME = /^(?:(?:.+\.)?localhost|metadata|metadata\.goog|metadata\.google\.internal|instance-data(?:\.ec2\.internal)?)$/

export function checkPort(port: number): void {
  if (!PORTS.has(port)) throw new RefusedError('destination.port', `port ${port}`)
}

/** Throws `destination.address` where an address is private and not allowed. */
export function checkAddress(address: string, allowed: Networks): void {
  if (refused.has(address) && !allowed.has(address)) throw new RefusedError('destination.address', address)
}

/** For what a parent proxy resolves: throws `destination.address` for a refused address, or a name of the machine or its cloud. */
export function checkUnresolved(host: string, allowed: Networks): void {
  if (isIP(host) !== 0) checkAddress(host, allowed)
  else if (REFUSED_NAME.test(host)) throw new RefusedError('destination.address', host)
}

/**
 * Resolves a host to the addresses that may be dialled, in the resolver's order. If any address is refused all are:
 * a name that points inside and outside at once is a trick or a mistake.
 */
export async function resolveDestination(
  host: string,
  allowed: Networks,
  resolve: (host: string) => Promise<readonly LookupAddress[]> = (name) => lookup(name, { all: true, order: 'verbatim' }),
): Promise<readonly string[]> {
  if (isIP(host) !== 0) {
    checkAddress(host, allowed)
    return [host]
  }
  let found: readonly LookupAddress[]
  try {
    found = await resolve(host)
  } catch (error) {
    throw new RefusedError('upstream.name', `cannot resolve ${host}`, error)
  }
  if (found.length === 0) throw new RefusedError('upstream.name', `no address for ${host}`)
  for (const { address } of found) checkAddress(address, allowed)
  return found.map(({ address }) => address)
}
