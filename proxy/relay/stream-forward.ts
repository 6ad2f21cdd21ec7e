/** Takes a request that came over HTTP/2 and may pass to its origin, over HTTP/1.1, and the answer back to its stream. */
import type { EngineParts } from '../engine-parts.ts'
import type { RefusedError } from '../errors.ts'
import { asHttp2, responseHeaders } from '../forward-headers.ts'
import type { Head } from '../head.ts'
import type { Passage } from '../passage.ts'
import { EVERYBODY, poolKey } from '../pool-key.ts'
import { mayRepeat } from '../repeat.ts'
import type { AnswerHead } from './answer-head.ts'
import type { BodyReader } from './body-reader.ts'
import { meterPasses } from './meter-body.ts'
import { OriginLeg } from './origin-leg.ts'
import type { LegEvents } from './origin-leg.ts'
import { endAnswer } from './stream-answer.ts'
import type { StreamExchange } from './stream-exchange.ts'
import { composeStreamHead } from './stream-head.ts'
import { TappedAnswer } from './tapped-answer.ts'

/** Who answers where the origin's answer does not. */
export interface StreamOwner {
  cut(exchange: StreamExchange): void
  fail(exchange: StreamExchange, error: unknown): void
  broken(exchange: StreamExchange, error: unknown): void
}

export class StreamForwarding implements LegEvents {
  /** HTTP/2 keeps what it is given. */
  readonly hasRoom = false
  readonly #exchange: StreamExchange
  readonly #head: Head
  readonly #parts: EngineParts
  readonly #passage: Passage
  readonly #owner: StreamOwner
  readonly #key: string
  #leg: OriginLeg | null = null
  #isEarly = false
  #answerBody: BodyReader | null = null
  #answer: TappedAnswer | null = null

  constructor(exchange: StreamExchange, head: Head, parts: EngineParts, passage: Passage, owner: StreamOwner) {
    this.#exchange = exchange
    this.#head = head
    this.#parts = parts
    this.#passage = passage
    this.#owner = owner
    this.#key = poolKey(exchange.arrival, head, exchange.user, parts.isShared(head.host))
  }

  /** Throws `RefusedError` where the origin is not reached. */
  async begin(): Promise<void> {
    const exchange = this.#exchange
    const { pool } = this.#parts.upstream
    const { host, port } = this.#head.authority
    // What a kept connection's origin says unasked is to be seen before, and it is closed then.
    if (this.#key === EVERYBODY) await pool.lookOnce()
    // The others that are kept for this client may have been closed as well, so a repetition takes none of them.
    const kept = exchange.retried ? null : pool.take(this.#key, host, port)
    const socket = kept ?? await pool.open(this.#key, host, port)
    if (exchange.state !== 'forwarding' || exchange.refusal !== null) {
      // Nothing was sent on it.
      pool.give(socket, this.#key, host, port)
      return
    }
    const leg = new OriginLeg(socket, kept !== null, exchange, this)
    this.#leg = leg
    exchange.leg = leg
    this.#send(leg)
  }

  /** The head, with what has come of the body by now. */
  #send(leg: OriginLeg): void {
    const exchange = this.#exchange
    const { body, came } = exchange
    const passes = body === null ? exchange.isSent || meterPasses(exchange, 0, true) : body.mayBegin()
    if (!passes) {
      this.#owner.cut(exchange)
      return
    }
    leg.gather()
    leg.write(composeStreamHead(came, this.#head, this.#parts.restrictions().forHost(this.#head.host), this.#parts.via.entry(came.httpVersion)))
    body?.pass(leg)
    leg.flush()
  }

  /** nghttp2 gathers what is written in one turn by itself. */
  told(): void { /* nothing waits */ }

  informed(head: AnswerHead): void {
    const { stream } = this.#exchange
    this.#passage.quietly(() => {
      if (!stream.destroyed && !stream.closed) stream.additionalHeaders({ ':status': head.status, ...asHttp2(responseHeaders(head.rawHeaders, head.status)) })
    })
  }

  answered(head: AnswerHead, body: BodyReader): void {
    const exchange = this.#exchange
    const { stream } = exchange
    exchange.state = 'answering'
    exchange.status = head.status
    exchange.reused = this.#leg?.isReused === true
    // The origin has answered a body that it has not read: nobody knows what it makes of the rest. (A head has none; Node tells late that it left.)
    this.#isEarly = !exchange.isSent || (exchange.hasSentBody && this.#leg?.isDrained !== true)
    this.#answerBody = body
    this.#answer = new TappedAnswer(head, body, this.#pass)
    try {
      this.#passage.observe(exchange, this.#answer)
    } catch (error) {
      this.#owner.broken(exchange, error)
      return
    }
    const fields = responseHeaders(head.rawHeaders, head.status)
    fields.push('via', this.#parts.via.entry(head.httpVersion))
    // A stream that is broken off ends by itself before its reset is sent, unless it waits; of an answer without a length that would be its end.
    const waitForTrailers = head.framing === 'chunked' || head.framing === 'close'
    if (waitForTrailers) stream.once('wantTrailers', this.#trail)
    try {
      stream.respond([':status', String(head.status), ...fields], { endStream: body.isEnded, waitForTrailers })
    } catch (error) {
      // A status that is none: nothing was sent.
      this.#owner.fail(exchange, error)
    }
  }

  /** Each piece of the content; the last is the stream's end as well, where it is known. */
  readonly #pass = (piece: Buffer): void => {
    const { stream } = this.#exchange
    this.#exchange.bytesDown += piece.length
    if (stream.writableEnded || stream.destroyed) return
    if (this.#answerBody?.isEnded === true) stream.end(piece)
    else stream.write(piece)
  }

  readonly #trail = (): void => {
    const { stream } = this.#exchange
    try {
      stream.sendTrailers(asHttp2(responseHeaders(this.#answerBody?.trailers ?? [])))
    } catch {
      // Without them the answer is not whole.
      this.#exchange.destroy()
    }
  }

  more(): void {
    const { stream } = this.#exchange
    if (!stream.writableNeedDrain) return
    this.#leg?.pause()
    stream.once('drain', () => this.#leg?.resume())
  }

  ended(_last: Buffer, isClean: boolean): void {
    const { host, port } = this.#head.authority
    if (isClean && !this.#isEarly && this.#leg !== null) this.#parts.upstream.pool.give(this.#leg.release(), this.#key, host, port, this.#leg.idleMs)
    else this.#leg?.destroy()
    this.#tellEnd(true)
    endAnswer(this.#exchange)
  }

  /** A learner's defect must not keep the answer from its end. */
  #tellEnd(isWhole: boolean): void {
    this.#passage.quietly(() => this.#answer?.ended(isWhole))
  }

  drained(): void {
    if (this.#exchange.isSending) this.#exchange.body?.flow()
  }

  failed(error: RefusedError): void {
    const exchange = this.#exchange
    this.#tellEnd(false)
    if (exchange.stream.headersSent) {
      // Whose fault it was: without this it would look as if the client had gone.
      if (exchange.state !== 'done' && exchange.refusal === null) {
        exchange.refusal = 'upstream.broken'
        exchange.failure = error
      }
      exchange.destroy()
    } else if (exchange.state === 'forwarding' && !exchange.hasSentBody && mayRepeat(exchange, this.#leg?.isReused === true)) {
      exchange.retried = true
      exchange.leg = null
      this.begin().catch((fault: unknown) => this.#owner.broken(exchange, fault))
    } else this.#owner.fail(exchange, error)
  }

  broken(error: unknown): void {
    this.#owner.broken(this.#exchange, error)
  }
}
