/** Answers as HTTP/2 takes them: how one of Sluice's own is sent, and how any is ended. */
import { closeStream } from '../close-stream.ts'
import { LINGER_BYTES, LINGER_MS } from '../respond.ts'
import type { Answer } from '../refusal.ts'
import type { StreamExchange } from './stream-exchange.ts'

/** Sends Sluice's own answer. Once another has begun nothing can be said any more, and the stream is broken off. */
export function sendOwnAnswer(exchange: StreamExchange, { status, headers, body }: Answer): void {
  const { stream } = exchange
  if (stream.headersSent || stream.destroyed) {
    exchange.destroy()
    return
  }
  exchange.state = 'answering'
  exchange.status = status
  exchange.bytesDown += body.length
  const isBare = exchange.asked.method === 'HEAD' || body.length === 0
  stream.respond([':status', String(status), ...headers, 'content-length', String(body.length)], { endStream: isBare })
  if (!isBare) stream.end(body)
  endAnswer(exchange)
}

/** Ends an answer, all of which has been written, and reads a client that is still sending for a moment, so that it reads as well. */
export function endAnswer(exchange: StreamExchange): void {
  const { stream, arrival } = exchange
  exchange.isEnded = true
  if (!stream.writableEnded) stream.end()
  if (!exchange.bodyEnded && (!arrival.expects || exchange.continued)) linger(exchange)
}

function linger({ stream, arrival }: StreamExchange): void {
  let read = 0
  const stop = (): void => {
    clearTimeout(timer)
    stream.off('data', count)
    stream.off('end', stop)
    stream.off('close', stop)
  }
  const cutOff = (): void => {
    stop()
    // RFC 9113 §8.1: NO_ERROR after a complete response asks the client to stop sending. Some clients (Go before 1.20)
    // drop the response then, so it is the last resort.
    closeStream(stream, 0, arrival.tunnel)
  }
  const count = (chunk: Buffer): void => {
    read += chunk.length
    if (read > LINGER_BYTES) cutOff()
  }
  const timer = setTimeout(cutOff, LINGER_MS)
  stream.once('end', stop)
  stream.once('close', stop)
  stream.on('data', count)
  stream.resume()
}
