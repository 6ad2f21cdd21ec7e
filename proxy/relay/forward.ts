/** Takes a request that may pass to its origin, on a connection that is kept or made, and notes the answer; what both protocols do alike. */
import type { RefusedError } from '../errors.ts'
import type { Head } from '../head.ts'
import { EVERYBODY, poolKey } from '../pool-key.ts'
import { mayRepeat } from '../repeat.ts'
import type { AnswerHead } from './answer-head.ts'
import type { BodyReader } from './body-reader.ts'
import type { Conductor } from './conductor.ts'
import { OriginLeg } from './origin-leg.ts'
import type { LegEvents } from './origin-leg.ts'
import type { RelayExchange } from './relay-exchange.ts'
import { TappedAnswer } from './tapped-answer.ts'

export abstract class Forwarding<E extends RelayExchange = RelayExchange> implements LegEvents {
  protected readonly exchange: E
  protected readonly head: Head
  protected readonly conductor: Conductor
  protected leg: OriginLeg | null = null
  protected answerBody: BodyReader | null = null
  readonly #key: string
  #isEarly = false
  #answer: TappedAnswer | null = null

  constructor(exchange: E, head: Head, conductor: Conductor) {
    this.exchange = exchange
    this.head = head
    this.conductor = conductor
    this.#key = poolKey(exchange.arrival, head, exchange.user, conductor.parts.isShared(head.host))
  }

  /** Sends the head, with what has come of the body by now. */
  protected abstract send(leg: OriginLeg): void
  /** What was sent has left, as far as that can be known. */
  protected abstract hasLeft(leg: OriginLeg): boolean
  /** Takes each piece of the answer's content, where its coding ends here. */
  protected abstract readonly pass: ((piece: Buffer) => void) | null
  protected abstract beginAnswer(head: AnswerHead, body: BodyReader): void
  /** The answer is whole with `last`, which may be empty. */
  protected abstract endAnswer(last: Buffer): void
  /** What had begun breaks off; of what has not left yet, it has not begun (`isAnswered`). */
  protected abstract breakOff(): void

  abstract informed(head: AnswerHead): void
  abstract readonly hasRoom: boolean
  abstract more(bytes: Buffer): void
  abstract told(): void
  abstract drained(): void

  /** Throws `RefusedError` where the origin is not reached. */
  async begin(): Promise<void> {
    const { exchange } = this
    const { pool } = this.conductor.parts.upstream
    const { host, port } = this.head.authority
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
    this.leg = leg
    exchange.leg = leg
    this.send(leg)
  }

  answered(head: AnswerHead, body: BodyReader): void {
    const { exchange, leg } = this
    exchange.state = 'answering'
    exchange.status = head.status
    exchange.reused = leg?.isReused === true
    // The origin has answered what it has not read: nobody knows what it makes of the rest.
    this.#isEarly = !exchange.isSent || leg === null || !this.hasLeft(leg)
    this.answerBody = body
    this.#answer = new TappedAnswer(head, body, this.pass)
    try {
      this.conductor.passage.observe(exchange, this.#answer)
    } catch (error) {
      this.conductor.broken(exchange, error)
      return
    }
    this.beginAnswer(head, body)
  }

  ended(last: Buffer, isClean: boolean): void {
    const { leg } = this
    const { host, port } = this.head.authority
    if (isClean && !this.#isEarly && leg !== null) this.conductor.parts.upstream.pool.give(leg.release(), this.#key, host, port, leg.idleMs)
    else leg?.destroy()
    this.#tellEnd(true)
    this.endAnswer(last)
  }

  /** A learner's defect must not keep the answer from its end. */
  #tellEnd(isWhole: boolean): void {
    this.conductor.passage.quietly(() => this.#answer?.ended(isWhole))
  }

  failed(error: RefusedError): void {
    const { exchange } = this
    this.#tellEnd(false)
    this.breakOff()
    if (exchange.isAnswered) {
      // Whose fault it was: without this it would look as if the client had gone.
      if (exchange.state !== 'done' && exchange.refusal === null) {
        exchange.refusal = 'upstream.broken'
        exchange.failure = error
      }
      exchange.destroy()
    } else if (exchange.state === 'forwarding' && !exchange.hasSentBody && mayRepeat(exchange, this.leg?.isReused === true)) {
      exchange.retried = true
      exchange.leg = null
      this.begin().catch((fault: unknown) => this.conductor.broken(exchange, fault))
    } else this.conductor.fail(exchange, error)
  }

  broken(error: unknown): void {
    this.conductor.broken(this.exchange, error)
  }
}
