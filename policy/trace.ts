import type { CompiledPolicy, CompiledRule } from './compile.ts'
import { settleOpen } from './evaluate.ts'
import type { Facts } from './evaluate.ts'
import type { ConditionName } from './conditions.ts'
import { FALSE, TRUE } from './truth.ts'

/**
 * How one rule fared: `monitor` is a match that only reports, for all or for this request (`enforceFor`, an exception); `open` hangs on what is not known yet; `not-reached` stands
 * after the rule that ended the reading.
 */
export interface TraceStep {
  readonly ruleId: string
  readonly outcome: 'matched' | 'not-matched' | 'open' | 'disabled' | 'monitor' | 'not-reached'
  /** The first condition that did not hold. */
  readonly failed?: ConditionName
}

/** Every rule of the policy, in its order. For explanations. */
export function trace(policy: CompiledPolicy, facts: Facts): TraceStep[] {
  const steps: TraceStep[] = []
  let ended = false
  for (const { id, rule } of policy.read) {
    const step: TraceStep = rule === null ? { ruleId: id, outcome: 'disabled' }
      : ended ? { ruleId: id, outcome: 'not-reached' } : traceRule(policy, rule, facts)
    steps.push(step)
    ended ||= step.outcome === 'matched' && rule?.action !== 'log'
  }
  return steps
}

function traceRule(policy: CompiledPolicy, rule: CompiledRule, facts: Facts): TraceStep {
  const told = rule.test(facts)
  if (told === FALSE) {
    const failed = rule.conditions.find(({ test }) => test(facts) === FALSE)?.name
    return { ruleId: rule.id, outcome: 'not-matched', ...(failed === undefined ? {} : { failed }) }
  }
  if (settleOpen(rule, told, policy.late) !== TRUE) return { ruleId: rule.id, outcome: 'open' }
  return { ruleId: rule.id, outcome: rule.monitor(facts) ? 'monitor' : 'matched' }
}
