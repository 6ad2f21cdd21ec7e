/** The rules of a policy, changed one at a time. Pure: each answers another policy, or the same where nothing changes. */
import { SluiceError } from './errors.ts'
import { ruleFault } from './parse.ts'
import type { Policy, Rule } from './schema.ts'

/** Where a rule goes: beside another, or to a place, counted from 1; the end where none is given. */
export interface Place {
  readonly before?: string | undefined
  readonly after?: string | undefined
  readonly to?: number | undefined
}

/** Throws `rule.not-found`. */
export function findRule(policy: Policy, id: string): Rule {
  const rule = policy.rules.find((one) => one.id === id)
  if (rule === undefined) throw notFound(id, 'id')
  return rule
}

/** Throws `policy.duplicate-rule`, and as `moveRule` does. */
export function addRule(policy: Policy, rule: Rule, place: Place): Policy {
  refuseTwin(policy.rules, rule.id)
  return { ...policy, rules: placed(policy.rules, rule, place) }
}

/** Puts `rule` in the place of the one of that id, which it may rename. Throws `rule.not-found`, `policy.duplicate-rule`. */
export function replaceRule(policy: Policy, id: string, rule: Rule): Policy {
  const before = findRule(policy, id)
  const others = policy.rules.filter((one) => one !== before)
  refuseTwin(others, rule.id)
  if (JSON.stringify(before) === JSON.stringify(rule)) return policy
  return { ...policy, rules: policy.rules.map((one) => (one === before ? rule : one)) }
}

/** Throws `rule.not-found`. */
export function removeRule(policy: Policy, id: string): Policy {
  const gone = findRule(policy, id)
  return { ...policy, rules: policy.rules.filter((one) => one !== gone) }
}

/** Throws `rule.not-found`, also for the rule beside which it goes; `admin.invalid` for a place that is not in the list. */
export function moveRule(policy: Policy, id: string, place: Place): Policy {
  const rule = findRule(policy, id)
  const rules = placed(policy.rules.filter((one) => one !== rule), rule, place)
  return rules.every((one, i) => one === policy.rules[i]) ? policy : { ...policy, rules }
}

function placed(others: readonly Rule[], rule: Rule, place: Place): Rule[] {
  const at = indexOf(others, rule.id, place)
  return [...others.slice(0, at), rule, ...others.slice(at)]
}

function indexOf(others: readonly Rule[], id: string, { before, after, to }: Place): number {
  if (to !== undefined) {
    if (to <= others.length + 1) return to - 1
    throw new SluiceError('admin.invalid', `There is no place ${to}: to must be 1 to ${others.length + 1}.`, 'Places count from 1.',
      { faults: [{ path: 'to', message: `must be 1 to ${others.length + 1}` }] })
  }
  const [path, other] = before !== undefined ? ['before', before] as const : ['after', after] as const
  if (other === undefined) return others.length
  if (other === id) {
    throw new SluiceError('admin.invalid', `${id} cannot stand ${path} itself.`, 'Name another rule.', { faults: [{ path, message: 'must be another rule' }] })
  }
  const at = others.findIndex((one) => one.id === other)
  if (at < 0) throw notFound(other, path)
  return before !== undefined ? at : at + 1
}

function refuseTwin(others: readonly Rule[], id: string): void {
  if (!others.some((one) => one.id === id)) return
  throw ruleFault([{ path: 'id', message: `${id} is already the id of another rule; give each rule its own` }], 'policy.duplicate-rule')
}

function notFound(id: string, path: string): SluiceError {
  return new SluiceError('rule.not-found', `There is no rule ${id}.`, 'GET /v1/rules lists those there are.',
    { faults: [{ path, message: 'is no rule of the policy' }] })
}
