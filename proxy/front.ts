/**
 * The TLS server that clients of an intercepted host talk to. It has no port of its own: tunnels are handed to it in
 * process. HTTP/1.1 and HTTP/2 each get Node's own server behind it, so that the limits of each can be set.
 */
import http from 'node:http'
import http2 from 'node:http2'
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import type { ContextCache } from '../certs/context-cache.ts'
import type { TlsLeg } from '../dashboards/outcome.ts'
import { writeRefusal } from './connect-answer.ts'
import { isHandshakeTimeout } from './client-tls.ts'
import { endSession } from './end-session.ts'
import { isHttp2 } from './pipeline-exchange.ts'
import type { ClientRequest, ClientResponse } from './pipeline-exchange.ts'
import { Http1Connection } from './http1-connection.ts'
import { NamedServer } from './named-server.ts'
import type { OpenLimits } from './open-limits.ts'
import type { Relay } from './relay/relay.ts'
import type { StreamRelay } from './relay/stream-relay.ts'
import { hardenServer, serverOptions } from './server-limits.ts'
import { destroyIdle } from './session-idle.ts'
import { SessionProbe } from './session-probe.ts'
import { endAfter } from './session-requests.ts'
import { tlsLegOf } from './tls-leg.ts'
import type { Tunnel } from './tunnel.ts'
import { STREAM_WINDOW, UploadWindows } from './upload-windows.ts'

/** An HTTP/2 connection on which nothing moves stays so much longer than the longest poll, which moves nothing. */
const SESSION_IDLE_MORE_MS = 60_000
/** The best first. */
const PROTOCOLS = ['h2', 'http/1.1']

export interface FrontParts {
  readonly contexts: ContextCache
  readonly limits: Pick<OpenLimits, 'numbers' | 'watch' | 'ended'>
  /** One request inside a tunnel; `expects`: the client waits for `100 Continue`. */
  readonly serve: (request: ClientRequest, response: ClientResponse, tunnel: Tunnel, expects: boolean) => void
  readonly upgrade: (request: http.IncomingMessage, socket: Duplex, head: Buffer, tunnel: Tunnel) => void
  /** A handshake is done; `isResumed`: without certificate and key, by the ticket of one before. */
  readonly secured: (leg: TlsLeg, isResumed: boolean) => void
  /** Carries HTTP/1.1; null: `serve` is given all of it. */
  readonly relay: Pick<Relay, 'accept'> | null
  /** The same of HTTP/2. */
  readonly streams: Pick<StreamRelay, 'serve'> | null
  /** A handshake failed: the client does not trust the CA, or spoke nonsense. */
  readonly handshakeFailed: (tunnel: Tunnel | null, error: Error) => void
}

export interface Front {
  /** Takes a tunnel over. What was read of it must have been put back. */
  accept(socket: Socket, tunnel: Tunnel): void
  /** Serves HTTP/1.1 on a connection whose handshake is done. */
  serveHttp1(socket: TLSSocket, tunnel: Tunnel): void
  /** Closes the connections on which nothing is under way. */
  closeIdle(): void
  close(): void
}

export function createFront(parts: FrontParts): Front {
  const { numbers, watch, ended } = parts.limits
  const waiting = new Map<string, Tunnel>()
  const tunnels = new WeakMap<object, Tunnel>()
  const connections = new WeakMap<Socket, Http1Connection>()
  /** Of each HTTP/2 session, what closes it where nothing is under way. */
  const sessions = new Set<() => void>()

  const http1 = http.createServer(serverOptions(numbers))
  hardenServer(http1, ended)
  // Node starts the check of its header time limit when a server listens, which this one never does.
  http1.emit('listening')
  const h2 = http2.createServer({
    // RFC 9113 §10.5: what one connection may ask of us. 100 streams is what browsers expect (§5.1.2).
    settings: { maxConcurrentStreams: 100, initialWindowSize: STREAM_WINDOW, maxHeaderListSize: 64 * 1024, enablePush: false },
    maxSessionMemory: 64,
    maxHeaderListPairs: 256,
    // An origin may repeat a field (`X-Content-Type-Options: nosniff` twice is common); that is passed on, not thrown at.
    strictSingleValueFields: false,
  })

  const front = new NamedServer({
    // Of a list Node copies the bytes for each connection, into a buffer of 64 KiB that others share: none of it is freed before the last is.
    ALPNCallback: ({ protocols }) => PROTOCOLS.find((name) => protocols.includes(name)),
    handshakeTimeout: numbers.handshakeTime,
  })
  front.on('secureConnection', (socket) => {
    const waited = waiting.get(keyOf(socket))
    if (waited === undefined) {
      socket.destroy()
      return
    }
    waiting.delete(keyOf(socket))
    const leg = tlsLegOf(socket)
    parts.secured(leg, socket.isSessionReused())
    const tunnel: Tunnel = { ...waited, tls: leg }
    tunnels.set(socket, tunnel)
    socket.on('error', () => socket.destroy())
    if (socket.alpnProtocol === 'h2') {
      current = tunnel
      h2.emit('connection', socket)
    } else if (parts.relay === null) serveHttp1(socket, tunnel)
    else parts.relay.accept(socket, tunnel)
  })
  const serveHttp1 = (socket: TLSSocket, tunnel: Tunnel): void => {
    const connection = new Http1Connection(socket, numbers.requestsPerConnection, () => ended('requests'))
    connections.set(socket, connection)
    socket.once('close', watch.add({ startedAt: tunnel.startedAt, lastActivity: null, end: () => connection.end() }))
    http1.emit('connection', socket)
    // It may have been paused to be handed over.
    socket.resume()
  }
  front.on('tlsClientError', (error, socket) => {
    const tunnel = waiting.get(keyOf(socket)) ?? null
    waiting.delete(keyOf(socket))
    parts.handshakeFailed(tunnel, error)
    if (isHandshakeTimeout(error)) ended('handshake')
    // Node tells of a handshake that took too long and leaves its connection open.
    socket.destroy()
  })

  const probe = new SessionProbe()
  const windows = new UploadWindows()
  // The session is made while its connection is being announced, so the tunnel is the one announced last.
  let current: Tunnel | null = null
  h2.on('session', (session) => {
    const tunnel = current
    current = null
    if (tunnel === null) {
      session.destroy()
      return
    }
    tunnels.set(session, tunnel)
    probe.add(session, tunnel)
    windows.add(session, () => tunnel.destroy())
    session.once('close', watch.add({ startedAt: tunnel.startedAt, lastActivity: null, end: () => endSession(session, tunnel) }))
    const requests = endAfter(session, numbers.requestsPerConnection, () => {
      if (session.closed) return
      ended('requests')
      endSession(session, tunnel)
    })
    const closeIdle = (): void => { if (requests.isResting()) endSession(session, tunnel) }
    sessions.add(closeIdle)
    session.once('close', () => sessions.delete(closeIdle))
    session.on('error', () => session.destroy())
    // HTTP/1.1 has its keep-alive limit; without this, one that says nothing more would stay for ever.
    // Below it, too: a session that is stuck does not close its connection.
    destroyIdle(session, numbers.answerStall + SESSION_IDLE_MORE_MS, () => tunnel.destroy())
  })

  const onRequest = (expects: boolean) => (request: ClientRequest, response: ClientResponse): void => {
    const tunnel = tunnels.get('stream' in request ? (request.stream.session ?? request) : request.socket)
    if (tunnel === undefined) request.destroy()
    else if (isHttp2(response)) {
      later(response.stream, () => parts.serve(request, response, tunnel, expects))
    } else if (connections.get(request.socket)?.take(response) === true) parts.serve(request, response, tunnel, expects)
  }
  const { streams } = parts
  if (streams !== null) {
    h2.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, _flags: number, rawHeaders: string[]) => {
      const tunnel = tunnels.get(stream.session ?? stream)
      stream.on('error', () => undefined) // its close tells
      if (tunnel === undefined) stream.close()
      else later(stream, () => streams.serve(stream, headers, rawHeaders, tunnel))
    })
  }
  for (const server of streams === null ? [http1, h2] : [http1]) {
    server.on('request', onRequest(false))
    server.on('checkContinue', onRequest(true))
    // Node's HTTP/2 server knows only the lower-case form; some programs (the AWS SDK for Go) write `100-Continue`.
    server.on('checkExpectation', (request: ClientRequest, response: ClientResponse) => {
      onRequest(request.headers.expect?.toLowerCase() === '100-continue')(request, response)
    })
  }
  http1.on('upgrade', (request: http.IncomingMessage, socket: Duplex, head: Buffer) => {
    const tunnel = tunnels.get(request.socket)
    if (tunnel === undefined || connections.get(request.socket)?.upgraded() === false) socket.destroy()
    else parts.upgrade(request, socket, head, tunnel)
  })
  http1.on('connect', (_request, socket: Duplex) => writeRefusal(socket, 'request.malformed'))

  return {
    serveHttp1,
    accept(socket, tunnel) {
      // The proxy port leaves sockets half open; an HTTP/2 session would then outlive a client that has closed its side.
      socket.allowHalfOpen = false
      const key = keyOf(socket)
      waiting.set(key, tunnel)
      socket.once('close', () => waiting.delete(key))
      // A handshake without SNI never gets here: `connect.ts` needs the name.
      parts.contexts.get(tunnel.serverName).then((context) => {
        if (!socket.destroyed) front.accept(socket, context)
      }).catch((error: unknown) => {
        waiting.delete(key)
        parts.handshakeFailed(tunnel, asError(error))
        socket.destroy()
      })
    },
    closeIdle() {
      http1.closeIdleConnections()
      for (const closeIdle of sessions) closeIdle()
    },
    close() {
      probe.stop()
      http1.close()
      http1.closeAllConnections()
      h2.close()
      front.close()
    },
  }
}

/** CVE-2023-44487: what is asked and taken back at once, again and again, is not passed on to the origin. */
function later(stream: ServerHttp2Stream, serve: () => void): void {
  setImmediate(() => { if (!stream.destroyed) serve() })
}

/** A connection's ends tell it from all others that are open, and TLS sockets pass on those of the socket below. */
function keyOf(socket: Pick<Socket, 'remoteAddress' | 'remotePort' | 'localAddress' | 'localPort'>): string {
  return `${socket.remoteAddress ?? ''}|${socket.remotePort ?? 0}|${socket.localAddress ?? ''}|${socket.localPort ?? 0}`
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}
