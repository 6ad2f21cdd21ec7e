/** `proxy.limits` as it is written. A parser throws a plain `Error` that completes "proxy.limits …". */
import { nearest } from '../policy/errors.ts'

/**
 * What one client, and all together, may take of the proxy. Who a client is: a user where one is known, else an address, an IPv6
 * network of 64 bits counting as one; connections are counted before anybody has said who he is, so always by address.
 */
export interface ProxyLimits {
  /** Connections to the proxy port at once. Each needs two file descriptors, one for the origin. */
  readonly connections: number
  /** A browser opens up to 32 to a proxy; many people may come from one address (NAT, a terminal server). */
  readonly connectionsPerClient: number
  /** Tunnels (CONNECT) at once. Fewer than connections, so that plain requests and the proxy's own pages find room. */
  readonly tunnels: number
  readonly tunnelsPerClient: number
}

interface Field<T> {
  readonly usual: T
  /** Throws a plain `Error` that completes "which …". */
  readonly parse: (written: Written) => T
  readonly format: (value: T) => Written
}

type Written = string | number

const FIELDS: { readonly [name in keyof ProxyLimits]: Field<ProxyLimits[name]> } = {
  connections: count(8_000),
  connectionsPerClient: count(2_000),
  tunnels: count(6_000),
  tunnelsPerClient: count(1_000),
}
const NAMES = Object.keys(FIELDS)

export function parseProxyLimits(written: Readonly<Record<string, Written>>): ProxyLimits {
  const wrong = Object.keys(written).find(name => !NAMES.includes(name))
  if (wrong !== undefined) {
    const near = nearest(wrong, NAMES)
    throw new Error(`has ${JSON.stringify(wrong.slice(0, 60)).slice(1, -1)}, which is not known; ` +
      (near === undefined ? `known are ${NAMES.join(', ')}` : `did you mean ${near}?`))
  }
  const read = <K extends keyof ProxyLimits>(name: K): ProxyLimits[K] => {
    const value = written[name]
    const { usual, parse } = FIELDS[name]
    if (value === undefined) return usual
    try {
      return parse(value)
    } catch (error) {
      throw new Error(`has ${name}, which ${error instanceof Error ? error.message : String(error)}`, { cause: error })
    }
  }
  return {
    connections: read('connections'),
    connectionsPerClient: read('connectionsPerClient'),
    tunnels: read('tunnels'),
    tunnelsPerClient: read('tunnelsPerClient'),
  }
}

export function formatProxyLimits(limits: ProxyLimits): Record<string, Written> {
  const write = <K extends keyof ProxyLimits>(name: K): Written => FIELDS[name].format(limits[name])
  return {
    connections: write('connections'),
    connectionsPerClient: write('connectionsPerClient'),
    tunnels: write('tunnels'),
    tunnelsPerClient: write('tunnelsPerClient'),
  }
}

function count(usual: number): Field<number> {
  return {
    usual,
    parse(written) {
      if (typeof written === 'number' && Number.isInteger(written) && written >= 1 && written <= 1_000_000) return written
      throw new Error('must be a whole number from 1 to 1000000')
    },
    format: value => value,
  }
}
