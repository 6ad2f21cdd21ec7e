/** The way back to the client: the origin's answer, relayed at the pace of the slower side, or Sluice's own. */
import http from 'node:http'
import { closeStream } from './close-stream.ts'
import { RefusedError } from './errors.ts'
import { asHttp2, responseHeaders } from './forward-headers.ts'
import { linger } from './linger.ts'
import { isHttp2 } from './pipeline-exchange.ts'
import type { ClientResponse, PipelineExchange } from './pipeline-exchange.ts'
import type { Answer } from './refusal.ts'
import type { Via } from './via.ts'

/** Passes Early Hints on (RFC 8297): of an answer before the answer, what it says to fetch. */
export function passHints({ response, state, refusal }: PipelineExchange, { statusCode, headers: { link } }: http.InformationEvent): void {
  if (statusCode !== 103 || link === undefined || state !== 'forwarding' || refusal !== null || response.headersSent) return
  try {
    response.writeEarlyHints({ link })
  } catch {
    // What Node does not take for a link is a hint that is not given.
  }
}

/** Relays the origin's answer. Throws where it cannot be written as HTTP (a status that is none); nothing was sent then. */
export function relayResponse(exchange: PipelineExchange, origin: http.IncomingMessage, via: Via): void {
  const { response } = exchange
  const status = origin.statusCode ?? 0
  // RFC 9110 §15: three digits from 100 on; Node hands informational ones over elsewhere, and would send others as 200.
  if (status < 200) throw new RefusedError('upstream.broken', `status ${status}`)
  exchange.state = 'answering'
  exchange.status = status
  exchange.answer = origin
  const flat = responseHeaders(origin.rawHeaders, status)
  flat.push('Via', via.entry(origin.httpVersion))
  // An answer before the request is complete ends the connection: what is still coming belongs to no request.
  writeHead(response, status, flat, !exchange.bodyEnded)
  origin.on('data', (chunk: Buffer) => {
    exchange.bytesDown += chunk.length
    exchange.lastActivity = performance.now()
  })
  origin.on('end', () => {
    const trailers = responseHeaders(origin.rawTrailers)
    if (trailers.length > 0) {
      if (isHttp2(response)) response.addTrailers(asHttp2(trailers))
      else response.addTrailers(pairs(trailers))
    }
    if (!exchange.bodyEnded) {
      exchange.request.unpipe()
      exchange.upstream?.destroy()
    }
    endResponse(exchange)
  })
  const broken = (): void => {
    // Whose fault it was: without this it would look as if the client had gone.
    if (exchange.state !== 'done' && exchange.refusal === null) {
      exchange.refusal = 'upstream.broken'
      exchange.failure = new RefusedError('upstream.broken', 'the answer ended early')
    }
    exchange.destroy()
  }
  origin.on('error', broken)
  origin.on('aborted', broken)
  response.on('close', () => {
    if (!origin.complete) origin.destroy()
  })
  origin.pipe(response as NodeJS.WritableStream, { end: false })
}

/** Sends Sluice's own answer, reads a client that is still sending for a moment, and closes. */
export function sendAnswer(exchange: PipelineExchange, answer: Answer): void {
  const { response } = exchange
  if (response.headersSent || exchange.status === 101) {
    exchange.destroy()
    return
  }
  exchange.state = 'answering'
  exchange.status = answer.status
  writeHead(response, answer.status, [...answer.headers, 'Content-Length', String(answer.body.length)], !exchange.bodyEnded)
  exchange.bytesDown += answer.body.length
  if (exchange.asked.method !== 'HEAD') (response as NodeJS.WritableStream).write(answer.body)
  endResponse(exchange)
}

/**
 * Ends an answer, all of which has been written. Over HTTP/1.1, Node closes the connection with an answer that says
 * `Connection: close`; were the client still sending then, it would get a reset in place of what it has not read yet.
 */
function endResponse(exchange: PipelineExchange): void {
  const { request, response, arrival } = exchange
  const sending = !exchange.bodyEnded && (!arrival.expects || exchange.continued)
  if (!sending || isHttp2(response)) response.end()
  if (!sending) return
  linger(request, (isCut) => {
    if (!isHttp2(response)) response.end()
    // RFC 9113 §8.1: NO_ERROR after a complete response asks the client to stop sending. Some clients (Go before 1.20)
    // drop the response then, so it is the last resort.
    else if (isCut) closeStream(response.stream, 0, arrival.tunnel)
  })
}

export function writeHead(response: ClientResponse, status: number, flat: readonly string[], close: boolean): void {
  if (isHttp2(response)) response.writeHead(status, asHttp2(flat))
  else response.writeHead(status, http.STATUS_CODES[status] ?? '', close ? [...flat, 'Connection', 'close'] : [...flat])
}

function pairs(flat: readonly string[]): Array<[string, string]> {
  const out: Array<[string, string]> = []
  for (let i = 0; i + 1 < flat.length; i += 2) out.push([flat[i] ?? '', flat[i + 1] ?? ''])
  return out
}
