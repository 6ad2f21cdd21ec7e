/** An exchange that the relay carries: one HTTP/1.1 request within an intercepted tunnel. */
import { Exchange } from '../exchange.ts'
import type { Arrival } from '../exchange.ts'
import type { Seat } from '../roster.ts'
import type { BodyReader } from './body-reader.ts'
import type { ClientConnection } from './client-connection.ts'
import { HeldBytes } from './held-bytes.ts'
import type { OriginLeg } from './origin-leg.ts'
import type { RequestHeadBytes } from './request-head.ts'

export class RelayExchange extends Exchange {
  readonly came: RequestHeadBytes
  readonly connection: ClientConnection
  /** Of its request; set once its framing is known. */
  body: BodyReader | null = null
  /** What was read ahead of the body, and how much of it is content: it leaves before all that follows. */
  readonly ahead = new HeldBytes()
  aheadContent = 0
  leg: OriginLeg | null = null
  /** Its place among those under way. */
  seat: Seat<RelayExchange> | null = null
  /** The whole request has left for the origin. */
  isSent = false
  /** Some of its body has left, as it goes over the wire. */
  hasSentBody = false
  /** The first byte of an answer is on its way to the client. */
  isAnswered = false
  /** After its answer the connection ends. */
  isLast = false
  /** It has its answer, and what it still sends is read for a moment and dropped. */
  isLingering = false
  private readonly closers: Array<() => void> = []

  constructor(came: RequestHeadBytes, arrival: Arrival, connection: ClientConnection) {
    super(came, arrival)
    this.came = came
    this.connection = connection
  }

  override get local(): Exchange['local'] {
    return this.connection.socket
  }

  /** Its origin waits for more of the body. */
  get isSending(): boolean {
    return this.leg?.isOpen === true && !this.isSent && this.refusal === null
  }

  sendBody(bytes: Buffer): void {
    if (bytes.length === 0) return
    this.hasSentBody = true
    this.leg?.writeBody(bytes)
  }

  override get isHeldBack(): boolean {
    return this.leg?.isFull === true
  }

  override get isUnread(): boolean {
    return this.connection.isUnread
  }

  /** A paused connection is not read, so nobody would see a reset before the origin takes more. */
  override probe(): void {
    if (this.state === 'forwarding' && !this.bodyEnded && this.isHeldBack) this.arrival.tunnel?.touch()
  }

  override destroy(): void {
    this.connection.socket.destroy()
  }

  /** `closed` is called when the exchange is over. */
  onClosed(closed: () => void): void {
    this.closers.push(closed)
  }

  tellClosed(): void {
    for (const closed of this.closers) closed()
  }
}
