/**
 * Notices over HTTP/1.1 that a client has gone while its upload is held back: Node does not read a paused connection, so
 * nobody would see its end before the origin takes more or is given up.
 */
import type { Duplex } from 'node:stream'
import { isHttp2 } from './exchange.ts'
import type { ClientRequest, Exchange } from './exchange.ts'

/** Node reads at most this much of a connection at once; of a TLS connection it then hands over a record of 16 KiB a time. */
const ONE_READ = 64 * 1024
const RECORDS = ONE_READ / (16 * 1024) + 1

/**
 * Call it every `everyMs`, with how long nothing has moved. A connection that was reset is noticed at once. One that was
 * closed is so behind what its client sent before: it is read a little after one such time, two, four and so on, ten
 * times (640 KiB) before the origin is given up.
 */
export function probeClient(exchange: Exchange, idleMs: number, everyMs: number): void {
  const { state, bodyEnded, request, response, upstream, arrival } = exchange
  if (state !== 'forwarding' || bodyEnded || isHttp2(response) || upstream?.writableNeedDrain !== true) return
  const times = Math.floor(idleMs / everyMs)
  if (times < 1) return
  if (arrival.tunnel === null) touch(request.socket)
  else arrival.tunnel.touch()
  if ((times & (times - 1)) === 0) look(request, request.readableLength + ONE_READ, RECORDS)
}

/** Writes nothing, which fails where the other side has reset the connection. For the TCP connection, not TLS above it. */
export function touch(socket: Duplex): void {
  if (socket.writable && socket.writableLength === 0) socket.write('')
}

/** Lets the connection be read. What comes goes the usual way, and pauses it again where it is too much. */
function look(request: ClientRequest, most: number, times: number): void {
  if (request.destroyed || request.readableLength >= most) return
  request.socket.resume()
  if (times > 1) setImmediate(look, request, most, times - 1)
}
