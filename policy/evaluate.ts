/**
 * Reads the rules of a compiled policy against the facts of one request. Pure: no clock, no I/O.
 * How a policy is read is told in the design's chapter on the vocabulary; the cases in `test/cases/` show it.
 */
import type { CompiledPolicy, CompiledRule } from './compile.ts'
import { bytesIn } from './conditions.ts'
import type { Action, Activity, ClientClass, Decision, Provider, Size, Standing, Step } from './operation.ts'
import { EXCEPTED, GROUPS_LOST, LATE_FACT, SESSION_LOST, SIZE_UNKNOWN } from './outcome.ts'
import type { Outcome } from './outcome.ts'
import { FALSE, OPEN_GROUPS, OPEN_LATE, OPEN_LOST, OPEN_SIZE, TRUE } from './truth.ts'
import type { Truth } from './truth.ts'

/** How much of a body without a declared length passes before volumes are asked again; who counts what others send meanwhile asks sooner. */
export const VOLUME_STEP = 1 << 20

export { compile } from './compile.ts'
export type { CompiledPolicy, CompileOptions, Needs } from './compile.ts'

/** What is known of a request. Texts are normalised by those who found them. */
export interface Facts {
  /** Null for what is not cloud storage. */
  readonly provider: Provider | null
  readonly activity: Activity
  readonly step: Step
  /** Bytes of the whole upload where it is told, else what has been counted (`at-least`). */
  readonly size: Size
  /** What went before in the upload could not be looked up: its size is not known, whatever the request tells. */
  readonly sessionLost?: boolean
  /** The bytes are under a content coding that the provider undoes: how many come out of them is known to nobody before. */
  readonly isEncoded?: boolean
  /** Bytes of this request's body so far, and whether that is all of it; left out: `size` tells it. */
  readonly body?: { readonly bytes: number; readonly isAll: boolean }
  /** What this user, or else this address, has sent to the provider in the last `overMs`, without this request; left out: nothing. */
  readonly sentBefore?: (overMs: number) => number
  readonly standing: Standing
  /** Id and aliases of the tenant, lower case; empty where nothing told them. */
  readonly tenantIds: readonly string[]
  /** The ids count against a request, never for it: nothing but an unverified credential told them. */
  readonly tenantDenies?: boolean
  /** Upper case. */
  readonly method: string
  readonly userAgent: string
  readonly client: ClientClass
  /** Canonical textual address. */
  readonly ip: string
  readonly user?: string
  readonly groups?: readonly string[]
  /** The user may be in groups that could not be looked up. */
  readonly moreGroups?: boolean
  /** Lower case, without port. */
  readonly host: string
  /** Canonical path, without query. */
  readonly path: string
  readonly fileName?: string
  /** All names that are known, where there are several. */
  readonly fileNames?: readonly string[]
  /** There are files whose names are not known. */
  readonly moreNames?: boolean
  /** `late`: told only after content has moved; `none`: the request has no name and none will come. */
  readonly fileNameIs: 'known' | 'none' | 'late'
  readonly contentType?: string
  /** Rules with `coach` that this person is excepted from, with the exceptions' ids; left out: there are none. */
  readonly excepted?: ReadonlyMap<string, string>
  /** When the request came, in milliseconds since 1970. */
  readonly at: number
}

export interface Verdict {
  readonly decision: Decision
  /**
   * False while an enforced rule that stands before the end hangs on bytes not counted yet: ask again with a larger
   * `at-least` size when the count reaches `recheckAt`, and with the exact size at the end of the body.
   */
  readonly settled: boolean
  /** The next byte count at which the answer can change; Infinity when settled. */
  readonly recheckAt: number
  /** The next count of the body's own bytes at which a volume condition can change, or is to be asked again; Infinity where none is open. */
  readonly recheckBodyAt: number
  /**
   * True when a rule in monitor mode hangs on bytes not counted yet: the decision stands, but asking again with the
   * exact size completes what `monitored` and the record tell.
   */
  readonly monitorOpen: boolean
}

/** Decides. Unless rules noted or monitored something, a settled verdict is one made beforehand. */
export function evaluate(policy: CompiledPolicy, facts: Facts): Verdict {
  const bytes = facts.size.bytes
  let end: Outcome | undefined
  let provisional: Outcome | undefined
  let firstNote: Outcome | undefined
  let noted: string[] | undefined
  let monitored: { readonly ruleId: string; readonly action: Action }[] | undefined
  let exceptions: { readonly ruleId: string; readonly id: string }[] | undefined
  let recheckAt = Infinity
  let recheckBodyAt = Infinity
  let unsettled = false
  let monitorOpen = false
  let extra = 0

  const { index } = policy
  index.start(facts)
  for (let rule = index.next(); rule !== undefined; rule = index.next()) {
    const told = rule.test(facts)
    const truth = settleOpen(rule, told, policy.late)
    if (told !== truth && !(truth & OPEN_SIZE) && rule.action !== 'log' && !rule.monitor(facts)) {
      if (told & OPEN_LATE) extra |= LATE_FACT
      if (told & OPEN_LOST) extra |= SESSION_LOST
      if (told & OPEN_GROUPS) extra |= GROUPS_LOST
    }
    if (truth === FALSE) continue
    if (truth !== TRUE) {
      if (rule.monitor(facts)) {
        monitorOpen = true
        continue
      }
      unsettled = true
      recheckAt = Math.min(recheckAt, nextThreshold(rule.thresholds, bytes))
      recheckBodyAt = Math.min(recheckBodyAt, nextVolume(rule, facts))
      if (rule.action === 'allow') provisional ??= rule.outcome
    } else if (rule.monitor(facts)) {
      (monitored ??= []).push(rule.monitored)
      const exception = rule.exception(facts)
      if (exception !== undefined) {
        extra |= EXCEPTED;
        (exceptions ??= []).push({ ruleId: rule.id, id: exception })
      }
    } else if (rule.action === 'log') {
      firstNote ??= rule.outcome;
      (noted ??= []).push(rule.id)
    } else {
      end = rule.outcome
      break
    }
  }

  end ??= fallThrough(policy, facts, firstNote)
  if (unsettled) {
    extra |= SIZE_UNKNOWN
    if (end.action === 'block' && provisional) end = provisional
  }
  const prepared = end.verdict(extra)
  if (!unsettled && !monitorOpen && !noted && !monitored) return prepared
  const decision = noted || monitored
    ? { ...prepared.decision, ...(noted ? { noted } : {}), ...(exceptions ? { exceptions } : {}), ...(monitored ? { monitored } : {}) }
    : prepared.decision
  return { decision, settled: !unsettled, recheckAt, recheckBodyAt, monitorOpen }
}

/**
 * A fact that comes late can be sent around the proxy, so rules are settled without it, before any content moves:
 * a block rule by `late`; an allow or log rule does not hold on what is not known. What was lost, or could not be looked
 * up, does not come later: a block rule holds.
 */
export function settleOpen(rule: CompiledRule, truth: Truth, late: 'block' | 'allow'): Truth {
  if (!(truth & (OPEN_LATE | OPEN_LOST | OPEN_GROUPS))) return truth
  if (rule.action !== 'block' || (truth & OPEN_LATE && late === 'allow')) return FALSE
  return (truth & OPEN_SIZE) || TRUE
}

function fallThrough(policy: CompiledPolicy, facts: Facts, firstNote: Outcome | undefined): Outcome {
  const rest = facts.activity === 'upload' && facts.standing === 'unknown' ? policy.unknownTenant : policy.default
  return rest.action === 'allow' && firstNote ? firstNote : rest
}

/**
 * The body's bytes that are missing from the nearest window, and no more than a step: what others of the same user send
 * meanwhile is noticed then.
 */
function nextVolume({ windows }: CompiledRule, facts: Facts): number {
  if (windows.length === 0) return Infinity
  const bytes = facts.body?.bytes ?? facts.size.bytes
  let next = bytes + VOLUME_STEP
  for (const window of windows) {
    const missing = window.atLeast - bytesIn(window, facts)
    if (missing > 0) next = Math.min(next, bytes + missing)
  }
  return next
}

function nextThreshold(thresholds: readonly number[], bytes: number): number {
  for (const threshold of thresholds) if (threshold > bytes) return threshold
  return Infinity
}
