/** Limits of every HTTP/1.1 server that faces clients. Node's defaults that are not kept, and why. */
import type http from 'node:http'
import type { Duplex } from 'node:stream'
import type { ProxyLimits } from './config-limits.ts'

export function serverOptions({ headTime }: Pick<ProxyLimits, 'headTime'>): http.ServerOptions {
  // Node looks for heads that are late this often.
  return { ...SERVER_LIMITS, headersTimeout: headTime, connectionsCheckingInterval: Math.min(5_000, headTime) }
}

/** Longer than the 60 s of common client pools. */
export const KEEP_ALIVE_MS = 75_000

const SERVER_LIMITS = {
  /** Cookies of large providers pass 16 KiB; what is larger than this is an attack or a fault (431). */
  maxHeaderSize: 64 * 1024,
  /** Node's 300 s would cut long uploads; `StallWatch` ends those that do not move. */
  requestTimeout: 0,
  keepAliveTimeout: KEEP_ALIVE_MS,
  insecureHTTPParser: false,
  requireHostHeader: false,
  noDelay: true,
  /** Other upgrades (h2c) are ignored, as RFC 9110 §7.8 allows, and the request is served as it is. */
  shouldUpgradeCallback: (request: http.IncomingMessage) => request.headers.upgrade?.toLowerCase() === 'websocket',
} as const satisfies http.ServerOptions

/** How long a client that was told of its fault may take to close. */
const LINGER_MS = 1_000

/** What a client is told of a fault that Node found, by Node's code. */
const STATUSES: ReadonlyMap<string, string> = new Map([
  ['HPE_HEADER_OVERFLOW', '431 Request Header Fields Too Large'], ['ERR_HTTP_REQUEST_TIMEOUT', '408 Request Timeout'],
])

/** `ended`: a head was not complete in time. */
export function hardenServer(server: http.Server, ended: (by: 'head') => void): void {
  // Any limit here would drop fields without a word (CVE-2026-58044); `head.ts` counts and refuses.
  server.maxHeadersCount = 0
  server.timeout = 0
  const answered = new WeakSet<Duplex>()
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    // What such a client goes on sending is an error each time; it is read, so that a reset does not overtake the answer.
    if (answered.has(socket)) return
    if (!socket.writable) {
      socket.destroy()
      return
    }
    if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') ended('head')
    const status = (error.code === undefined ? undefined : STATUSES.get(error.code)) ?? '400 Bad Request'
    answered.add(socket)
    socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
    // A client that does not close its side would keep the connection otherwise.
    const timer = setTimeout(() => socket.destroy(), LINGER_MS)
    socket.once('close', () => clearTimeout(timer))
  })
}
