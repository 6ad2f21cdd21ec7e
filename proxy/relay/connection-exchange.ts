/** An exchange that the relay carries for a client that speaks HTTP/1.1: one request on a connection within an intercepted tunnel. */
import { RefusedError } from '../errors.ts'
import type { Arrival, Exchange } from '../exchange.ts'
import { mayTrailRequest } from '../forward-headers.ts'
import type { Head } from '../head.ts'
import type { Passage } from '../passage.ts'
import type { Answer } from '../refusal.ts'
import type { Body } from '../stages/judge.ts'
import { BodyReader } from './body-reader.ts'
import type { ClientConnection } from './client-connection.ts'
import { ConnectionForwarding } from './connection-forward.ts'
import { HeldBytes } from './held-bytes.ts'
import { meterPasses } from './meter-body.ts'
import { composeOwnAnswer } from './own-answer.ts'
import { NO_BODY, RelayExchange } from './relay-exchange.ts'
import type { RequestHeadBytes } from './request-head.ts'

export class ConnectionExchange extends RelayExchange {
  readonly came: RequestHeadBytes
  readonly connection: ClientConnection
  /** Of its request; set once its framing is known. */
  body: BodyReader | null = null
  /** What was read ahead of the body, and how much of it is content: it leaves before all that follows. */
  readonly ahead = new HeldBytes()
  aheadContent = 0
  override isAnswered = false
  /** After its answer the connection ends. */
  isLast = false
  /** It has its answer, and what it still sends is read for a moment and dropped. */
  isLingering = false

  constructor(came: RequestHeadBytes, arrival: Arrival, connection: ClientConnection) {
    super(came, arrival)
    this.came = came
    this.connection = connection
  }

  override get local(): Exchange['local'] {
    return this.connection.socket
  }

  override readHead(passage: Passage): Head {
    return passage.readHead(this, this.came, false)
  }

  override takeBody({ framing, contentLength }: Head): void {
    this.body = new BodyReader(framing === 'unknown' ? 'chunked' : framing, contentLength, faulty, mayTrailRequest)
  }

  override peek(want: number): Promise<Body> {
    return this.body === null ? Promise.resolve(NO_BODY) : this.connection.intake.peek(this, this.body, want)
  }

  override sendContinue(): void {
    if (!this.arrival.expects || this.continued) return
    this.continued = true
    this.connection.socket.write(CONTINUE)
  }

  override forwarding(head: Head): ConnectionForwarding {
    return new ConnectionForwarding(this, head, this.connection.conductor)
  }

  override sendOwn(answer: Answer): void {
    this.isAnswered = true
    if (!this.bodyEnded) this.isLast = true
    this.connection.answerEnded(this, composeOwnAnswer(answer, this.came.method === 'HEAD', this.isLast))
  }

  /** Meters what belongs to its body, and passes it on. Answers what does not: it is the next request's. */
  passBody(bytes: Buffer): Buffer | null {
    const { body } = this
    const { conductor } = this.connection
    if (body === null) return null
    try {
      const end = body.scan(bytes, 0)
      const rest = end < bytes.length ? Buffer.from(bytes.subarray(end)) : null
      if (meterPasses(this, body.content, body.isEnded)) this.sendBody(end === bytes.length ? bytes : bytes.subarray(0, end))
      else conductor.cut(this)
      return rest
    } catch (error) {
      conductor.broken(this, error)
      return null
    }
  }

  /** Reads on in a body that nobody takes any more; whether this is its end. What is no body has none that is waited for. */
  dropBody(bytes: Buffer): boolean {
    const { body } = this
    if (body === null) return true
    try {
      body.scan(bytes, 0)
      return body.isEnded
    } catch {
      return true
    }
  }

  sendBody(bytes: Buffer): void {
    if (bytes.length === 0) return
    this.hasSentBody = true
    this.leg?.writeBody(bytes)
  }

  /** Its origin is slower than it is, by more of a large body than should be kept. */
  get isAhead(): boolean {
    return this.leg?.isGathering === true && this.isSending && this.isHeldBack
  }

  override get isUnread(): boolean {
    return this.connection.writes.isUnread
  }

  /** A paused connection is not read, so nobody would see a reset before the origin takes more. */
  override probe(): void {
    if (this.state === 'forwarding' && !this.bodyEnded && this.isHeldBack) this.arrival.tunnel?.touch()
  }

  override destroy(): void {
    this.connection.socket.destroy()
  }
}

const CONTINUE = Buffer.from('HTTP/1.1 100 Continue\r\n\r\n')

function faulty(detail: string): RefusedError {
  return new RefusedError('request.malformed', detail)
}
