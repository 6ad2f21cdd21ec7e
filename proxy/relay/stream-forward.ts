/** Takes a request that came over HTTP/2 and may pass to its origin, over HTTP/1.1, and the answer back to its stream. */
import { asHttp2, responseHeaders } from '../forward-headers.ts'
import type { AnswerHead } from './answer-head.ts'
import type { BodyReader } from './body-reader.ts'
import { Forwarding } from './forward.ts'
import { meterPasses } from './meter-body.ts'
import type { OriginLeg } from './origin-leg.ts'
import type { StreamExchange } from './stream-exchange.ts'
import { composeStreamHead } from './stream-head.ts'

export class StreamForwarding extends Forwarding<StreamExchange> {
  /** HTTP/2 keeps what it is given. */
  override readonly hasRoom = false

  protected override send(leg: OriginLeg): void {
    const { exchange, head, conductor } = this
    const { body, came } = exchange
    const passes = body === null ? exchange.isSent || meterPasses(exchange, 0, true) : body.mayBegin()
    if (!passes) {
      conductor.cut(exchange)
      return
    }
    const { restrictions, via } = conductor.parts
    leg.gather()
    leg.write(composeStreamHead(came, head, restrictions().forHost(head.host), via.entry(came.httpVersion)))
    body?.pass(leg)
    leg.flush()
  }

  /** Of a head, which is small, Node tells late that it has. */
  protected override hasLeft(leg: OriginLeg): boolean {
    return !this.exchange.hasSentBody || leg.isDrained
  }

  /** nghttp2 gathers what is written in one turn by itself. */
  override told(): void { /* nothing waits */ }

  override informed(head: AnswerHead): void {
    const { stream } = this.exchange
    this.conductor.passage.quietly(() => {
      if (!stream.destroyed && !stream.closed) stream.additionalHeaders({ ':status': head.status, ...asHttp2(responseHeaders(head.rawHeaders, head.status)) })
    })
  }

  protected override beginAnswer(head: AnswerHead, body: BodyReader): void {
    const { exchange, conductor } = this
    const { stream } = exchange
    const fields = responseHeaders(head.rawHeaders, head.status)
    fields.push('via', conductor.parts.via.entry(head.httpVersion))
    // A stream that is broken off ends by itself before its reset is sent, unless it waits; of an answer without a length that would be its end.
    const waitForTrailers = head.framing === 'chunked' || head.framing === 'close'
    if (waitForTrailers) stream.once('wantTrailers', this.#trail)
    try {
      stream.respond([':status', String(head.status), ...fields], { endStream: body.isEnded, waitForTrailers })
    } catch (error) {
      // A status that is none: nothing was sent.
      conductor.fail(exchange, error)
    }
  }

  /** Each piece of the content; the last is the stream's end as well, where it is known. */
  protected override readonly pass = (piece: Buffer): void => {
    const { stream } = this.exchange
    this.exchange.bytesDown += piece.length
    if (stream.writableEnded || stream.destroyed) return
    if (this.answerBody?.isEnded === true) stream.end(piece)
    else stream.write(piece)
  }

  readonly #trail = (): void => {
    const { stream } = this.exchange
    try {
      stream.sendTrailers(asHttp2(responseHeaders(this.answerBody?.trailers ?? [])))
    } catch {
      // Without them the answer is not whole.
      this.exchange.destroy()
    }
  }

  override more(): void {
    const { stream } = this.exchange
    if (!stream.writableNeedDrain) return
    this.leg?.pause()
    stream.once('drain', () => this.leg?.resume())
  }

  protected override endAnswer(): void {
    this.exchange.endAnswer()
  }

  override drained(): void {
    if (this.exchange.isSending) this.exchange.body?.flow()
  }

  protected override breakOff(): void { /* what was written leaves, or does not */ }
}
