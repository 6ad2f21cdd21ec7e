import t from 'tap'
import { compile, evaluate } from '../../policy/evaluate.ts'
import type { Facts } from '../../policy/evaluate.ts'
import { parsePolicy } from '../../policy/policy.ts'
import { trace } from '../../policy/trace.ts'

const FACTS: Facts = {
  provider: 'box', activity: 'upload', step: 'single', size: { bytes: 1, is: 'exact' }, standing: 'unsanctioned', tenantIds: [],
  method: 'PUT', userAgent: '', client: 'cli', ip: '10.0.0.1', user: 'alice', host: 'upload.box.com', path: '/', fileNameIs: 'none', at: 0,
}

function policyOf(...rules: object[]) {
  return compile(parsePolicy({ default: 'allow', unknownTenant: 'allow', rules: rules.map((rule, i) => ({ id: `r${i}`, action: 'block', ...rule })) }), 1)
}

const excepted = new Map([['r0', 'e-0'], ['r1', 'e-1']])

t.test('a rule with coach tells so where it blocks, and holds for whoever is excepted from another', async t => {
  const policy = policyOf({ coach: true })
  t.match(evaluate(policy, FACTS), { decision: { action: 'block', ruleId: 'r0', coach: true, reasons: ['rule'] } })
  t.equal(evaluate(policy, FACTS), evaluate(policy, FACTS), 'made beforehand')
  t.match(evaluate(policy, { ...FACTS, excepted: new Map([['r9', 'e']]) }).decision, { action: 'block', coach: true })
})

t.test('for whoever is excepted it only reports, and the next rule is read', async t => {
  const policy = policyOf({ coach: true }, { when: { activity: 'share' }, coach: true }, { when: { client: 'script' } })
  const { decision } = evaluate(policy, { ...FACTS, excepted })
  t.same(decision, {
    action: 'allow', ruleId: null, revision: 1, reasons: ['default', 'exception'], exceptions: [{ ruleId: 'r0', id: 'e-0' }], monitored: [{ ruleId: 'r0', action: 'block' }],
  })
  t.match(evaluate(policy, { ...FACTS, client: 'script', excepted }).decision, { action: 'block', ruleId: 'r2', coach: undefined, exceptions: [{ id: 'e-0' }] })
  t.match(trace(policy, { ...FACTS, excepted }), [{ outcome: 'monitor' }, { outcome: 'not-matched' }, { outcome: 'not-matched' }])
})

t.test('no exception is made from a rule without coach, nor told of one that only reports anyway', async t => {
  for (const rule of [{}, { coach: false }]) t.match(evaluate(policyOf(rule), { ...FACTS, excepted }).decision, { action: 'block', exceptions: undefined })
  for (const rule of [{ mode: 'monitor' }, { enforceFor: { percent: 0 } }]) {
    t.same(evaluate(policyOf({ ...rule, coach: true }), { ...FACTS, excepted }).decision,
      { action: 'allow', ruleId: null, revision: 1, reasons: ['default'], monitored: [{ ruleId: 'r0', action: 'block' }] })
  }
})

t.test('a size that is not known yet holds nothing up for whoever is excepted', async t => {
  const policy = policyOf({ coach: true, when: { size: { atLeast: 10 } } })
  const open = { ...FACTS, size: { bytes: 0, is: 'at-least' } } as const
  t.match(evaluate(policy, open), { settled: false, recheckAt: 10 })
  t.match(evaluate(policy, { ...open, excepted }), { settled: true, monitorOpen: true, decision: { reasons: ['default'] } })
  t.match(evaluate(policy, { ...FACTS, size: { bytes: 10, is: 'exact' }, excepted }).decision, { action: 'allow', exceptions: [{ id: 'e-0' }] })
})
