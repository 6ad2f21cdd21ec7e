/**
 * Notices over HTTP/1.1 that a client has gone while its upload is held back: Node does not read a paused connection, so
 * nobody would see its reset before the origin takes more or is given up. (A close comes behind all that was sent, and
 * is seen when that has been read.)
 */
import type { Duplex } from 'node:stream'
import { isHttp2 } from './exchange.ts'
import type { Exchange } from './exchange.ts'

export function probeClient({ state, bodyEnded, request, response, upstream, arrival }: Exchange): void {
  if (state !== 'forwarding' || bodyEnded || isHttp2(response) || upstream?.writableNeedDrain !== true) return
  if (arrival.tunnel === null) touch(request.socket)
  else arrival.tunnel.touch()
}

/** Writes nothing, which fails where the other side has reset the connection. For the TCP connection, not TLS above it. */
export function touch(socket: Duplex): void {
  if (socket.writable && socket.writableLength === 0) socket.write('')
}
