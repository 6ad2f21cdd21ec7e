/** The proxy port: CONNECT, absolute-form requests for plain HTTP, and the few pages that it answers itself. */
import http from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { SluiceError } from '../policy/errors.ts'
import { writeRefusal } from './connect-answer.ts'
import { Networks } from './destination.ts'
import type { ExceptionServer } from './coach/exception-server.ts'
import { EXCEPTION_PATH } from './coach/offers.ts'
import type { Arrival } from './exchange.ts'
import { formatHostPort, unmap } from './host-port.ts'
import { hardenServer, SERVER_LIMITS } from './server-limits.ts'
import { answerWelcome } from './welcome.ts'
import type { WelcomeParts } from './welcome.ts'

export interface ListenerParts {
  /** Networks whose clients may use the proxy; empty: loopback only. */
  readonly clients: readonly string[]
  readonly connect: (request: http.IncomingMessage, socket: Socket, head: Buffer) => void
  readonly serve: (request: http.IncomingMessage, response: http.ServerResponse, arrival: Arrival) => void
  readonly upgrade: (request: http.IncomingMessage, socket: Duplex, head: Buffer, arrival: Arrival) => void
  readonly welcome: WelcomeParts
  /** The page on which exceptions are asked for; see `ExceptionServer`. */
  readonly exceptions: Pick<ExceptionServer, 'serve'>
  readonly clientRefused: (ip: string) => void
}

export interface Listener {
  readonly addresses: readonly string[]
  /** Stops accepting; connections that are open stay. */
  stop(): void
  /** Ends what is left. */
  close(): void
}

const LOOPBACK = ['127.0.0.0/8', '::1/128']

export async function listen(
  addresses: readonly { readonly host: string; readonly port: number }[], parts: ListenerParts,
): Promise<Listener> {
  const allowed = new Networks(parts.clients.length === 0 ? LOOPBACK : parts.clients)
  const sockets = new Set<Socket>()
  const servers: http.Server[] = []
  for (const address of addresses) {
    const server = http.createServer(SERVER_LIMITS)
    hardenServer(server)
    attach(server, parts, allowed, sockets)
    try {
      await bind(server, address.host, address.port)
    } catch (error) {
      for (const other of servers) other.close()
      throw error
    }
    servers.push(server)
  }
  return {
    addresses: servers.map((server) => {
      const { address, port } = server.address() as AddressInfo
      return formatHostPort(address, port)
    }),
    stop() {
      for (const server of servers) {
        server.close()
        server.closeIdleConnections()
      }
    },
    close() {
      for (const socket of sockets) socket.destroy()
    },
  }
}

function attach(server: http.Server, parts: ListenerParts, allowed: Networks, sockets: Set<Socket>): void {
  server.on('connection', (socket: Socket) => {
    const ip = unmap(socket.remoteAddress ?? '')
    if (!allowed.has(ip)) {
      parts.clientRefused(ip)
      writeRefusal(socket, 'client.not-allowed')
      return
    }
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  // A refused client's request may have been read before its connection is closed.
  const isRefused = (socket: Duplex): boolean => {
    if (sockets.has(socket as Socket)) return false
    socket.destroy()
    return true
  }
  const onRequest = (expects: boolean) => (request: http.IncomingMessage, response: http.ServerResponse): void => {
    if (isRefused(request.socket)) return
    const target = ownTarget(request, parts.welcome.publicUrl)
    if (target === null) parts.serve(request, response, arrivalOf(request, expects))
    else if (target.path === EXCEPTION_PATH) parts.exceptions.serve(request, response, target.authority, target.query)
    else answerWelcome(parts.welcome, request, response, target.path)
  }
  server.on('request', onRequest(false))
  server.on('checkContinue', onRequest(true))
  server.on('checkExpectation', onRequest(false))
  server.on('connect', (request: http.IncomingMessage, socket: Duplex, head: Buffer) => {
    if (!isRefused(socket)) parts.connect(request, socket as Socket, head)
  })
  server.on('upgrade', (request: http.IncomingMessage, socket: Duplex, head: Buffer) => {
    if (isRefused(socket)) return
    if (isForProxying(request)) parts.upgrade(request, socket, head, arrivalOf(request, false))
    else writeRefusal(socket, 'request.malformed')
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
  const isOwn = ({ host, hostname, port }: URL): boolean => host === publicUrl ||
    formatHostPort(hostname.replace(/^\[|\]$/g, ''), port === '' ? 80 : Number(port)) === formatHostPort(unmap(socket.localAddress ?? ''), socket.localPort ?? 0)
  if (!isForProxying(request)) {
    const [path = '', query = ''] = split(url)
    const reached = URL.parse(`http://${headers.host ?? ''}`)
    return { authority: reached !== null && isOwn(reached) ? reached.host : null, path, query }
  }
  const named = URL.parse(url)
  if (named === null || named.protocol !== 'http:' || named.username !== '' || !isOwn(named)) return null
  return { authority: named.host, path: named.pathname, query: named.search.slice(1) }
}

function split(url: string): string[] {
  const at = url.indexOf('?')
  return at < 0 ? [url] : [url.slice(0, at), url.slice(at + 1)]
}

function arrivalOf(request: http.IncomingMessage, expects: boolean): Arrival {
  const { socket } = request
  return { peer: { ip: unmap(socket.remoteAddress ?? ''), port: socket.remotePort ?? 0 }, tunnel: null, scheme: 'http', expects }
}

function bind(server: http.Server, host: string, port: number): Promise<void> {
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
