/**
 * The way out: dials a destination directly, at a static address, or through a parent proxy; opens verified TLS;
 * keeps connections for reuse within one client's tunnels.
 */
import http from 'node:http'
import https from 'node:https'
import net from 'node:net'
import type { PeerCertificate, TLSSocket } from 'node:tls'
import type { Duplex } from 'node:stream'
import { checkUnresolved, Networks, resolveDestination } from './destination.ts'
import { RefusedError } from './errors.ts'
import { formatHostPort } from './host-port.ts'
import { OriginSessions } from './origin-sessions.ts'
import { readTrust, secure } from './origin-tls.ts'
import type { Trust, TrustFiles } from './origin-tls.ts'
import { connectThroughParent } from './parent.ts'
import type { OwnAddresses } from './own-addresses.ts'
import { OriginPool } from './relay/origin-pool.ts'
import type { Parent } from './parent.ts'
import { EVERYBODY } from './pool-key.ts'
import type { Via } from './via.ts'

export interface UpstreamOptions extends TrustFiles {
  /** `host:port` → `address:port`: static addresses, valid for that name only. */
  readonly hosts: ReadonlyMap<string, { readonly address: string; readonly port: number }>
  readonly parent: Parent | null
  /** Private networks that may be reached. */
  readonly allow: readonly string[]
  readonly via: Via
  readonly own: OwnAddresses
  /** A new connection to an origin, which is believed. */
  readonly secured: (host: string, socket: TLSSocket) => void
  /** The certificate of each that is not resumed. */
  readonly believed?: (host: string, certificate: PeerCertificate) => void
  /** Told where a host was found: addresses, those of the configuration with their port. Not asked behind a parent proxy. */
  readonly located?: (host: string, addresses: readonly string[]) => void
}

/** Where a host is reached. */
export interface Place {
  /** Canonical, those of the configuration with their port; empty where a parent proxy resolves. */
  readonly addresses: readonly string[]
  dial(): Promise<net.Socket>
}

/** How long a TCP connection may take. */
const CONNECT_TIMEOUT_MS = 10_000
/** Shorter than the idle limit of the large providers, so that a reused connection is seldom one they just closed. */
const IDLE_TIMEOUT_MS = 30_000
/** Of one client and host: above the 100 streams of an HTTP/2 connection, whose ends would else close and open connections all the time. */
const MOST_IDLE = 128

export interface Upstream {
  /** Resolves `host:port`, for splicing: what is dialled is what was found. */
  locate(host: string, port: number): Promise<Place>
  /** Agents for one client: connections are reused across its tunnels and never shared with another's. */
  readonly httpAgent: http.Agent
  readonly httpsAgent: https.Agent
  /** The same for the relay engine. */
  readonly pool: OriginPool
  /** Reads roots and revocation lists again, for connections from now on; throws, with all as it was, where they cannot be read. */
  reload(): void
  close(): void
}

export function createUpstream(options: UpstreamOptions): Upstream {
  const allowed = new Networks(options.allow)
  let trust = readTrust(options)
  /** Begun under this trust. */
  let sessions = new OriginSessions()
  /** By what a connection was believed: one of before a reload is used for no further request. */
  const trustOf = new WeakMap<Duplex, Trust>()

  async function locate(host: string, port: number): Promise<Place> {
    const fixed = options.hosts.get(formatHostPort(host, port))
    const { parent } = options
    if (fixed === undefined && parent !== null) {
      // The parent resolves names; an address needs no resolving, and the parent may reach networks that are refused here.
      checkUnresolved(host, allowed)
      return { addresses: [], dial: () => connectThroughParent(parent, host, port, CONNECT_TIMEOUT_MS, options.via) }
    }
    const found = fixed === undefined ? await resolveDestination(host, allowed) : [fixed.address]
    const at = fixed?.port ?? port
    const addresses = fixed === undefined ? found : [formatHostPort(fixed.address, at)]
    options.located?.(host, addresses)
    return { addresses, dial: () => connectTcp(found, at, options.own) }
  }

  async function dial(host: string, port: number): Promise<net.Socket> {
    return (await locate(host, port)).dial()
  }

  /** `client`: the pool key, by which its own sessions are resumed; without one none is. */
  async function dialTls(host: string, port: number, client?: string): Promise<TLSSocket> {
    const socket = await dial(host, port)
    const own = trust
    const secured = await secure(socket, host, own, client === undefined ? null : sessions.with(client, host, port),
      (certificate) => options.believed?.(host, certificate))
    trustOf.set(secured, own)
    options.secured(host, secured)
    return secured
  }

  const shared = { keepAlive: true, maxFreeSockets: MOST_IDLE, timeout: IDLE_TIMEOUT_MS, scheduling: 'lifo' as const }
  const httpAgent = new ClientAgent(shared, (o) => dial(String(o.host), Number(o.port)))
  const httpsAgent = new ClientTlsAgent(shared, (o) => dialTls(String(o.host), Number(o.port), o.poolKey), (socket) => trustOf.get(socket) === trust)
  const pool = new OriginPool({ dial: dialTls, mayKeep: (socket) => trustOf.get(socket) === trust, most: MOST_IDLE, idleMs: IDLE_TIMEOUT_MS })
  return {
    locate,
    httpAgent,
    httpsAgent,
    pool,
    reload() {
      trust = readTrust(options)
      sessions = new OriginSessions()
      for (const idle of Object.values(httpsAgent.freeSockets)) idle?.forEach((socket) => socket.destroy())
      pool.closeIdle()
    },
    close() {
      httpAgent.destroy()
      pool.close()
      httpsAgent.destroy()
    },
  }
}

/** Request options carry the client's identity into the pool key. */
export interface PooledRequestOptions extends http.RequestOptions {
  readonly poolKey?: string
}

/** How Node gives a request its connection; its types leave it out. */
const { addRequest } = https.Agent.prototype as unknown as {
  readonly addRequest: (this: https.Agent, request: http.ClientRequest, options: PooledRequestOptions) => void
}

type Dialler = (options: PooledRequestOptions) => Promise<Duplex>

class ClientAgent extends http.Agent {
  private readonly dialler: Dialler

  constructor(options: http.AgentOptions, dialler: Dialler) {
    super(options)
    this.dialler = dialler
  }

  override getName(options?: PooledRequestOptions): string {
    return `${options?.poolKey ?? ''}|http|${options?.host ?? ''}:${options?.port ?? ''}`
  }

  override createConnection(options: PooledRequestOptions, callback?: (error: Error | null, stream: Duplex) => void): undefined {
    deliver(this.dialler(options), callback)
  }
}

class ClientTlsAgent extends https.Agent {
  private readonly dialler: Dialler
  private readonly mayKeep: (socket: Duplex) => boolean

  constructor(options: https.AgentOptions, dialler: Dialler, mayKeep: (socket: Duplex) => boolean) {
    super(options)
    this.dialler = dialler
    this.mayKeep = mayKeep
  }

  override keepSocketAlive(socket: Duplex): boolean {
    // Node answers whether it keeps the connection, whatever its type says.
    return this.mayKeep(socket) && (super.keepSocketAlive(socket) as unknown) === true
  }

  /** Of a connection that was somebody else's, what its origin says unasked is to be seen before, and it is closed then. */
  addRequest(request: http.ClientRequest, options: PooledRequestOptions): void {
    const go = (): void => addRequest.call(this, request, options)
    // From one of these to the next all sockets are read once.
    if (options.poolKey === EVERYBODY) setImmediate(() => setImmediate(go))
    else go()
  }

  override getName(options?: PooledRequestOptions): string {
    return `${options?.poolKey ?? ''}|https|${options?.host ?? ''}:${options?.port ?? ''}`
  }

  override createConnection(options: PooledRequestOptions, callback?: (error: Error | null, stream: Duplex) => void): undefined {
    deliver(this.dialler(options), callback)
  }
}

function deliver(socket: Promise<Duplex>, callback: ((error: Error | null, stream: Duplex) => void) | undefined): void {
  // Node's callback takes no stream with an error, whatever its type says.
  const done = callback as ((error: Error | null, stream?: Duplex) => void) | undefined
  socket.then((s) => done?.(null, s), (e: unknown) => done?.(e instanceof Error ? e : new Error(String(e))))
}

/** Tries the addresses in order; the first that accepts wins. None is dialled where one is our own. */
async function connectTcp(addresses: readonly string[], port: number, own: OwnAddresses): Promise<net.Socket> {
  for (const address of addresses) own.check(address, port)
  let last: unknown
  for (const address of addresses) {
    try {
      return await connectOne(address, port)
    } catch (error) {
      last = error
    }
  }
  throw last instanceof RefusedError ? last : new RefusedError('upstream.connect', `cannot connect to port ${port}`, last)
}

export function connectOne(address: string, port: number, timeoutMs = CONNECT_TIMEOUT_MS): Promise<net.Socket> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host: address, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: 60_000 })
    const failed = (error: Error): void => {
      clearTimeout(timer)
      reject(new RefusedError('upstream.connect', error.message, error))
    }
    const timer = setTimeout(() => {
      socket.destroy()
      reject(new RefusedError('upstream.timeout', `no connection to ${address} in ${timeoutMs} ms`))
    }, timeoutMs)
    socket.once('connect', () => {
      clearTimeout(timer)
      resolve(socket)
    })
    // Stays: an error before the socket's next owner listens must not end the process.
    socket.once('error', failed)
  })
}
