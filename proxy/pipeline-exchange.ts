/** An exchange that Node's servers carry, over HTTP/1.1 or HTTP/2. */
import http from 'node:http'
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import { closeStream } from './close-stream.ts'
import { Exchange } from './exchange.ts'
import type { Arrival } from './exchange.ts'
import type { Seat } from './roster.ts'
import { touch } from './touch.ts'

/** HTTP/1.1 and HTTP/2 requests are used through what their classes share. */
export type ClientRequest = http.IncomingMessage | Http2ServerRequest
export type ClientResponse = http.ServerResponse | Http2ServerResponse

/** RFC 9113 §7. */
const http2InternalError = 2

export class PipelineExchange extends Exchange {
  readonly request: ClientRequest
  readonly response: ClientResponse
  upstream: http.ClientRequest | null = null
  /** The origin's, once its head has come. */
  answer: http.IncomingMessage | null = null
  /** Its place among those under way. */
  seat: Seat<PipelineExchange> | null = null

  constructor(request: ClientRequest, response: ClientResponse, arrival: Arrival) {
    super({ method: request.method ?? '', httpVersion: request.httpVersion, rawHeaders: request.rawHeaders }, arrival)
    this.request = request
    this.response = response
  }

  override get local(): Exchange['local'] {
    return this.request.socket
  }

  override get isHeldBack(): boolean {
    return this.upstream?.writableNeedDrain === true
  }

  override get isUnread(): boolean {
    return this.response.writableNeedDrain
  }

  /**
   * Node does not read a paused HTTP/1.1 connection, so nobody would see a reset before the origin takes more or is given
   * up. (A close comes behind all that was sent, and is seen when that has been read.)
   */
  override probe(): void {
    if (this.state !== 'forwarding' || this.bodyEnded || isHttp2(this.response) || !this.isHeldBack) return
    if (this.arrival.tunnel === null) touch(this.request.socket)
    else this.arrival.tunnel.touch()
  }

  override destroy(): void {
    if (isHttp2(this.response)) closeStream(this.response.stream, http2InternalError, this.arrival.tunnel)
    else this.response.destroy()
  }
}

export function isHttp2(response: ClientResponse): response is Http2ServerResponse {
  return 'stream' in response
}

/** Whether a response that is closed was sent whole. */
export function wasSentWhole(response: ClientResponse): boolean {
  // Node finishes the stream that a client resets as if all had been written (`writableFinished`).
  return isHttp2(response) ? response.writableEnded && response.stream.rstCode === 0 : response.writableFinished
}
