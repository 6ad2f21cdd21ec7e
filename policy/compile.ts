/** Turns one revision of a policy into arrays and closures, once, so that evaluation allocates next to nothing. */
import { compileWhen, conjunction } from './conditions.ts'
import type { Condition, ConditionName, Test, Window } from './conditions.ts'
import type { Facts } from './evaluate.ts'
import type { Action } from './operation.ts'
import { Outcome } from './outcome.ts'
import { enforcedFor } from './roll-out.ts'
import { RuleIndex } from './rule-index.ts'
import type { Policy, Rule, When } from './schema.ts'

/** Answers remembered for one policy, over all its text conditions: with keys of 512 characters, at most 8 MiB. */
const MEMORY = 8192

export interface CompileOptions {
  /** What a block rule does whose only open condition is a fact that comes late (`policy.late`). Default `block`. */
  readonly late?: 'block' | 'allow'
}

export interface CompiledRule {
  readonly id: string
  /** Its place in the policy. */
  readonly order: number
  readonly action: Action
  /** Whether the rule only reports, for everybody or for this request. */
  readonly monitor: (facts: Facts) => boolean
  /** The id of the exception for which alone the rule only reports. */
  readonly exception: (facts: Facts) => string | undefined
  readonly test: Test
  readonly conditions: readonly Condition[]
  /** Byte counts at which a size condition changes, ascending. */
  readonly thresholds: readonly number[]
  /** Of its volume conditions. */
  readonly windows: readonly Window[]
  readonly outcome: Outcome
  /** What a monitor rule reports. */
  readonly monitored: { readonly ruleId: string; readonly action: Action }
}

/** Which facts any enabled rule asks for, so that the caller can leave the others out. */
export type Needs = Readonly<Record<Exclude<ConditionName, 'not'>, boolean>>

export interface CompiledPolicy {
  readonly revision: number
  readonly late: 'block' | 'allow'
  readonly index: RuleIndex
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
  const read = policy.rules.map((rule, order) => ({
    id: rule.id, when: rule.when, rule: rule.enabled ? compileRule(rule, order, revision, memory) : null,
  }))
  return {
    revision,
    late: options.late ?? 'block',
    index: new RuleIndex(read.flatMap(({ rule, when }) => rule === null ? [] : { rule, when })),
    read: read.map(({ id, rule }) => ({ id, rule })),
    default: new Outcome(policy.default, null, revision, 'default'),
    unknownTenant: new Outcome(policy.unknownTenant, null, revision, 'unknown-tenant'),
    needs: needsOf(enabled),
  }
}

function compileRule(rule: Rule, order: number, revision: number, memory: number): CompiledRule {
  const thresholds = new Set<number>()
  const windows: Window[] = []
  const conditions = compileWhen(rule.when, { proof: rule.action === 'allow', memory, thresholds, windows })
  return {
    id: rule.id,
    order,
    action: rule.action,
    ...enforcementOf(rule),
    test: conjunction(conditions),
    conditions,
    thresholds: [...thresholds].sort((a, b) => a - b),
    windows,
    outcome: new Outcome(rule.action, rule.id, revision, 'rule', rule),
    monitored: Object.freeze({ ruleId: rule.id, action: rule.action }),
  }
}

function enforcementOf(rule: Rule): Pick<CompiledRule, 'monitor' | 'exception'> {
  const monitor = monitorOf(rule)
  if (rule.coach !== true || monitor === always) return { monitor, exception: unexcepted }
  const { id } = rule
  return {
    monitor: facts => facts.excepted?.has(id) === true || monitor(facts),
    exception: facts => facts.excepted === undefined || monitor(facts) ? undefined : facts.excepted.get(id),
  }
}

function monitorOf({ id, mode, enforceFor, action }: Rule): (facts: Facts) => boolean {
  if (mode === 'monitor') return always
  if (enforceFor === undefined) return never
  const isEnforced = enforcedFor(id, enforceFor, action === 'block')
  return facts => !isEnforced(facts)
}

const always = (): boolean => true
const never = (): boolean => false
const unexcepted = (): undefined => undefined

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
  for (const rule of rules) {
    collect(rule.when)
    if (rule.enforceFor?.groups !== undefined) named.add('group')
  }
  return {
    provider: named.has('provider'), activity: named.has('activity'), tenant: named.has('tenant'),
    method: named.has('method'), size: named.has('size'), userAgent: named.has('userAgent'),
    client: named.has('client'), user: named.has('user'), group: named.has('group'), source: named.has('source'),
    host: named.has('host'), path: named.has('path'), fileName: named.has('fileName'),
    contentType: named.has('contentType'), time: named.has('time'), volume: named.has('volume'),
  }
}
