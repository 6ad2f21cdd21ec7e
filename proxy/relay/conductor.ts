/**
 * What the relay does with every request, whichever protocol brought it: has it decided and forwarded, cut, refused, given up where
 * nothing moves, and recorded. How its bytes come and go is the exchange's.
 */
import type { EngineParts } from '../engine-parts.ts'
import { RefusedError } from '../errors.ts'
import type { RefusalCode } from '../errors.ts'
import { wrapFault } from '../passage.ts'
import type { Passage } from '../passage.ts'
import { Roster } from '../roster.ts'
import { isSettledUpload } from '../stages/body.ts'
import { StallWatch } from '../stall-watch.ts'
import type { RelayExchange } from './relay-exchange.ts'

export class Conductor {
  readonly parts: EngineParts
  readonly passage: Passage
  readonly #exchanges = new Roster<RelayExchange>()
  readonly #stalls: StallWatch<RelayExchange>

  constructor(parts: EngineParts, passage: Passage) {
    this.parts = parts
    this.passage = passage
    this.#stalls = new StallWatch(this.#exchanges, parts.limits.numbers, (exchange, by) => this.#stalled(exchange, by))
  }

  /** Takes a request whose head has come. Never throws: whatever goes wrong is answered and recorded. `finished` is to be called in the end. */
  take(exchange: RelayExchange): void {
    exchange.seat = this.#exchanges.join(exchange)
    this.passage.begin()
    this.#decide(exchange).catch((error: unknown) => this.broken(exchange, error))
  }

  /** The answer has left, whole, or its client has gone. */
  finished(exchange: RelayExchange): void {
    exchange.state = 'done'
    this.passage.quietly(() => exchange.tellClosed())
    if (exchange.seat !== null) this.#exchanges.leave(exchange.seat)
    this.passage.finish(exchange, exchange.leg !== null && !exchange.isSent)
  }

  /** The client has closed. `hasAnswer`: not before it had all of the answer. */
  closed(exchange: RelayExchange, hasAnswer: boolean): void {
    if (exchange.state === 'done') return
    exchange.clientGone = exchange.refusal === null && !hasAnswer
    this.passage.quietly(() => exchange.leg?.destroy())
    this.finished(exchange)
  }

  /** Ends all that is under way. */
  close(): void {
    this.#stalls.stop()
    for (const exchange of this.#exchanges.values()) exchange.destroy()
  }

  async #decide(exchange: RelayExchange): Promise<void> {
    const { passage } = this
    const head = exchange.readHead(passage)
    passage.admit(exchange, head)
    exchange.takeBody(head)
    let judgement = await passage.judge(exchange, head, null)
    if (exchange.state !== 'reading') return
    const peek = judgement.recognition?.peek ?? 0
    if (peek > 0 && head.contentLength !== 0 && !isSettledUpload(judgement)) {
      exchange.sendContinue()
      const peeked = await exchange.peek(head.contentLength === null ? peek : Math.min(peek, head.contentLength))
      if (exchange.state !== 'reading') return
      judgement = await passage.judge(exchange, head, peeked)
      if (exchange.state !== 'reading') return
    }
    judgement = passage.meter(exchange, judgement)
    if (judgement.verdict.decision.action === 'block') {
      this.#refuse(exchange, judgement.reasons.includes('recogniser-failed') ? 'recogniser.failed' : 'policy.blocked')
      return
    }
    exchange.state = 'forwarding'
    passage.holdUnjudged(exchange, (closed) => exchange.onClosed(closed), (error) => this.fail(exchange, error))
    if (exchange.refusal !== null) return
    // The decision comes before it (DESIGN.md §7).
    exchange.sendContinue()
    await exchange.forwarding(head).begin()
  }

  /** The body has passed a limit: nothing more of it leaves. */
  cut(exchange: RelayExchange): void {
    exchange.cut = (exchange.meter?.forwarded ?? 0) > 0
    this.#stopForwarding(exchange)
    this.#refuse(exchange, 'policy.blocked')
  }

  broken(exchange: RelayExchange, error: unknown): void {
    if (error instanceof RefusedError) return this.fail(exchange, error)
    this.parts.defect(error)
    if (exchange.refusal === null) this.fail(exchange, new RefusedError('proxy.internal', error instanceof Error ? error.message : String(error), error))
    // It was the refusal that could not be made.
    else exchange.destroy()
  }

  fail(exchange: RelayExchange, error: unknown): void {
    if (exchange.state === 'done' || exchange.refusal !== null) return
    this.#stopForwarding(exchange)
    const refused = error instanceof RefusedError ? error : wrapFault(exchange, error)
    try {
      this.#refuse(exchange, refused.code, refused)
    } catch (fault) {
      exchange.failure = wrapFault(exchange, fault)
      exchange.destroy()
    }
  }

  #stalled(exchange: RelayExchange, by: RefusalCode | 'idle'): void {
    // A client that does not even read its refusal is not sent another.
    if (by !== 'idle' && exchange.refusal === null) this.fail(exchange, new RefusedError(by, 'stalled'))
    else exchange.destroy()
  }

  #stopForwarding(exchange: RelayExchange): void {
    if (!exchange.isSent) this.passage.quietly(() => exchange.meter?.abort())
    exchange.leg?.destroy()
  }

  #refuse(exchange: RelayExchange, code: RefusalCode, cause?: RefusedError): void {
    const answer = this.passage.refuse(exchange, code, cause)
    if (exchange.isAnswered) {
      // Nothing can be said any more.
      exchange.destroy()
      return
    }
    exchange.state = 'answering'
    exchange.status = answer.status
    exchange.bytesDown += answer.body.length
    exchange.sendOwn(answer)
  }
}
