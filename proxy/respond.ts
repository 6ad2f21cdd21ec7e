/** The way back to the client: the origin's answer, relayed at the pace of the slower side, or Sluice's own. */
import http from 'node:http'
import { asHttp2, responseHeaders } from './forward-headers.ts'
import { isHttp2 } from './exchange.ts'
import type { ClientResponse, Exchange } from './exchange.ts'
import type { Answer } from './refusal.ts'

/** A client that is still sending when it is refused is read for this long, so that it sees the answer and no reset. */
const LINGER_MS = 2_000
/** …and at most this much, so that it cannot make us read for ever. */
const LINGER_BYTES = 64 * 1024 * 1024

/** Relays the origin's answer. `done` is called once, with whether it arrived whole. */
export function relayResponse(exchange: Exchange, origin: http.IncomingMessage, done: (whole: boolean) => void): void {
  const { response } = exchange
  exchange.state = 'answering'
  exchange.status = origin.statusCode ?? 502
  let finished = false
  const finish = (whole: boolean): void => {
    if (finished) return
    finished = true
    done(whole)
  }
  const flat = responseHeaders(origin.rawHeaders)
  // An answer before the request is complete ends the connection: what is still coming belongs to no request.
  const early = !exchange.bodyEnded
  writeHead(response, exchange.status, flat, early)
  origin.on('data', (chunk: Buffer) => {
    exchange.bytesDown += chunk.length
    exchange.lastActivity = performance.now()
  })
  origin.on('end', () => {
    if (!isHttp2(response) && origin.rawTrailers.length > 0) response.addTrailers(pairs(origin.rawTrailers))
  })
  origin.on('error', () => destroyResponse(response))
  origin.on('aborted', () => destroyResponse(response))
  response.on('close', () => {
    const whole = response.writableFinished && origin.complete
    if (!origin.complete) origin.destroy()
    finish(whole)
    if (early && !exchange.bodyEnded) linger(exchange)
  })
  origin.pipe(response as NodeJS.WritableStream)
}

/** Sends Sluice's own answer, reads a client that is still sending for a moment, and closes. */
export function sendAnswer(exchange: Exchange, answer: Answer): void {
  const { response } = exchange
  if (response.headersSent) {
    destroyResponse(response)
    return
  }
  exchange.state = 'answering'
  exchange.status = answer.status
  const bodyPending = !exchange.bodyEnded && exchange.head?.framing !== 'none'
  writeHead(response, answer.status, [...answer.headers, 'Content-Length', String(answer.body.length)], bodyPending)
  exchange.bytesDown += answer.body.length
  const isHead = exchange.request.method === 'HEAD'
  if (isHead) response.end()
  else response.end(answer.body)
  if (bodyPending) linger(exchange)
}

export function writeHead(response: ClientResponse, status: number, flat: readonly string[], close: boolean): void {
  if (isHttp2(response)) response.writeHead(status, asHttp2(flat))
  else response.writeHead(status, http.STATUS_CODES[status] ?? '', close ? [...flat, 'Connection', 'close'] : [...flat])
}

/** Ends a response that cannot be completed so that the client notices: no clean end of a broken body. */
export function destroyResponse(response: ClientResponse): void {
  if (isHttp2(response)) response.stream.close(http2InternalError)
  else response.destroy()
}

/** RFC 9113 §7. */
const http2InternalError = 2

function linger(exchange: Exchange): void {
  const { request, response } = exchange
  let read = 0
  const stop = (): void => {
    clearTimeout(timer)
    request.removeListener('data', count)
    request.removeListener('end', stop)
    request.removeListener('close', stop)
  }
  const cutOff = (): void => {
    stop()
    // RFC 9113 §8.1: NO_ERROR after a complete response asks the client to stop sending. Some clients (Go before 1.20)
    // drop the response then, so it is the last resort.
    if (isHttp2(response)) response.stream.close(0)
    else request.socket.destroy()
  }
  const count = (chunk: Buffer): void => {
    read += chunk.length
    if (read > LINGER_BYTES) cutOff()
  }
  const timer = setTimeout(cutOff, LINGER_MS)
  request.once('end', stop)
  request.once('close', stop)
  request.on('data', count)
  request.resume()
}

function pairs(flat: readonly string[]): Array<[string, string]> {
  const out: Array<[string, string]> = []
  for (let i = 0; i + 1 < flat.length; i += 2) out.push([flat[i] ?? '', flat[i + 1] ?? ''])
  return out
}
