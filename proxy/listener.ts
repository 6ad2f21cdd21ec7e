/** The proxy port: CONNECT, absolute-form requests for plain HTTP, and the few pages that it answers itself. */
import http from 'node:http'
import https from 'node:https'
import type net from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { SecureContextOptions, TLSSocket } from 'node:tls'
import type { TicketKeys } from '../certs/ticket-keys.ts'
import { SluiceError } from '../policy/errors.ts'
import { userOf } from './certified-user.ts'
import { followTickets, isHandshakeTimeout, listenerTls, withTickets } from './client-tls.ts'
import { writeRefusal } from './connect-answer.ts'
import { Networks } from './destination.ts'
import type { ExceptionServer } from './coach/exception-server.ts'
import { EXCEPTION_PATH } from './coach/offers.ts'
import type { RefusalCode } from './errors.ts'
import type { Arrival } from './exchange.ts'
import { formatHostPort, unmap } from './host-port.ts'
import { Http1Connection } from './http1-connection.ts'
import type { OpenLimits } from './open-limits.ts'
import { noteUser, peerOf } from './peer.ts'
import { Roster } from './roster.ts'
import { hardenServer, serverOptions } from './server-limits.ts'
import { answerWelcome } from './welcome.ts'
import type { WelcomeParts } from './welcome.ts'

export interface ListenerParts {
  /** Networks whose clients may use the proxy; empty: loopback only. */
  readonly clients: readonly string[]
  /** Clients speak TLS, by this; null: they do not. */
  readonly tls: SecureContextOptions | null
  /** By what such clients come back without a full handshake. */
  readonly tickets: TicketKeys
  /** The certificate that a client has shown says who it is. */
  readonly certified: boolean
  /** A client did not get through its handshake, or showed a certificate of nobody. */
  readonly handshakeFailed: (ip: string, error: Error) => void
  readonly connect: (request: http.IncomingMessage, socket: Socket, head: Buffer) => void
  readonly serve: (request: http.IncomingMessage, response: http.ServerResponse, arrival: Arrival) => void
  readonly upgrade: (request: http.IncomingMessage, socket: Duplex, head: Buffer, arrival: Arrival) => void
  readonly welcome: WelcomeParts
  /** The page on which exceptions are asked for; see `ExceptionServer`. */
  readonly exceptions: Pick<ExceptionServer, 'serve'>
  readonly limits: Pick<OpenLimits, 'numbers' | 'connections' | 'watch' | 'ended'>
  /** A connection was not let in: whose address is not named, or one too many. */
  readonly clientRefused: (ip: string, code: RefusalCode) => void
}

export interface Listener {
  readonly addresses: readonly string[]
  /** Connections from now on get this; there must have been one at the start. */
  renew(tls: SecureContextOptions): void
  /** Closes the connections between whose requests nothing is under way; tunnels stay. */
  closeIdle(): void
  /** Stops accepting; connections that are open stay. */
  stop(): void
  /** Ends what is left. */
  close(): void
}

const LOOPBACK = ['127.0.0.0/8', '::1/128']

export async function listen(
  addresses: readonly { readonly host: string; readonly port: number }[], parts: ListenerParts,
): Promise<Listener> {
  const allowed = allowedBy(parts)
  const sockets: Sockets = { open: new Roster(), isOpen: new WeakSet(), refused: new Map() }
  const servers: Array<http.Server | https.Server> = []
  for (const address of addresses) {
    const server = createServer(parts, allowed, sockets)
    try {
      await bind(server, address.host, address.port)
    } catch (error) {
      for (const other of servers) other.close()
      throw error
    }
    servers.push(server)
  }
  return listenerOf(servers, parts, sockets)
}

export interface HandedListener extends Listener {
  /** Takes a connection that another process has accepted, and of which nothing was read. */
  take(socket: Socket): void
  /** Accepts by itself what comes at the address of this number, by a socket that another process has bound. */
  listen(address: number, handle: object): void
}

/** The same for connections that are handed over, as if it had accepted them, or for sockets that are, one for each of so many addresses. */
export function listenHanded(parts: ListenerParts, addresses: number): HandedListener {
  const sockets: Sockets = { open: new Roster(), isOpen: new WeakSet(), refused: new Map() }
  const allowed = allowedBy(parts)
  const servers = Array.from({ length: addresses }, () => createServer(parts, allowed, sockets))
  // Node starts the check of its header time limit when a server listens.
  for (const server of servers) server.emit('listening')
  return {
    ...listenerOf(servers, parts, sockets),
    take(socket) {
      // As the server's own sockets: a client may close its side before it is answered.
      socket.allowHalfOpen = true
      servers[0]?.emit('connection', socket)
    },
    listen(address, handle) {
      servers[address]?.listen(handle)
    },
  }
}

function allowedBy({ clients }: ListenerParts): Networks {
  return new Networks(clients.length === 0 ? LOOPBACK : clients)
}

function createServer(parts: ListenerParts, allowed: Networks, sockets: Sockets): http.Server | https.Server {
  const { numbers, ended } = parts.limits
  const server = parts.tls === null ? http.createServer(serverOptions(numbers))
    : https.createServer({ ...serverOptions(numbers), ...listenerTls(withTickets(parts.tls, parts.tickets), numbers.handshakeTime) })
  hardenServer(server, ended)
  attach(server, parts, allowed, sockets)
  return server
}

function listenerOf(servers: readonly (http.Server | https.Server)[], parts: ListenerParts, sockets: Sockets): Listener {
  let shown = parts.tls
  const eachTls = (change: (server: https.Server, context: ReturnType<typeof withTickets>) => void): void => {
    if (shown === null) return
    const context = withTickets(shown, parts.tickets)
    for (const server of servers) if (server instanceof https.Server) change(server, context)
  }
  const unfollow = followTickets(parts.tickets, () => eachTls((server, { ticketKeys }) => server.setTicketKeys(ticketKeys)))
  return {
    addresses: servers.filter((server) => server.listening).map((server) => addressOf(server)),
    renew(tls) {
      shown = tls
      eachTls((server, context) => server.setSecureContext(context))
    },
    closeIdle() {
      for (const server of servers) server.closeIdleConnections()
    },
    stop() {
      unfollow()
      for (const server of servers) {
        server.close()
        server.closeIdleConnections()
      }
    },
    close() {
      for (const socket of [...sockets.open.values(), ...sockets.refused.keys()]) socket.destroy()
    },
  }
}

interface Sockets {
  readonly open: Roster<Duplex>
  /** The same, to look one up. */
  readonly isOpen: WeakSet<Duplex>
  /** Those that are over a limit, and are told so once they have asked for something. */
  readonly refused: Map<Duplex, RefusalCode>
}

function attach(server: http.Server | https.Server, parts: ListenerParts, allowed: Networks, sockets: Sockets): void {
  const { connections, numbers, watch, ended } = parts.limits
  server.on('connection', (socket: Socket) => {
    const ip = unmap(socket.remoteAddress ?? '')
    if (!allowed.has(ip)) {
      parts.clientRefused(ip, 'client.not-allowed')
      // Nobody reads a sentence before the handshake, and none is made for whoever may not come.
      if (parts.tls === null) writeRefusal(socket, 'client.not-allowed')
      else socket.destroy()
      return
    }
    const full = connections.enter(socket, ip)
    if (full !== null) {
      parts.clientRefused(ip, full)
      // What is answered before it was asked for is no answer to most clients.
      if (parts.tls === null && connections.mayBeTold(socket, ip)) {
        sockets.refused.set(socket, full)
        socket.once('close', () => sockets.refused.delete(socket))
      } else socket.destroy()
      return
    }
    hold(sockets, socket)
  })
  if (server instanceof https.Server) attachTls(server, parts, sockets)
  // A refused client's request may have been read before its connection is closed.
  const isRefused = (socket: Duplex): boolean => {
    if (sockets.isOpen.has(socket)) return false
    const code = sockets.refused.get(socket)
    if (code === undefined) socket.destroy()
    else writeRefusal(socket, code)
    return true
  }
  const begun = new WeakMap<Duplex, Http1Connection>()
  const begin = (socket: Socket): Http1Connection => {
    const before = begun.get(socket)
    if (before !== undefined) return before
    const connection = new Http1Connection(socket, numbers.requestsPerConnection, () => ended('requests'))
    begun.set(socket, connection)
    socket.once('close', watch.add({ startedAt: performance.now(), lastActivity: null, end: () => connection.end() }))
    return connection
  }
  const onRequest = (expects: boolean) => (request: http.IncomingMessage, response: http.ServerResponse): void => {
    if (isRefused(request.socket) || !begin(request.socket).take(response)) return
    const target = ownTarget(request, parts.welcome.publicUrl)
    if (target === null) parts.serve(request, response, arrivalOf(request, expects))
    else if (target.path === EXCEPTION_PATH) parts.exceptions.serve(request, response, target.authority, target.query)
    else answerWelcome(parts.welcome, request, response, target.path)
  }
  server.on('request', onRequest(false))
  server.on('checkContinue', onRequest(true))
  server.on('checkExpectation', onRequest(false))
  server.on('connect', (request: http.IncomingMessage, socket: Duplex, head: Buffer) => {
    if (isRefused(socket)) return
    if (begun.get(socket)?.taken() === false) socket.destroy()
    else parts.connect(request, socket as Socket, head)
  })
  server.on('upgrade', (request: http.IncomingMessage, socket: Duplex, head: Buffer) => {
    if (isRefused(socket)) return
    if (!isForProxying(request)) writeRefusal(socket, 'request.malformed')
    else if (begin(request.socket).upgraded()) parts.upgrade(request, socket, head, arrivalOf(request, false))
    else socket.destroy()
  })
}

function hold({ open, isOpen }: Sockets, socket: Socket): void {
  const seat = open.join(socket)
  isOpen.add(socket)
  socket.once('close', () => {
    open.leave(seat)
    isOpen.delete(socket)
  })
}

/** Requests come on the connection within TLS: it is let in once its handshake is done. */
function attachTls(server: https.Server, parts: ListenerParts, sockets: Sockets): void {
  server.on('secureConnection', (socket: TLSSocket) => {
    const user = parts.certified ? userOf(socket.getPeerCertificate()) : null
    if (parts.certified && user === null) {
      parts.handshakeFailed(peerOf(socket).ip, new Error('the certificate names nobody'))
      socket.destroy()
      return
    }
    if (user !== null) noteUser(socket, user)
    hold(sockets, socket)
  })
  server.on('tlsClientError', (error, socket) => {
    parts.handshakeFailed(unmap(socket.remoteAddress ?? ''), error)
    if (isHandshakeTimeout(error)) parts.limits.ended('handshake')
    // Node tells of a handshake that took too long and leaves its connection open.
    socket.destroy()
  })
}

/** RFC 9112 §3.2.2: what a proxy is to pass on comes in absolute form. */
function isForProxying(request: http.IncomingMessage): boolean {
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(request.url ?? '')
}

interface OwnTarget {
  /** The name by which its client came; null: it is none of the proxy's. */
  readonly authority: string | null
  readonly path: string
  readonly query: string
}

/**
 * What of the proxy's own pages is asked for; null: nothing, the request is to be passed on. A browser that goes through the proxy asks
 * for these in absolute form too, by the name that the proxy gives out, or the address that the browser has reached.
 */
function ownTarget(request: http.IncomingMessage, publicUrl: string | null): OwnTarget | null {
  const { socket, url = '', headers } = request
  const isOwn = (named: URL): boolean => authorityOf(named) === publicUrl ||
    authorityOf(named) === formatHostPort(unmap(socket.localAddress ?? ''), socket.localPort ?? 0)
  if (!isForProxying(request)) {
    const [path = '', query = ''] = split(url)
    const reached = URL.parse(`${'encrypted' in socket ? 'https' : 'http'}://${headers.host ?? ''}`)
    return { authority: reached !== null && isOwn(reached) ? reached.host : null, path, query }
  }
  const named = URL.parse(url)
  if (named === null || named.protocol !== 'http:' || named.username !== '' || !isOwn(named)) return null
  return { authority: named.host, path: named.pathname, query: named.search.slice(1) }
}

/** `host:port`, the port told where the URL leaves it to its scheme. */
export function authorityOf({ protocol, hostname, port }: URL): string {
  return formatHostPort(hostname.replace(/^\[|\]$/g, ''), port === '' ? protocol === 'https:' ? 443 : 80 : Number(port))
}

function split(url: string): string[] {
  const at = url.indexOf('?')
  return at < 0 ? [url] : [url.slice(0, at), url.slice(at + 1)]
}

function arrivalOf(request: http.IncomingMessage, expects: boolean): Arrival {
  return { peer: peerOf(request.socket), tunnel: null, scheme: 'http', expects }
}

/** `host:port`. */
export function addressOf(server: net.Server): string {
  const { address, port } = server.address() as AddressInfo
  return formatHostPort(address, port)
}

/** Rejects with `listen.in-use` or `listen.refused`. */
export function bind(server: net.Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const where = formatHostPort(host, port)
    server.once('error', (error: NodeJS.ErrnoException) => {
      const isTaken = error.code === 'EADDRINUSE'
      reject(new SluiceError(
        isTaken ? 'listen.in-use' : 'listen.refused',
        isTaken ? `${where} is already in use` : `Cannot listen on ${where}: ${error.code ?? error.message}`,
        isTaken ? 'Stop the other program or set proxy.listen to another port.'
          : 'Set proxy.listen to an address of this machine and a port above 1023.',
        { cause: error },
      ))
    })
    server.listen({ host, port }, () => resolve())
  })
}
