/**
 * HTTP/2 within intercepted tunnels, as the relay carries it: Node's own server reads the client's streams, and the relay's way to
 * the origin is used for each. It decides nothing itself.
 */
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import type { EngineParts } from '../engine-parts.ts'
import { RefusedError } from '../errors.ts'
import type { RefusalCode } from '../errors.ts'
import { wrapFault } from '../passage.ts'
import type { Passage } from '../passage.ts'
import { Roster } from '../roster.ts'
import { isSettledUpload } from '../stages/body.ts'
import { StallWatch } from '../stall-watch.ts'
import type { Tunnel } from '../tunnel.ts'
import { sendOwnAnswer } from './stream-answer.ts'
import { StreamBody } from './stream-body.ts'
import { StreamExchange } from './stream-exchange.ts'
import { StreamForwarding } from './stream-forward.ts'
import type { StreamOwner } from './stream-forward.ts'
import { checkStreamHead, readStreamHead } from './stream-head.ts'

export class StreamRelay implements StreamOwner {
  readonly #parts: EngineParts
  readonly #passage: Passage
  readonly #exchanges = new Roster<StreamExchange>()
  readonly #stalls: StallWatch<StreamExchange>

  constructor(parts: EngineParts, passage: Passage) {
    this.#parts = parts
    this.#passage = passage
    this.#stalls = new StallWatch(this.#exchanges, parts.limits.numbers, (exchange, by) => this.#stalled(exchange, by))
  }

  /** Takes one request, whose stream's errors somebody hears. Never throws: whatever goes wrong is answered and recorded. */
  serve(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, rawHeaders: readonly string[], tunnel: Tunnel): void {
    const expects = headers.expect?.toLowerCase() === '100-continue'
    const exchange = new StreamExchange(readStreamHead(headers, rawHeaders), { peer: tunnel.peer, tunnel, scheme: 'https', expects }, stream)
    exchange.seat = this.#exchanges.join(exchange)
    this.#passage.begin()
    stream.once('close', () => this.#closed(exchange))
    this.#decide(exchange).catch((error: unknown) => this.broken(exchange, error))
  }

  close(): void {
    this.#stalls.stop()
    for (const exchange of this.#exchanges.values()) exchange.destroy()
  }

  async #decide(exchange: StreamExchange): Promise<void> {
    const passage = this.#passage
    const { came, stream } = exchange
    const head = passage.readHead(exchange, came, stream.endAfterHeaders)
    checkStreamHead(came)
    passage.admit(exchange, head)
    if (!stream.endAfterHeaders) {
      exchange.body = new StreamBody(exchange, head, { cut: () => this.cut(exchange), broken: (error) => this.broken(exchange, error) })
    }
    let judgement = await passage.judge(exchange, head, null)
    if (exchange.state !== 'reading') return
    const peek = judgement.recognition?.peek ?? 0
    if (peek > 0 && exchange.body !== null && head.contentLength !== 0 && !isSettledUpload(judgement)) {
      this.#sendContinue(exchange)
      const peeked = await exchange.body.peek(peek)
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
    passage.holdUnjudged(exchange, (closed) => stream.once('close', closed), (error) => this.fail(exchange, error))
    if (exchange.refusal !== null) return
    this.#sendContinue(exchange)
    await new StreamForwarding(exchange, head, this.#parts, passage, this).begin()
  }

  /** The decision comes before `100 Continue` (DESIGN.md §7). */
  #sendContinue(exchange: StreamExchange): void {
    const { stream } = exchange
    if (!exchange.arrival.expects || exchange.continued || stream.destroyed || stream.closed) return
    exchange.continued = true
    stream.additionalHeaders({ ':status': 100 })
  }

  /** The body has passed a limit: nothing more of it leaves. */
  cut(exchange: StreamExchange): void {
    exchange.cut = (exchange.meter?.forwarded ?? 0) > 0
    this.#stopForwarding(exchange)
    this.#refuse(exchange, 'policy.blocked')
  }

  broken(exchange: StreamExchange, error: unknown): void {
    if (error instanceof RefusedError) return this.fail(exchange, error)
    this.#parts.defect(error)
    if (exchange.refusal === null) this.fail(exchange, new RefusedError('proxy.internal', error instanceof Error ? error.message : String(error), error))
    // It was the refusal that could not be made.
    else exchange.destroy()
  }

  fail(exchange: StreamExchange, error: unknown): void {
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

  #stalled(exchange: StreamExchange, by: RefusalCode | 'idle'): void {
    // A client that does not even read its refusal is not sent another.
    if (by !== 'idle' && exchange.refusal === null) this.fail(exchange, new RefusedError(by, 'stalled'))
    else exchange.destroy()
  }

  #stopForwarding(exchange: StreamExchange): void {
    if (!exchange.isSent) this.#passage.quietly(() => exchange.meter?.abort())
    exchange.leg?.destroy()
  }

  #refuse(exchange: StreamExchange, code: RefusalCode, cause?: RefusedError): void {
    sendOwnAnswer(exchange, this.#passage.refuse(exchange, code, cause))
  }

  #closed(exchange: StreamExchange): void {
    if (exchange.state === 'done') return
    // Node ends the stream that a client resets as if all had been written, and a client may reset it without an error.
    exchange.clientGone = exchange.refusal === null && !(exchange.isEnded && exchange.stream.rstCode === 0)
    exchange.state = 'done'
    this.#passage.quietly(() => exchange.leg?.destroy())
    if (exchange.seat !== null) this.#exchanges.leave(exchange.seat)
    this.#passage.finish(exchange, exchange.leg !== null && !exchange.isSent)
  }
}
