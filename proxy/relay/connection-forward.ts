/** Takes an HTTP/1.1 request that may pass to its origin, and the answer back to its client, both as the bytes that came. */
import type { AnswerHead } from './answer-head.ts'
import type { ConnectionExchange } from './connection-exchange.ts'
import { composeAnswerHead, composeRequestHead } from './forward-head.ts'
import { Forwarding } from './forward.ts'
import { meterPasses } from './meter-body.ts'
import type { OriginLeg } from './origin-leg.ts'

export class ConnectionForwarding extends Forwarding<ConnectionExchange> {
  /** The content goes on within its coding. */
  protected readonly pass = null
  /** The answer's head, until what came with it has been read: it leaves together with that. */
  #waiting: Buffer | null = null

  protected override send(leg: OriginLeg): void {
    const { exchange, head, conductor } = this
    const { body, ahead, aheadContent, came } = exchange
    if (!exchange.isSent && (body === null || !meterPasses(exchange, aheadContent, body.isEnded))) {
      conductor.cut(exchange)
      return
    }
    const { restrictions, via } = conductor.parts
    const bytes = composeRequestHead(came, head, restrictions().forHost(head.host), via.entry(came.httpVersion))
    if (head.framing === 'none') {
      leg.write(bytes)
      return
    }
    leg.gather()
    leg.write(bytes)
    for (let bytes = ahead.shift(); bytes !== null; bytes = ahead.shift()) exchange.sendBody(bytes)
    exchange.connection.intake.pump(exchange)
    leg.flush()
  }

  protected override hasLeft(leg: OriginLeg): boolean {
    return leg.isDrained
  }

  override informed(head: AnswerHead): void {
    if (!this.exchange.connection.socket.write(composeAnswerHead(head, this.#via(head), false))) this.leg?.pause()
  }

  protected override beginAnswer(head: AnswerHead): void {
    const { exchange } = this
    // An answer before the request is complete ends the connection: what is still coming belongs to no request.
    if (!exchange.bodyEnded || head.framing === 'close') exchange.isLast = true
    this.#waiting = composeAnswerHead(head, this.#via(head), exchange.isLast)
    exchange.isAnswered = true
  }

  override get hasRoom(): boolean {
    return this.#waiting === null && this.exchange.connection.writes.hasRoom
  }

  override more(bytes: Buffer): void {
    this.exchange.bytesDown += this.answerBody?.content ?? 0
    this.#write(this.#withHead(bytes))
  }

  override told(): void {
    if (this.#waiting !== null) this.#write(this.#withHead(NOTHING))
  }

  #write(bytes: Buffer): void {
    if (!this.exchange.connection.writes.write(bytes)) this.leg?.pause()
  }

  #withHead(bytes: Buffer): Buffer {
    const head = this.#waiting
    if (head === null) return bytes
    this.#waiting = null
    return bytes.length === 0 ? head : Buffer.concat([head, bytes])
  }

  protected override endAnswer(last: Buffer): void {
    const { exchange } = this
    exchange.bytesDown += last.length === 0 ? 0 : this.answerBody?.content ?? 0
    exchange.connection.answerEnded(exchange, this.#withHead(last))
  }

  override drained(): void {
    this.exchange.connection.intake.pump(this.exchange)
  }

  protected override breakOff(): void {
    const { exchange } = this
    if (this.#waiting === null) {
      if (exchange.isAnswered) exchange.connection.writes.flush()
      return
    }
    // Its client has seen nothing of it yet, and is told what is wrong.
    this.#waiting = null
    exchange.isAnswered = false
    exchange.status = null
  }

  #via({ httpVersion }: AnswerHead): string {
    return this.conductor.parts.via.entry(httpVersion)
  }
}

const NOTHING = Buffer.alloc(0)
