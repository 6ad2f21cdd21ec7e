/** An exchange that the relay carries for a client that speaks HTTP/2: one stream within an intercepted tunnel. */
import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2'
import { closeStream } from '../close-stream.ts'
import { Exchange } from '../exchange.ts'
import type { Arrival } from '../exchange.ts'
import type { Seat } from '../roster.ts'
import type { OriginLeg } from './origin-leg.ts'
import type { StreamBody } from './stream-body.ts'
import type { StreamHead } from './stream-head.ts'

/** RFC 9113 §7. */
const INTERNAL_ERROR = 2

export class StreamExchange extends Exchange {
  readonly came: StreamHead
  readonly stream: ServerHttp2Stream
  /** Of its request; null where it has none. */
  body: StreamBody | null = null
  leg: OriginLeg | null = null
  /** The whole request has left for the origin. */
  isSent = false
  /** Some of its body has left, as it goes over the wire. */
  hasSentBody = false
  /** All of the answer has been written. */
  isEnded = false
  /** Among those under way. */
  seat: Seat<StreamExchange> | null = null
  readonly #session: ServerHttp2Session | undefined

  constructor(came: StreamHead, arrival: Arrival, stream: ServerHttp2Stream) {
    super(came, arrival)
    this.came = came
    this.stream = stream
    // A stream that is over has forgotten it.
    this.#session = stream.session as ServerHttp2Session | undefined
  }

  override get local(): Exchange['local'] {
    return this.#session?.socket ?? {}
  }

  /** Its origin waits for more of the body. */
  get isSending(): boolean {
    return this.leg?.isOpen === true && !this.isSent && this.refusal === null
  }

  override get isHeldBack(): boolean {
    return this.leg?.isFull === true
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
