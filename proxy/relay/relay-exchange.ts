/** An exchange that the relay carries: one request within an intercepted tunnel. How its bytes come and go is its protocol's. */
import { Exchange } from '../exchange.ts'
import type { Head } from '../head.ts'
import type { Passage } from '../passage.ts'
import type { Answer } from '../refusal.ts'
import type { Seat } from '../roster.ts'
import type { Body } from '../stages/judge.ts'
import type { Forwarding } from './forward.ts'
import type { OriginLeg } from './origin-leg.ts'

export const NO_BODY: Body = { bytes: Buffer.alloc(0), complete: true }

export abstract class RelayExchange extends Exchange {
  leg: OriginLeg | null = null
  /** Its place among those under way. */
  seat: Seat<RelayExchange> | null = null
  /** The whole request has left for the origin. */
  isSent = false
  /** Some of its body has left, as it goes over the wire. */
  hasSentBody = false
  private closers: Array<() => void> | null = null

  /** The first byte of an answer is on its way to the client. */
  abstract readonly isAnswered: boolean
  /** Throws `RefusedError` where it is none. */
  abstract readHead(passage: Passage): Head
  /** It is admitted: its body is read by this framing. */
  abstract takeBody(head: Head): void
  /** Reads so many bytes of the body ahead, or all. Resolves never, where the client goes away. */
  abstract peek(want: number): Promise<Body>
  /** Sends `100 Continue`, once, to a client that waits for it. */
  abstract sendContinue(): void
  abstract forwarding(head: Head): Forwarding
  /** Sends one of Sluice's own answers; no other has begun. */
  abstract sendOwn(answer: Answer): void

  /** Its origin waits for more of the body. */
  get isSending(): boolean {
    return this.leg?.isOpen === true && !this.isSent && this.refusal === null
  }

  override get isHeldBack(): boolean {
    return this.leg?.isFull === true
  }

  /** `closed` is called when the exchange is over. */
  onClosed(closed: () => void): void {
    this.closers ??= []
    this.closers.push(closed)
  }

  tellClosed(): void {
    if (this.closers !== null) for (const closed of this.closers) closed()
  }
}
