/** Reads a client that is still sending when it has its answer: were its connection closed at once, a reset would overtake what it has not read yet. */
import type { TLSSocket } from 'node:tls'
import { LINGER_BYTES, LINGER_MS } from '../respond.ts'
import type { RelayExchange } from './relay-exchange.ts'

/** `done` is called once: the body has ended, the time is over, or the connection is closed. */
export function linger(socket: TLSSocket, { body }: RelayExchange, done: () => void): void {
  let read = 0
  const stop = (): void => {
    clearTimeout(timer)
    socket.off('data', count)
    socket.off('close', stop)
    done()
  }
  const count = (chunk: Buffer): void => {
    read += chunk.length
    if (read > LINGER_BYTES || hasEnded(chunk)) stop()
  }
  const hasEnded = (chunk: Buffer): boolean => {
    if (body === null) return false
    try {
      body.scan(chunk, 0)
      return body.isEnded
    } catch {
      // What is no body has no end.
      return true
    }
  }
  const timer = setTimeout(stop, LINGER_MS)
  socket.once('close', stop)
  socket.on('data', count)
  socket.resume()
}
