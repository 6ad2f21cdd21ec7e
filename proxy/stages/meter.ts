/**
 * Counts a body as it passes and judges again where the count changes the answer: a size limit of an open rule, the
 * bound of an unexplained body, more than was declared, the end. The chunk that would pass a limit is judged before it
 * is forwarded.
 */
import type { Operation } from '../../policy/operation.ts'
import { explainBody } from '../../policy/providers/index.ts'
import type { Recognition } from '../../policy/providers/provider.ts'
import { rejudge } from './judge.ts'
import type { Judgement } from './judge.ts'
import { addsUp, sessionKey } from './session.ts'

/** How far an upload session has come; `key` is a `sessionKey`. */
export interface SessionCount {
  /** The most bytes known; 0 if none. */
  seen(key: string): number
  /** `isLast`: nothing more comes with this request. */
  note(key: string, bytes: number, isLast: boolean): void
}

/** A long part is told of in steps, so that another node that takes its repetition knows. */
const NOTE_EVERY = 1 << 20

export class Meter {
  judgement: Judgement
  /** Body bytes forwarded so far. */
  forwarded = 0
  private nextCheck: number
  /** Bytes of this body that the session has been told of. */
  private noted = 0
  private readonly base: number
  private readonly recognition: Recognition | null
  private readonly unexplainedOver: number
  private readonly sessions: SessionCount
  private readonly key: string | null
  private readonly addsUp: boolean

  constructor(judgement: Judgement, sessions: SessionCount) {
    this.judgement = judgement
    this.sessions = sessions
    this.recognition = judgement.recognition
    const operation = this.recognition?.operation
    this.key = operation === undefined ? null : sessionKey(operation)
    this.addsUp = operation !== undefined && addsUp(operation)
    this.base = operation?.offset ?? 0
    this.unexplainedOver = judgement.recognition?.unexplainedOver ?? Number.POSITIVE_INFINITY
    this.nextCheck = this.findNextCheck()
    // A part that its head already settled: the session must not be finished as if the part had never been sent.
    if (judgement.verdict.decision.action === 'block' && operation?.activity === 'upload') this.noteBytes(Math.max(this.base, operation.size.bytes), true)
  }

  /** Takes one chunk's length into account. False: the chunk must not be forwarded, the judgement says why. */
  take(bytes: number): boolean {
    const total = this.forwarded + bytes
    if (this.reach(total) < this.nextCheck || this.judge(total, false)) {
      this.forwarded = total
      if (this.addsUp || total - this.noted >= NOTE_EVERY) this.noteSession(total, false)
      return true
    }
    // What was refused counts for the session too: the next request of it is refused by its head.
    this.noteSession(total, true)
    return false
  }

  /** The body has ended. False: it must not be completed at the origin. */
  end(): boolean {
    const step = this.recognition?.operation.step
    this.noteSession(this.forwarded, step === 'single' || step === 'finish')
    const { settled, monitorOpen } = this.judgement.verdict
    return (settled && !monitorOpen) || this.judge(this.forwarded, true)
  }

  /** The transfer broke off: what was forwarded still counts. */
  abort(): void {
    this.noteSession(this.forwarded, true)
  }

  /** How far `received` bytes of this body take the upload. */
  private reach(received: number): number {
    if (!this.addsUp || this.key === null) return this.base + received
    return this.sessions.seen(this.key) + received - this.noted
  }

  private judge(received: number, ended: boolean): boolean {
    if (this.recognition === null) return true
    const explained = explainBody(this.recognition, received)
    const { operation, reasons } = explained
    // Only a whole upload's end tells its size; the end of a chunk does not.
    const isLast = ended && (operation.step === 'single' || operation.step === 'finish')
    const sized: Operation = {
      ...operation,
      size: { bytes: Math.max(this.reach(received), this.recognition.operation.size.bytes), is: isLast ? 'exact' : 'at-least' },
    }
    this.judgement = rejudge(this.judgement, sized, reasons)
    this.nextCheck = this.findNextCheck(received)
    if (this.judgement.verdict.decision.action !== 'block') return true
    if (explained === this.recognition) this.judgement = { ...this.judgement, reasons: [...this.judgement.reasons, 'size-reached'] }
    return false
  }

  private findNextCheck(received = 0): number {
    const { settled, recheckAt } = this.judgement.verdict
    const bySize = settled ? Number.POSITIVE_INFINITY : recheckAt
    const byBody = received > this.unexplainedOver ? Number.POSITIVE_INFINITY : this.base + this.unexplainedOver + 1
    return Math.min(bySize, byBody, this.beyondDeclared())
  }

  /** A size was declared, but no length holds the body to it: what is settled is so up to that size. */
  private beyondDeclared(): number {
    const { head, recognition } = this.judgement
    const size = recognition?.operation.size
    return head.contentLength === null && size?.is === 'exact' ? size.bytes + 1 : Number.POSITIVE_INFINITY
  }

  private noteSession(received: number, isLast: boolean): void {
    const bytes = this.reach(received)
    this.noted = received
    this.noteBytes(bytes, isLast)
  }

  private noteBytes(bytes: number, isLast: boolean): void {
    if (this.key !== null) this.sessions.note(this.key, bytes, isLast)
  }
}
