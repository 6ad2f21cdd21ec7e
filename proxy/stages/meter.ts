/**
 * Counts a body as it passes and judges again where the count changes the answer: a size limit of an open rule, the
 * bound of an unexplained body, more than was declared, the end. The chunk that would pass a limit is judged before it
 * is forwarded.
 */
import type { Operation } from '../../policy/operation.ts'
import { explainBody } from '../../policy/providers/index.ts'
import type { Recognition } from '../../policy/providers/provider.ts'
import type { SessionCount } from '../../policy/sessions.ts'
import { isCounted, volumeKey } from '../../policy/volumes.ts'
import type { VolumeCount } from '../../policy/volumes.ts'
import { rejudge } from './judge.ts'
import type { Judgement } from './judge.ts'
import { addsUp, RESENT_SLACK, sessionKey } from './session.ts'

/** The counts of upload sessions, by `sessionKey`. */
export interface SessionCounts {
  open(key: string): SessionCount
}

/** What users have sent, by `volumeKey`. */
export interface VolumeCounts {
  open(key: string): VolumeCount
}

/** A long part is told of in steps, so that another node that takes its repetition knows. */
const NOTE_EVERY = 1 << 20

export class Meter {
  judgement: Judgement
  /** Body bytes forwarded so far. */
  forwarded = 0
  private nextCheck: number
  /** In bytes of this body, and of what others of the same user claim from `othersAt` on. */
  private nextBodyCheck: number
  private othersAt = 0
  /** Bytes of this body that the session has been told of. */
  private noted = 0
  private readonly base: number
  private readonly recognition: Recognition | null
  private readonly unexplainedOver: number
  private readonly session: SessionCount | null
  private readonly addsUp: boolean
  private readonly volumes: VolumeCounts
  private volume: VolumeCount | null
  /** The part that this body is, where it has a name but no place. */
  private readonly part: string | undefined

  constructor(judgement: Judgement, sessions: SessionCounts, volumes: VolumeCounts) {
    this.judgement = judgement
    this.recognition = judgement.recognition
    const operation = this.recognition?.operation
    const key = operation === undefined ? null : sessionKey(judgement.module, operation, judgement.head.host)
    this.session = key === null ? null : sessions.open(key)
    this.addsUp = operation !== undefined && addsUp(operation)
    this.part = this.addsUp ? operation?.part : undefined
    this.base = operation?.offset ?? 0
    this.unexplainedOver = judgement.recognition?.unexplainedOver ?? Number.POSITIVE_INFINITY
    this.volumes = volumes
    this.volume = openVolume(judgement, volumes)
    this.claim()
    this.nextCheck = this.findNextCheck()
    this.nextBodyCheck = this.findNextBodyCheck()
    // A part that its head already settled: the session must not be finished as if the part had never been sent.
    if (this.judgement.verdict.decision.action === 'block' && operation?.activity === 'upload') {
      this.session?.reached(Math.max(this.base, operation.size.bytes), 'final')
      if (this.part !== undefined) this.session?.setPart(this.part, judgement.head.contentLength ?? 0)
    }
  }

  /** Takes one chunk's length into account. False: the chunk must not be forwarded, the judgement says why. */
  take(bytes: number): boolean {
    const total = this.forwarded + bytes
    if ((this.reach(total) < this.nextCheck && total + this.othersSince() < this.nextBodyCheck) || this.judge(total, false)) {
      this.forwarded = total
      this.volume?.claim(total)
      this.session?.forwarded(bytes)
      if (this.addsUp || total - this.noted >= NOTE_EVERY) this.noteSession(total, 'on')
      return true
    }
    // What was refused counts for the session too: the next request of it is refused by its head.
    this.noteSession(total, 'final')
    return false
  }

  /** The body has ended. False: it must not be completed at the origin. */
  end(): boolean {
    const step = this.recognition?.operation.step
    this.noteSession(this.forwarded, step === 'single' || step === 'finish' ? 'final' : 'over')
    const { settled, monitorOpen } = this.judgement.verdict
    const passes = (settled && !monitorOpen) || this.judge(this.forwarded, true)
    this.release()
    return passes
  }

  /** The transfer broke off: what was forwarded still counts. */
  abort(): void {
    this.noteSession(this.forwarded, 'final')
    this.release()
  }

  /** Nothing more comes: what was forwarded is what counts for the user. Calling it again does nothing. */
  release(): void {
    this.volume?.close(this.forwarded)
  }

  /**
   * What others of the user claimed since the request was judged counts before its own claim: of several at the same
   * moment the later ones see the earlier.
   */
  private claim(): void {
    const { volume, recognition, judgement } = this
    if (volume === null || judgement.verdict.decision.action === 'block') return
    if (recognition !== null && judgement.view.policy.needs.volume) {
      this.judgement = rejudge(judgement, recognition.operation, [], judgement.body, overMs => volume.others(overMs))
      if (this.judgement.verdict.decision.action === 'block') return
    }
    if (judgement.body.isAll) volume.claim(judgement.body.bytes)
  }

  /** A body that turns out to be an upload counts as one from its first byte, whatever the request was taken for. */
  private claimLate(operation: Operation): void {
    if (this.volume !== null) return
    const volume = this.volumes.open(volumeKey(this.judgement.client, operation))
    this.volume = volume
    this.judgement = { ...this.judgement, sentBefore: overMs => volume.others(overMs) }
  }

  /** How far `received` bytes of this body take the upload, repeated bytes beyond the slack included. */
  private reach(received: number): number {
    return Math.max(this.place(received), this.resent(received))
  }

  private place(received: number): number {
    if (!this.addsUp || this.session === null) return this.base + received
    const before = this.part === undefined ? 0 : this.session.part(this.part)
    return this.session.bytes + Math.max(0, received - Math.max(this.noted, before))
  }

  /** What all requests of the session have forwarded, less the slack. */
  private resent(received: number): number {
    return this.session === null ? 0 : this.session.sent + received - this.forwarded - RESENT_SLACK
  }

  private judge(received: number, ended: boolean): boolean {
    if (this.recognition === null) return true
    const explained = explainBody(this.recognition, received)
    if (explained !== this.recognition) this.claimLate(explained.operation)
    const { operation, reasons } = explained
    // Only a whole upload's end tells its size; the end of a chunk does not.
    const isLast = ended && (operation.step === 'single' || operation.step === 'finish')
    const counted = Math.max(this.place(received), this.recognition.operation.size.bytes)
    const resent = this.resent(received)
    const sized: Operation = { ...operation, size: { bytes: Math.max(counted, resent), is: isLast ? 'exact' : 'at-least' } }
    const { body } = this.judgement
    this.judgement = rejudge(this.judgement, sized, resent > counted ? [...reasons, 'session-resent'] : reasons,
      body.isAll ? body : { bytes: received, isAll: ended })
    this.nextCheck = this.findNextCheck(received)
    this.nextBodyCheck = this.findNextBodyCheck()
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

  private findNextBodyCheck(): number {
    const { settled, recheckBodyAt } = this.judgement.verdict
    this.othersAt = this.volume?.othersEver ?? 0
    return settled ? Number.POSITIVE_INFINITY : recheckBodyAt
  }

  private othersSince(): number {
    return this.volume === null ? 0 : this.volume.othersEver - this.othersAt
  }

  /** A size was declared, but nothing holds the body, or all parts of a session, to it: what is settled is so up to that size. */
  private beyondDeclared(): number {
    const { head, recognition } = this.judgement
    const size = recognition?.operation.size
    return (head.contentLength === null || this.session !== null) && size?.is === 'exact' ? size.bytes + 1 : Number.POSITIVE_INFINITY
  }

  /** A refused piece counts as if it had come: what it was refused for stays so for the session. */
  private noteSession(received: number, progress: 'on' | 'over' | 'final'): void {
    if (this.session === null) return
    const bytes = received > this.forwarded ? this.reach(received) : this.place(received)
    this.noted = received
    this.session.reached(bytes, progress)
    if (this.part !== undefined) this.session.setPart(this.part, received)
  }
}

/** Null where there is no body, or none that counts. */
function openVolume({ recognition, client, body }: Judgement, volumes: VolumeCounts): VolumeCount | null {
  if (recognition === null || (body.isAll && body.bytes === 0) || !isCounted(recognition.operation.activity)) return null
  return volumes.open(volumeKey(client, recognition.operation))
}
