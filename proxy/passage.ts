/**
 * What both engines do alike with an exchange, station by station: read its head, admit, judge, meter, hold, refuse, record.
 * How bytes move is theirs; what is done about them is here.
 */
import { clientKey } from '../policy/client-key.ts'
import type { EngineParts } from './engine-parts.ts'
import { RefusedError } from './errors.ts'
import type { RefusalCode } from './errors.ts'
import type { Exchange } from './exchange.ts'
import { readHead } from './head.ts'
import type { Head, RawRequest } from './head.ts'
import { checkAgreement } from './identity.ts'
import { judgeExchange } from './judge-exchange.ts'
import { SessionLearner } from './learn-session.ts'
import { TenantLearner } from './learn-tenant.ts'
import { AnswerReader } from './read-answer.ts'
import type { OriginAnswer } from './read-answer.ts'
import { refusalFor } from './refusal-for.ts'
import type { Answer } from './refusal.ts'
import type { Body, Judgement } from './stages/judge.ts'
import { Meter } from './stages/meter.ts'

export class Passage {
  readonly #parts: EngineParts
  readonly #reader: AnswerReader
  readonly #learners: readonly { observe(exchange: Exchange, origin: OriginAnswer): void }[]

  constructor(parts: EngineParts) {
    this.#parts = parts
    const reader = new AnswerReader()
    this.#reader = reader
    this.#learners = [
      new SessionLearner(parts.sessions, reader, parts.settings.failed),
      ...(parts.learn === null ? [] : [new TenantLearner(parts.learn, reader)]),
    ]
  }

  begin(): void {
    this.#parts.underWay.begin()
  }

  readHead(exchange: Exchange, raw: RawRequest, endsAtHeaders: boolean): Head {
    const head = readHead(raw, exchange.arrival.scheme, endsAtHeaders, this.#parts.unexplainedLimit)
    exchange.head = head
    exchange.bodyEnded = head.framing === 'none'
    // Before anybody is asked who he is: each turn of a circle would ask again.
    if (this.#parts.via.isOwn(exchange.asked.rawHeaders)) throw new RefusedError('proxy.loop', 'Via')
    if (this.#parts.limits.memory.isShedding) throw new RefusedError('proxy.overloaded')
    this.takePlace(exchange)
    return head
  }

  private takePlace(exchange: Exchange): void {
    const who = clientKey(exchange.arrival.peer)
    const full = this.#parts.limits.requests.take(who)
    if (full !== null) throw new RefusedError(full === 'each' ? 'client.too-many-requests' : 'proxy.too-many-requests')
    exchange.place = who
  }

  admit(exchange: Exchange, head: Head): void {
    const { arrival } = exchange
    if (arrival.tunnel !== null) checkAgreement(head, arrival.tunnel)
    else this.#parts.checkDestination(head)
    if (this.#parts.restrictions().isClosed(head.host)) throw new RefusedError('restriction.empty', head.host)
  }

  async judge(exchange: Exchange, head: Head, body: Body | null): Promise<Judgement> {
    const judgement = await judgeExchange(this.#parts, this.#reader, exchange, head, body)
    exchange.stale = this.#parts.isStale()
    return judgement
  }

  /** Opens the meter, and answers what holds for the body from then on. */
  meter(exchange: Exchange, judgement: Judgement): Judgement {
    const { sessions, volumes } = this.#parts
    exchange.meter = new Meter(judgement, sessions, volumes)
    return exchange.judgement = exchange.meter.judgement
  }

  /** What break-glass let through unjudged, a body without end say, lasts no longer than that. `until` keeps what is called when the exchange closes. */
  holdUnjudged(exchange: Exchange, until: (closed: () => void) => unknown, fail: (error: RefusedError) => void): void {
    if (exchange.judgement?.reasons.includes('break-glass') !== true) return
    this.#parts.hold({
      once: (_event, closed) => until(closed),
      destroy: () => {
        exchange.cut = (exchange.meter?.forwarded ?? 0) > 0
        fail(new RefusedError('policy.blocked', 'break-glass is over'))
      },
    })
  }

  /** Call it as the answer begins to be relayed, in the same turn. */
  observe(exchange: Exchange, origin: OriginAnswer): void {
    for (const learner of this.#learners) learner.observe(exchange, origin)
  }

  /** Notes the refusal, and says what its client is told. */
  refuse(exchange: Exchange, code: RefusalCode, cause?: RefusedError): Answer {
    exchange.refusal = code
    exchange.failure = cause ?? null
    const askAt = code === 'policy.blocked' ? this.#parts.offers.note(exchange) : undefined
    return refusalFor(exchange, code, this.#parts.providers, this.#parts.refusalText, askAt)
  }

  /** Once for each `begin`. `isBroken`: the body did not reach its end. */
  finish(exchange: Exchange, isBroken: boolean): void {
    if (isBroken) this.quietly(() => exchange.meter?.abort())
    this.quietly(() => exchange.meter?.release())
    this.quietly(() => this.#parts.record(exchange))
    if (exchange.place !== null) this.#parts.limits.requests.giveBack(exchange.place)
    this.#parts.underWay.end()
  }

  /** A defect in what must not keep the exchange from its end. */
  quietly(step: () => void): void {
    try {
      step()
    } catch (error) {
      this.#parts.defect(error)
    }
  }
}

/** What went wrong on the way to the origin or back. */
export function wrapFault(exchange: Exchange, error: unknown): RefusedError {
  const detail = error instanceof Error ? error.message : String(error)
  return new RefusedError(exchange.state === 'reading' ? 'proxy.internal' : 'upstream.broken', detail, error)
}
