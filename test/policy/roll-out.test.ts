import t from 'tap'
import { compile, evaluate } from '../../policy/evaluate.ts'
import type { Facts } from '../../policy/evaluate.ts'
import { parsePolicy } from '../../policy/policy.ts'
import { trace } from '../../policy/trace.ts'

const FACTS: Facts = {
  provider: 'onedrive', activity: 'upload', step: 'single', size: { bytes: 1, is: 'exact' }, standing: 'unknown', tenantIds: [],
  method: 'PUT', userAgent: '', client: 'cli', ip: '10.0.0.1', host: 'graph.microsoft.com', path: '/', fileNameIs: 'none', at: 0,
}

function policyOf(enforceFor: object, id = 'try') {
  return compile(parsePolicy({ default: 'allow', unknownTenant: 'allow', rules: [{ id, action: 'block', enforceFor }] }), 1)
}

const users = Array.from({ length: 10_000 }, (_, i) => `user-${i}@contoso.example`)

function takenIn(percent: number, id?: string): Set<string> {
  const policy = policyOf({ percent }, id)
  return new Set(users.filter(user => evaluate(policy, { ...FACTS, user }).decision.action === 'block'))
}

t.test('the share of users is what is written, and whoever is in stays in when it is raised', async t => {
  const [none, tenth, fifth, all] = [takenIn(0), takenIn(10), takenIn(20), takenIn(100)]
  t.equal(none.size, 0)
  t.equal(all.size, users.length)
  t.ok(tenth.size > 850 && tenth.size < 1_150, `${tenth.size} of 10,000`)
  t.ok(fifth.size > 1_800 && fifth.size < 2_200, `${fifth.size} of 10,000`)
  t.ok([...tenth].every(user => fifth.has(user)))
})

t.test('another rule takes in others first', async t => {
  const others = takenIn(10, 'other')
  const both = [...takenIn(10)].filter(user => others.has(user)).length
  t.ok(both > 40 && both < 180, `${both} are in both, 100 by chance`)
})

t.test('for all others it is a monitor rule, and the trace says so', async t => {
  const policy = policyOf({ percent: 0, groups: 'Pilots' })
  const pilot = { ...FACTS, user: 'a', groups: ['pilots'] }
  t.match(evaluate(policy, pilot).decision, { action: 'block', ruleId: 'try', monitored: undefined })
  t.match(evaluate(policy, FACTS).decision, { action: 'allow', ruleId: null, monitored: [{ ruleId: 'try', action: 'block' }] })
  t.same(trace(policy, pilot), [{ ruleId: 'try', outcome: 'matched' }])
  t.same(trace(policy, FACTS), [{ ruleId: 'try', outcome: 'monitor' }])
})

t.test('a user is known by name whatever the case and address, a stranger by address', async t => {
  const policy = policyOf({ percent: 50 })
  const action = (facts: Partial<Facts>): string => evaluate(policy, { ...FACTS, ...facts }).decision.action
  for (const user of users.slice(0, 50)) t.equal(action({ user }), action({ user: user.toUpperCase(), ip: '10.9.9.9' }))
  const strangers = Array.from({ length: 50 }, (_, i) => action({ ip: `10.0.0.${i}` }))
  t.same(new Set(strangers), new Set(['allow', 'block']))
})
