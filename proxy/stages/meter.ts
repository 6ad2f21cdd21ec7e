/**
 * Counts a body as it passes and judges again where the count changes the answer: a size limit of an open rule, the
 * bound of an unexplained body, the end. The chunk that would pass a limit is judged before it is forwarded.
 */
import type { Operation } from '../../policy/operation.ts'
import { explainBody } from '../../policy/providers/index.ts'
import type { Recognition } from '../../policy/providers/provider.ts'
import { rejudge, sessionKey } from './judge.ts'
import type { Judgement } from './judge.ts'

export class Meter {
  judgement: Judgement
  /** Body bytes forwarded so far. */
  forwarded = 0
  private nextCheck: number
  private readonly base: number
  private readonly recognition: Recognition | null
  private readonly unexplainedOver: number
  private readonly note: (session: string, bytes: number) => void

  /** `note` remembers how far an upload session has come. */
  constructor(judgement: Judgement, note: (session: string, bytes: number) => void) {
    this.judgement = judgement
    this.note = note
    this.recognition = judgement.recognition
    this.base = this.recognition?.operation.offset ?? 0
    this.unexplainedOver = judgement.recognition?.unexplainedOver ?? Number.POSITIVE_INFINITY
    this.nextCheck = this.findNextCheck()
    // A part that its head already settled: the session must not be finished as if the part had never been sent.
    if (judgement.verdict.decision.action === 'block') this.noteSession(this.claimed())
  }

  /** Takes one chunk's length into account. False: the chunk must not be forwarded, the judgement says why. */
  take(bytes: number): boolean {
    const total = this.forwarded + bytes
    if (this.base + total < this.nextCheck || this.judge(total, false)) {
      this.forwarded = total
      return true
    }
    // What was refused counts for the session too: the next request of it is refused by its head.
    this.noteSession(total)
    return false
  }

  /** The body has ended. False: it must not be completed at the origin. */
  end(): boolean {
    this.noteSession(this.forwarded)
    const { settled, monitorOpen } = this.judgement.verdict
    return (settled && !monitorOpen) || this.judge(this.forwarded, true)
  }

  /** The transfer broke off: what was forwarded still counts. */
  abort(): void {
    this.noteSession(this.forwarded)
  }

  private judge(received: number, ended: boolean): boolean {
    if (this.recognition === null) return true
    const explained = explainBody(this.recognition, received)
    const { operation, reasons } = explained
    // Only a whole upload's end tells its size; the end of a chunk does not.
    const isLast = ended && (operation.step === 'single' || operation.step === 'finish')
    const sized: Operation = {
      ...operation,
      size: { bytes: Math.max(this.base + received, this.recognition.operation.size.bytes), is: isLast ? 'exact' : 'at-least' },
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
    return Math.min(bySize, byBody)
  }

  /** Bytes of the body, as far as the head told the size of all that went before it and the body together. */
  private claimed(): number {
    return Math.max(0, (this.recognition?.operation.size.bytes ?? 0) - this.base)
  }

  private noteSession(received: number): void {
    if (this.recognition === null) return
    const key = sessionKey(this.recognition.operation)
    if (key !== null) this.note(key, this.base + received)
  }
}
