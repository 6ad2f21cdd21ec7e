/** Takes a request that may pass to its origin, and the answer back to its client. */
import type { EngineParts } from '../engine-parts.ts'
import { RefusedError } from '../errors.ts'
import type { Head } from '../head.ts'
import type { Passage } from '../passage.ts'
import { EVERYBODY, poolKey } from '../pool-key.ts'
import { mayRepeat } from '../repeat.ts'
import type { AnswerHead } from './answer-head.ts'
import type { BodyReader } from './body-reader.ts'
import { composeAnswerHead, composeRequestHead } from './forward-head.ts'
import { meterPasses } from './meter-body.ts'
import { OriginLeg } from './origin-leg.ts'
import type { LegEvents } from './origin-leg.ts'
import type { RelayExchange } from './relay-exchange.ts'
import { TappedAnswer } from './tapped-answer.ts'

export class Forwarding implements LegEvents {
  readonly #exchange: RelayExchange
  readonly #head: Head
  readonly #parts: EngineParts
  readonly #passage: Passage
  readonly #key: string
  #leg: OriginLeg | null = null
  #isEarly = false
  #answerBody: BodyReader | null = null
  #answer: TappedAnswer | null = null
  /** The answer's head, until what came with it has been read: it leaves together with that. */
  #waiting: Buffer | null = null

  constructor(exchange: RelayExchange, head: Head, parts: EngineParts, passage: Passage) {
    this.#exchange = exchange
    this.#head = head
    this.#parts = parts
    this.#passage = passage
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
    const { body, ahead, aheadContent, came } = exchange
    if (!exchange.isSent && (body === null || !meterPasses(exchange, aheadContent, body.isEnded))) {
      exchange.connection.cut(exchange)
      return
    }
    const bytes = composeRequestHead(came, this.#head, this.#parts.restrictions().forHost(this.#head.host), this.#parts.via.entry(came.httpVersion))
    if (this.#head.framing === 'none') {
      leg.write(bytes)
      return
    }
    leg.gather()
    leg.write(bytes)
    for (let bytes = ahead.shift(); bytes !== null; bytes = ahead.shift()) exchange.sendBody(bytes)
    exchange.connection.pump(exchange)
    leg.flush()
  }

  informed(head: AnswerHead): void {
    if (!this.#exchange.connection.socket.write(composeAnswerHead(head, this.#parts.via.entry(head.httpVersion), false))) this.#leg?.pause()
  }

  answered(head: AnswerHead, body: BodyReader): void {
    const exchange = this.#exchange
    exchange.state = 'answering'
    exchange.status = head.status
    exchange.reused = this.#leg?.isReused === true
    // The origin has answered what it has not read: nobody knows what it makes of the rest.
    this.#isEarly = !exchange.isSent || this.#leg?.isDrained !== true
    // An answer before the request is complete ends the connection: what is still coming belongs to no request.
    if (!exchange.bodyEnded || head.framing === 'close') exchange.isLast = true
    this.#answerBody = body
    this.#answer = new TappedAnswer(head, body)
    try {
      this.#passage.observe(exchange, this.#answer)
    } catch (error) {
      exchange.connection.broken(exchange, error)
      return
    }
    this.#waiting = composeAnswerHead(head, this.#parts.via.entry(head.httpVersion), exchange.isLast)
    exchange.isAnswered = true
  }

  get hasRoom(): boolean {
    return this.#waiting === null && this.#exchange.connection.hasRoom
  }

  more(bytes: Buffer): void {
    const exchange = this.#exchange
    exchange.bytesDown += this.#answerBody?.content ?? 0
    this.#write(this.#withHead(bytes))
  }

  told(): void {
    if (this.#waiting !== null) this.#write(this.#withHead(NOTHING))
  }

  #write(bytes: Buffer): void {
    if (!this.#exchange.connection.writeBody(bytes)) this.#leg?.pause()
  }

  #withHead(bytes: Buffer): Buffer {
    const head = this.#waiting
    if (head === null) return bytes
    this.#waiting = null
    return bytes.length === 0 ? head : Buffer.concat([head, bytes])
  }

  ended(last: Buffer, isClean: boolean): void {
    const exchange = this.#exchange
    const { host, port } = this.#head.authority
    exchange.bytesDown += last.length === 0 ? 0 : this.#answerBody?.content ?? 0
    if (isClean && !this.#isEarly && this.#leg !== null) this.#parts.upstream.pool.give(this.#leg.release(), this.#key, host, port, this.#leg.idleMs)
    else this.#leg?.destroy()
    this.#tellEnd(true)
    exchange.connection.answerEnded(exchange, this.#withHead(last))
  }

  /** A learner's defect must not keep the answer from its end. */
  #tellEnd(isWhole: boolean): void {
    this.#passage.quietly(() => this.#answer?.ended(isWhole))
  }

  drained(): void {
    this.#exchange.connection.pump(this.#exchange)
  }

  failed(error: RefusedError): void {
    const exchange = this.#exchange
    this.#tellEnd(false)
    if (this.#waiting !== null) {
      // Its client has seen nothing of it yet, and is told what is wrong.
      this.#waiting = null
      exchange.isAnswered = false
      exchange.status = null
      exchange.connection.fail(exchange, error)
    } else if (exchange.isAnswered) {
      // Whose fault it was: without this it would look as if the client had gone.
      if (exchange.state !== 'done' && exchange.refusal === null) {
        exchange.refusal = 'upstream.broken'
        exchange.failure = error
      }
      exchange.connection.flush()
      exchange.destroy()
    } else if (exchange.state === 'forwarding' && !exchange.hasSentBody && mayRepeat(exchange, this.#leg?.isReused === true)) {
      exchange.retried = true
      exchange.leg = null
      this.begin().catch((fault: unknown) => exchange.connection.broken(exchange, fault))
    } else exchange.connection.fail(exchange, error)
  }

  broken(error: unknown): void {
    this.#exchange.connection.broken(this.#exchange, error)
  }
}

const NOTHING = Buffer.alloc(0)
