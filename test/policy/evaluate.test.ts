import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import { compile, evaluate } from '../../policy/evaluate.ts'
import type { Facts } from '../../policy/evaluate.ts'
import { parsePolicy } from '../../policy/policy.ts'
import { trace } from '../../policy/trace.ts'

const FACTS: Facts = {
  provider: 'onedrive', activity: 'upload', step: 'single', size: { bytes: 0, is: 'unknown' },
  standing: 'unsanctioned', tenantIds: ['fabrikam'], method: 'PUT', userAgent: 'curl/8.5.0', client: 'cli',
  ip: '10.0.0.1', host: 'graph.microsoft.com', path: '/v1.0/me/drive/root:/a.zip:/content', fileName: 'a.zip', fileNameIs: 'known', at: 0,
}

function policyOf(rules: unknown[], revision = 3, late: 'block' | 'allow' = 'block') {
  return compile(parsePolicy({ default: 'allow', unknownTenant: 'log', rules }), revision, { late })
}

t.test('a settled verdict without notes is made beforehand and frozen', async t => {
  const policy = policyOf([{ id: 'a', when: { tenant: 'unsanctioned' }, action: 'block', message: 'No.' }])
  const verdict = evaluate(policy, FACTS)
  t.equal(evaluate(policy, { ...FACTS, path: '/other' }), verdict, 'the same object')
  t.ok(Object.isFrozen(verdict) && Object.isFrozen(verdict.decision) && Object.isFrozen(verdict.decision.reasons))
  t.same(verdict, { decision: { action: 'block', ruleId: 'a', revision: 3, reasons: ['rule'], message: 'No.' }, settled: true, recheckAt: Infinity, recheckBodyAt: Infinity, monitorOpen: false })
})

t.test('notes of one request do not leak into the next', async t => {
  const policy = policyOf([{ id: 'n', when: { client: 'cli' }, action: 'log' }, { id: 'm', mode: 'monitor', when: { client: 'cli' }, action: 'block' }])
  t.same(evaluate(policy, FACTS).decision.noted, ['n'])
  const second = evaluate(policy, { ...FACTS, client: 'browser' }).decision
  t.notOk('noted' in second || 'monitored' in second)
})

t.test('rechecking at every recheckAt finds each change, for any count in between', async t => {
  const policy = policyOf([
    { id: 'a', when: { size: { below: 10 } }, action: 'allow' },
    { id: 'b', when: { size: { atLeast: 20, below: 30 }, not: { size: { atLeast: 25 } } }, action: 'allow' },
    { id: 'c', when: { not: { size: { below: 40 } } }, action: 'block' },
    { id: 'd', when: { size: { atLeast: 15 } }, action: 'block' },
  ])
  let expected = evaluate(policy, FACTS)
  const path = [`0 ${expected.decision.ruleId}`]
  for (let bytes = 1; bytes <= 60; bytes++) {
    const now = evaluate(policy, { ...FACTS, size: { bytes, is: 'at-least' } })
    if (bytes < expected.recheckAt) {
      t.equal(now.decision, expected.decision, `nothing changes at ${bytes} before ${expected.recheckAt}`)
      t.equal(now.settled, expected.settled)
    } else {
      expected = now
      path.push(`${bytes} ${now.decision.ruleId}`)
    }
  }
  t.same(path, ['0 null', '10 null', '15 b', '20 b', '25 d', '40 c'])
})

t.test('with an exact size the verdict is settled, whatever the rules', async t => {
  const policy = policyOf([
    { id: 'a', when: { size: { atLeast: 5, below: 7 } }, action: 'allow' },
    { id: 'b', when: { not: { size: { below: 3 } } }, action: 'log' },
    { id: 'c', mode: 'monitor', when: { size: { atLeast: 2 } }, action: 'block' },
  ])
  for (let bytes = 0; bytes < 10; bytes++) {
    const verdict = evaluate(policy, { ...FACTS, size: { bytes, is: 'exact' } })
    t.ok(verdict.settled && !verdict.monitorOpen && verdict.recheckAt === Infinity, String(bytes))
    t.notOk(verdict.decision.reasons.includes('size-unknown'))
  }
})

t.test('needs names the facts that enabled rules ask for', async t => {
  const { needs } = policyOf([
    { id: 'a', when: { activity: 'upload', not: { fileName: '*.zip' } }, action: 'block' },
    { id: 'b', enabled: false, when: { size: { atLeast: 1 } }, action: 'block' },
  ])
  t.same(Object.entries(needs).filter(([, needed]) => needed).map(([name]) => name), ['activity', 'fileName'])
})

t.test('trace tells how each rule fared, also those after the end of the reading', async t => {
  const policy = policyOf([
    { id: 'off', enabled: false, action: 'block' },
    { id: 'other', when: { provider: 'dropbox', client: 'cli' }, action: 'block' },
    { id: 'negated', when: { client: 'cli', not: { method: 'PUT' } }, action: 'block' },
    { id: 'watch', mode: 'monitor', when: { client: 'cli' }, action: 'block' },
    { id: 'large', when: { size: { atLeast: 10 } }, action: 'block' },
    { id: 'note', action: 'log' },
    { id: 'end', when: { client: 'cli' }, action: 'allow' },
    { id: 'never', action: 'block' },
    { id: 'off-too', enabled: false, action: 'block' },
  ])
  t.same(trace(policy, FACTS), [
    { ruleId: 'off', outcome: 'disabled' },
    { ruleId: 'other', outcome: 'not-matched', failed: 'provider' },
    { ruleId: 'negated', outcome: 'not-matched', failed: 'not' },
    { ruleId: 'watch', outcome: 'monitor' },
    { ruleId: 'large', outcome: 'open' },
    { ruleId: 'note', outcome: 'matched' },
    { ruleId: 'end', outcome: 'matched' },
    { ruleId: 'never', outcome: 'not-reached' },
    { ruleId: 'off-too', outcome: 'disabled' },
  ])
})

t.test('trace and evaluate agree on late facts', async t => {
  const rules = [{ id: 'zip', when: { fileName: '*.zip' }, action: 'block' }]
  const late: Facts = { ...FACTS, fileNameIs: 'late' }
  t.same(trace(policyOf(rules), late), [{ ruleId: 'zip', outcome: 'matched' }])
  t.equal(evaluate(policyOf(rules), late).decision.action, 'block')
  t.same(trace(policyOf(rules, 1, 'allow'), late), [{ ruleId: 'zip', outcome: 'open' }])
  t.equal(evaluate(policyOf(rules, 1, 'allow'), late).decision.action, 'allow')
})

t.test('patterns run in linear time against texts that blow up a backtracking engine', async t => {
  const policy = policyOf([{ id: 'redos', when: { userAgent: { matches: '^(a+)+$' }, path: '/**a**a**a**a**b' }, action: 'block' }])
  const start = process.cpuUsage()
  for (let i = 0; i < 20; i++) {
    evaluate(policy, { ...FACTS, userAgent: 'a'.repeat(20_000) + i, path: '/' + 'a'.repeat(8000) })
    evaluate(policy, { ...FACTS, userAgent: 'a'.repeat(20_000), path: '/' + 'a'.repeat(8000) + i })
  }
  t.ok(process.cpuUsage(start).user < 5_000_000, 'forty in less than five seconds of processor time')
})

t.test('remembered answers do not grow the memory with hostile texts', async t => {
  const policy = policyOf([{ id: 'ua', when: { userAgent: { contains: 'zzz' } }, action: 'block' }])
  setFlagsFromString('--expose-gc')
  const gc: () => void = runInNewContext('gc')
  const measure = (): number => {
    gc()
    return process.memoryUsage().heapUsed
  }
  for (let i = 0; i < 10_000; i++) evaluate(policy, { ...FACTS, userAgent: `${i}${'x'.repeat(400)}` })
  const before = measure()
  for (let i = 0; i < 40_000; i++) evaluate(policy, { ...FACTS, userAgent: `${i}-${'x'.repeat(400)}` })
  t.ok(measure() - before < 8e6, 'less than 8 MB more after 40,000 further user agents')
})

t.test('a user is who he is however an accent of his name is written', async (t) => {
  const [composed, apart] = ['Jos\u00e9', 'jose\u0301']
  for (const [written, shown] of [[composed, apart], [apart, composed]] as const) {
    const policy = policyOf([...Array.from({ length: 20 }, (_, i) => ({ id: `other-${i}`, when: { user: `other ${i}` }, action: 'allow' })),
      { id: 'user', when: { user: written }, action: 'block' }])
    t.equal(evaluate(policy, { ...FACTS, user: shown }).decision.ruleId, 'user')
  }
})
