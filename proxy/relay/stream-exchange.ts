/** An exchange that the relay carries for a client that speaks HTTP/2: one stream within an intercepted tunnel. */
import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2'
import { closeStream } from '../close-stream.ts'
import type { Arrival, Exchange } from '../exchange.ts'
import type { Head } from '../head.ts'
import { linger } from '../linger.ts'
import type { Passage } from '../passage.ts'
import type { Answer } from '../refusal.ts'
import type { Body } from '../stages/judge.ts'
import type { Conductor } from './conductor.ts'
import { NO_BODY, RelayExchange } from './relay-exchange.ts'
import { StreamBody } from './stream-body.ts'
import { StreamForwarding } from './stream-forward.ts'
import { checkStreamHead } from './stream-head.ts'
import type { StreamHead } from './stream-head.ts'

/** RFC 9113 §7. */
const INTERNAL_ERROR = 2

export class StreamExchange extends RelayExchange {
  readonly came: StreamHead
  readonly stream: ServerHttp2Stream
  readonly conductor: Conductor
  /** Of its request; null where it has none. */
  body: StreamBody | null = null
  /** All of the answer has been written. */
  isEnded = false
  readonly #session: ServerHttp2Session | undefined

  constructor(came: StreamHead, arrival: Arrival, stream: ServerHttp2Stream, conductor: Conductor) {
    super(came, arrival)
    this.came = came
    this.stream = stream
    this.conductor = conductor
    // A stream that is over has forgotten it.
    this.#session = stream.session as ServerHttp2Session | undefined
  }

  override get local(): Exchange['local'] {
    return this.#session?.socket ?? {}
  }

  override readHead(passage: Passage): Head {
    const head = passage.readHead(this, this.came, this.stream.endAfterHeaders)
    checkStreamHead(this.came)
    return head
  }

  override takeBody(head: Head): void {
    if (!this.stream.endAfterHeaders) this.body = new StreamBody(this, head)
  }

  override peek(want: number): Promise<Body> {
    return this.body === null ? Promise.resolve(NO_BODY) : this.body.peek(want)
  }

  override sendContinue(): void {
    const { stream } = this
    if (!this.arrival.expects || this.continued || stream.destroyed || stream.closed) return
    this.continued = true
    stream.additionalHeaders({ ':status': 100 })
  }

  override forwarding(head: Head): StreamForwarding {
    return new StreamForwarding(this, head, this.conductor)
  }

  override get isAnswered(): boolean {
    return this.stream.headersSent || this.stream.destroyed
  }

  override sendOwn({ status, headers, body }: Answer): void {
    const { stream } = this
    const isBare = this.asked.method === 'HEAD' || body.length === 0
    stream.respond([':status', String(status), ...headers, 'content-length', String(body.length)], { endStream: isBare })
    if (!isBare) stream.end(body)
    this.endAnswer()
  }

  /** Ends an answer, all of which has been written. */
  endAnswer(): void {
    const { stream, arrival } = this
    this.isEnded = true
    if (!stream.writableEnded) stream.end()
    if (this.bodyEnded || (arrival.expects && !this.continued)) return
    linger(stream, (isCut) => {
      // RFC 9113 §8.1: NO_ERROR after a complete response asks the client to stop sending. Some clients (Go before 1.20)
      // drop the response then, so it is the last resort.
      if (isCut) closeStream(stream, 0, arrival.tunnel)
    })
  }

  override get isUnread(): boolean {
    return this.stream.writableNeedDrain
  }

  /** The connection is read all the time, so a reset is seen when it comes. */
  override probe(): void { /* nothing to find out */ }

  override destroy(): void {
    closeStream(this.stream, INTERNAL_ERROR, this.arrival.tunnel)
  }
}
