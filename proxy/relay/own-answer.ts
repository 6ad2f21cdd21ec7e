/** Answers of Sluice's own over HTTP/1.1. */
import http from 'node:http'
import type { TLSSocket } from 'node:tls'
import type { Answer } from '../refusal.ts'

/** How long a client that was told of its fault may take to close, milliseconds. */
const FAULT_LINGER_MS = 1_000

/** An answer of Sluice's own as it goes over the wire. `isHead`: its body stays here. */
export function composeOwnAnswer({ status, headers, body }: Answer, isHead: boolean, close: boolean): Buffer {
  let head = `HTTP/1.1 ${status} ${http.STATUS_CODES[status] ?? ''}\r\nDate: ${new Date().toUTCString()}\r\n`
  for (let i = 0; i + 1 < headers.length; i += 2) head += `${headers[i] ?? ''}: ${headers[i + 1] ?? ''}\r\n`
  head += `Content-Length: ${body.length}\r\n${close ? 'Connection: close\r\n' : ''}\r\n`
  const bytes = Buffer.from(head, 'latin1')
  return isHead ? bytes : Buffer.concat([bytes, body])
}

/** Tells a client of its fault and ends its connection. `status`: code and reason. */
export function answerFault(socket: TLSSocket, status: string): void {
  // What such a client goes on sending is read for a moment, so that a reset does not overtake the answer.
  socket.resume()
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
  const timer = setTimeout(() => socket.destroy(), FAULT_LINGER_MS)
  socket.once('close', () => clearTimeout(timer))
}
