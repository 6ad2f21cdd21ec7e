/** Answers on a raw socket: where a CONNECT is refused there is no response object to write to. */
import http from 'node:http'
import type { Duplex } from 'node:stream'
import { REFUSALS, retryAfterOf } from './errors.ts'
import type { RefusalCode } from './errors.ts'

/**
 * Writes a refusal and closes. Browsers show no page for a refused CONNECT, so it is short text for people with tools. `challenge`: how the
 * client can prove who it is.
 */
export function writeRefusal(socket: Duplex, code: RefusalCode, challenge: string | null = null): void {
  if (socket.destroyed || !socket.writable) {
    socket.destroy()
    return
  }
  const { status, text, remedy } = REFUSALS[code]
  const retryAfter = retryAfterOf(code)
  const body = `${text} ${remedy}\n`
  socket.end(
    `HTTP/1.1 ${status} ${http.STATUS_CODES[status] ?? 'Refused'}\r\n` +
    'Content-Type: text/plain; charset=utf-8\r\n' +
    `Content-Length: ${Buffer.byteLength(body)}\r\n` +
    `Proxy-Status: sluice; error=http_request_denied; details="${code}"\r\n` +
    (retryAfter === null ? '' : `Retry-After: ${retryAfter}\r\n`) +
    (challenge === null ? '' : `Proxy-Authenticate: ${challenge}\r\n`) +
    'Cache-Control: no-store\r\nConnection: close\r\n\r\n' +
    body,
    () => socket.destroy(),
  )
}

// RFC 8446 §6: a fatal alert in a record of its own, TLS 1.2 framing.
const UNRECOGNIZED_NAME = Buffer.from([0x15, 3, 3, 0, 2, 2, 112])
const ACCESS_DENIED = Buffer.from([0x15, 3, 3, 0, 2, 2, 49])

/** Ends a TLS handshake that has not begun with an alert, so that the client says why and does not just hang up. */
export function writeAlert(socket: Duplex, alert: 'unrecognized-name' | 'access-denied'): void {
  if (socket.destroyed || !socket.writable) {
    socket.destroy()
    return
  }
  socket.end(alert === 'unrecognized-name' ? UNRECOGNIZED_NAME : ACCESS_DENIED, () => socket.destroy())
}
