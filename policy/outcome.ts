import type { Verdict } from './evaluate.ts'
import type { Action, Decision, Reason } from './operation.ts'

/** The bits that add a reason to an outcome's own. */
export const SIZE_UNKNOWN = 1
export const LATE_FACT = 2
export const SESSION_LOST = 4
export const EXCEPTED = 8
export const GROUPS_LOST = 16

/** A way in which a reading can end. */
export class Outcome {
  readonly action: Action
  readonly #decision: Decision
  readonly #verdicts: Verdict[] = []

  constructor(action: Action, ruleId: string | null, revision: number, reason: Reason, { message, coach }: { message?: string; coach?: boolean } = {}) {
    this.action = action
    this.#decision = {
      action, ruleId, revision, reasons: [reason], ...(message === undefined ? {} : { message }), ...(coach === true ? { coach } : {}),
    }
  }

  /** The frozen verdict without notes for some of the bits, made when it is first asked for; it is settled without the first bit. */
  verdict(bits: number): Verdict {
    return this.#verdicts[bits] ??= this.#prepare(bits)
  }

  #prepare(bits: number): Verdict {
    const reasons = [...this.#decision.reasons]
    if (bits & SIZE_UNKNOWN) reasons.push('size-unknown')
    if (bits & LATE_FACT) reasons.push('late-fact')
    if (bits & SESSION_LOST) reasons.push('session-unavailable')
    if (bits & GROUPS_LOST) reasons.push('groups-unavailable')
    if (bits & EXCEPTED) reasons.push('exception')
    const decision = Object.freeze({ ...this.#decision, reasons: Object.freeze(reasons) })
    return Object.freeze({ decision, settled: !(bits & SIZE_UNKNOWN), recheckAt: Infinity, recheckBodyAt: Infinity, monitorOpen: false })
  }
}
