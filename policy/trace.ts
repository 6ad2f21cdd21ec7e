import type { CompiledPolicy, CompiledRule } from './compile.ts'
import { settleLate } from './evaluate.ts'
import type { Facts } from './evaluate.ts'
import type { ConditionName } from './conditions.ts'
import { FALSE, TRUE } from './truth.ts'

/** How one rule fared: `monitor` is a match that only reports; `open` hangs on what is not known yet. */
export interface TraceStep {
  readonly ruleId: string
  readonly outcome: 'matched' | 'not-matched' | 'open' | 'disabled' | 'monitor'
  /** The first condition that did not hold. */
  readonly failed?: ConditionName
}

/** The rules in the order in which they were read, up to the one that ended the reading. For explanations. */
export function trace(policy: CompiledPolicy, facts: Facts): TraceStep[] {
  const steps: TraceStep[] = []
  for (const { id, rule } of policy.read) {
    const step = rule === null ? { ruleId: id, outcome: 'disabled' as const } : traceRule(policy, rule, facts)
    steps.push(step)
    if (step.outcome === 'matched' && rule?.action !== 'log') break
  }
  return steps
}

function traceRule(policy: CompiledPolicy, rule: CompiledRule, facts: Facts): TraceStep {
  const told = rule.test(facts)
  if (told === FALSE) {
    const failed = rule.conditions.find(({ test }) => test(facts) === FALSE)?.name
    return { ruleId: rule.id, outcome: 'not-matched', ...(failed === undefined ? {} : { failed }) }
  }
  if (settleLate(rule, told, policy.late) !== TRUE) return { ruleId: rule.id, outcome: 'open' }
  return { ruleId: rule.id, outcome: rule.monitor ? 'monitor' : 'matched' }
}
