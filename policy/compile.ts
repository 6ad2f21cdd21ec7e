/** Turns one revision of a policy into arrays and closures, once, so that evaluation allocates next to nothing. */
import { compileWhen, conjunction } from './conditions.ts'
import type { Condition, ConditionName, Test } from './conditions.ts'
import type { Verdict } from './evaluate.ts'
import type { Action, Reason } from './operation.ts'
import type { Policy, Rule, When } from './schema.ts'

/** Answers remembered for one policy, over all its text conditions: with keys of 512 characters, at most 8 MiB. */
const MEMORY = 8192

export interface CompileOptions {
  /** What a block rule does whose only open condition is a fact that comes late (`policy.late`). Default `block`. */
  readonly late?: 'block' | 'allow'
}

/** A way in which a reading can end, with its verdicts made beforehand. */
export interface Outcome {
  readonly action: Action
  /** Frozen verdicts without notes, by the bits `SIZE_UNKNOWN`, `LATE_FACT`, `SESSION_LOST`; those of the first are not settled. */
  readonly verdicts: readonly Verdict[]
}

/** The bits that add a reason to an outcome's own. */
export const SIZE_UNKNOWN = 1
export const LATE_FACT = 2
export const SESSION_LOST = 4

export interface CompiledRule {
  readonly id: string
  readonly action: Action
  readonly monitor: boolean
  readonly test: Test
  readonly conditions: readonly Condition[]
  /** Byte counts at which a size condition changes, ascending. */
  readonly thresholds: readonly number[]
  readonly outcome: Outcome
  /** What a monitor rule reports. */
  readonly monitored: { readonly ruleId: string; readonly action: Action }
}

/** Which facts any enabled rule asks for, so that the caller can leave the others out. */
export type Needs = Readonly<Record<Exclude<ConditionName, 'not'>, boolean>>

export interface CompiledPolicy {
  readonly revision: number
  readonly late: 'block' | 'allow'
  readonly rules: readonly CompiledRule[]
  /** Every rule in order, with null for a disabled one. */
  readonly read: readonly { readonly id: string; readonly rule: CompiledRule | null }[]
  readonly default: Outcome
  readonly unknownTenant: Outcome
  readonly needs: Needs
}

/** Compiles a policy that `parsePolicy` has accepted. */
export function compile(policy: Policy, revision: number, options: CompileOptions = {}): CompiledPolicy {
  const enabled = policy.rules.filter(rule => rule.enabled)
  const remembering = enabled.reduce((sum, rule) => sum + textConditions(rule.when), 0)
  const memory = Math.max(8, Math.floor(MEMORY / Math.max(1, remembering)))
  const read = policy.rules.map(rule => ({ id: rule.id, rule: rule.enabled ? compileRule(rule, revision, memory) : null }))
  return {
    revision,
    late: options.late ?? 'block',
    rules: read.flatMap(({ rule }) => rule ?? []),
    read,
    default: outcome(policy.default, null, revision, 'default'),
    unknownTenant: outcome(policy.unknownTenant, null, revision, 'unknown-tenant'),
    needs: needsOf(enabled),
  }
}

function compileRule(rule: Rule, revision: number, memory: number): CompiledRule {
  const thresholds = new Set<number>()
  const conditions = compileWhen(rule.when, { proof: rule.action === 'allow', memory, thresholds })
  return {
    id: rule.id,
    action: rule.action,
    monitor: rule.mode === 'monitor',
    test: conjunction(conditions),
    conditions,
    thresholds: [...thresholds].sort((a, b) => a - b),
    outcome: outcome(rule.action, rule.id, revision, 'rule', rule.message),
    monitored: Object.freeze({ ruleId: rule.id, action: rule.action }),
  }
}

function outcome(action: Action, ruleId: string | null, revision: number, reason: Reason, message?: string): Outcome {
  const verdicts = Array.from({ length: SIZE_UNKNOWN + LATE_FACT + SESSION_LOST + 1 }, (_, bits): Verdict => {
    const reasons: Reason[] = [reason]
    if (bits & SIZE_UNKNOWN) reasons.push('size-unknown')
    if (bits & LATE_FACT) reasons.push('late-fact')
    if (bits & SESSION_LOST) reasons.push('session-unavailable')
    const decision = Object.freeze({
      action, ruleId, revision, reasons: Object.freeze(reasons), ...(message === undefined ? {} : { message }),
    })
    return Object.freeze({ decision, settled: !(bits & SIZE_UNKNOWN), recheckAt: Infinity, monitorOpen: false })
  })
  return { action, verdicts }
}

const TEXT_CONDITIONS: readonly ConditionName[] = ['source', 'userAgent', 'path', 'fileName']

function textConditions(when: When): number {
  return TEXT_CONDITIONS.filter(name => when[name] !== undefined).length + (when.not ? textConditions(when.not) : 0)
}

function needsOf(rules: readonly Rule[]): Needs {
  const named = new Set<string>()
  const collect = (when: When): void => {
    for (const name of Object.keys(when)) named.add(name)
    if (when.not) collect(when.not)
  }
  for (const rule of rules) collect(rule.when)
  return {
    provider: named.has('provider'), activity: named.has('activity'), tenant: named.has('tenant'),
    method: named.has('method'), size: named.has('size'), userAgent: named.has('userAgent'),
    client: named.has('client'), user: named.has('user'), group: named.has('group'), source: named.has('source'),
    host: named.has('host'), path: named.has('path'), fileName: named.has('fileName'),
    contentType: named.has('contentType'),
  }
}
