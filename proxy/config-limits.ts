/** `proxy.limits` as it is written. A parser throws a plain `Error` that completes "proxy.limits …". */
import { nearest } from '../policy/errors.ts'
import { formatBytes, formatDuration, parseBytes, parseDuration } from './config-values.ts'

/**
 * What one client, and all together, may take of the proxy. Who a client is: a user where one is known, else an address, an IPv6
 * network of 64 bits counting as one; connections are counted before anybody has said who he is, so always by address.
 */
export interface ProxyLimits {
  /** Connections to the proxy port at once, and requests under way: HTTP/2 and pipelines bring many on one. Each needs two file descriptors, one for the origin. */
  readonly connections: number
  /** A browser opens up to 32 to a proxy; many people may come from one address (NAT, a terminal server). */
  readonly connectionsPerClient: number
  /** Tunnels (CONNECT) at once. Fewer than connections, so that plain requests and the proxy's own pages find room. */
  readonly tunnels: number
  readonly tunnelsPerClient: number
  /** Requests of one connection, over HTTP/2 too; with the last the client is told to open another. */
  readonly requestsPerConnection: number
  /** Milliseconds, as all times here: until a request's head is complete (slow loris). */
  readonly headTime: number
  /** Until a TLS handshake is complete, and until a tunnel says what it is. */
  readonly handshakeTime: number
  /**
   * A spliced tunnel or WebSocket in which nothing moves. Longer than the longest heartbeats of push channels: 28 min (Firebase on mobile
   * devices), and the 30 min for which Exchange wants a firewall to keep Direct Push open.
   */
  readonly tunnelIdle: number
  /**
   * Of a tunnel since CONNECT, of another connection since its first request; null: none. Requests finish first, what is spliced or
   * upgraded is cut.
   */
  readonly tunnelAge: number | null
  /** A client that owes bytes of its body. */
  readonly bodyStall: number
  /** An origin that owes an answer, or a client that does not read it. Dropbox's long poll takes up to 480 s and 90 s of jitter (`list_folder/longpoll`). */
  readonly answerStall: number
  /**
   * Resident bytes of the process above which nothing new is taken (503); `auto`: three quarters of what container or machine have; null:
   * none. An opened connection that rests takes about 110 KiB.
   */
  readonly memory: number | 'auto' | null
}

interface Field<T> {
  readonly usual: T
  /** Throws a plain `Error` that completes "which …". */
  readonly parse: (written: Written) => T
  readonly format: (value: T) => Written
}

/** In bytes. A process that has just started takes up to 200 MiB; with a lower bound it would refuse everything. */
export const LEAST_MEMORY = 256 * 1024 ** 2

type Written = string | number

const FIELDS: { readonly [name in keyof ProxyLimits]: Field<ProxyLimits[name]> } = {
  connections: count(8_000),
  connectionsPerClient: count(2_000),
  tunnels: count(6_000),
  tunnelsPerClient: count(1_000),
  requestsPerConnection: count(10_000),
  headTime: time('15s'),
  handshakeTime: time('10s'),
  tunnelIdle: time('30m'),
  tunnelAge: orOff(time('24h')),
  bodyStall: time('2m'),
  answerStall: time('11m'),
  memory: orOff(memory('auto')),
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
    requestsPerConnection: read('requestsPerConnection'),
    headTime: read('headTime'),
    handshakeTime: read('handshakeTime'),
    tunnelIdle: read('tunnelIdle'),
    tunnelAge: read('tunnelAge'),
    bodyStall: read('bodyStall'),
    answerStall: read('answerStall'),
    memory: read('memory'),
  }
}

export function formatProxyLimits(limits: ProxyLimits): Record<string, Written> {
  const write = <K extends keyof ProxyLimits>(name: K): Written => FIELDS[name].format(limits[name])
  return {
    connections: write('connections'),
    connectionsPerClient: write('connectionsPerClient'),
    tunnels: write('tunnels'),
    tunnelsPerClient: write('tunnelsPerClient'),
    requestsPerConnection: write('requestsPerConnection'),
    headTime: write('headTime'),
    handshakeTime: write('handshakeTime'),
    tunnelIdle: write('tunnelIdle'),
    tunnelAge: write('tunnelAge'),
    bodyStall: write('bodyStall'),
    answerStall: write('answerStall'),
    memory: write('memory'),
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

/** At least a second: Sluice looks that often. */
function time(usual: string): Field<number> {
  return {
    usual: parseDuration(usual),
    parse(written) {
      const ms = parseDuration(String(written))
      if (ms < 1_000) throw new Error('must be at least 1s')
      return ms
    },
    format: formatDuration,
  }
}

function memory(usual: 'auto'): Field<number | 'auto'> {
  return {
    usual,
    parse(written) {
      if (written === 'auto') return written
      const bytes = parseBytes(written)
      if (bytes < LEAST_MEMORY) throw new Error('must be at least 256MiB')
      return bytes
    },
    format: value => value === 'auto' ? value : formatBytes(value),
  }
}

function orOff<T>({ usual, parse, format }: Field<T>): Field<T | null> {
  return {
    usual,
    parse: written => written === 'off' ? null : parse(written),
    format: value => value === null ? 'off' : format(value),
  }
}
