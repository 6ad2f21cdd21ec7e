import fc from 'fast-check'
import t from 'tap'
import { analyse } from '../../policy/analyse.ts'
import { compile, evaluate } from '../../policy/evaluate.ts'
import { parsePolicy } from '../../policy/policy.ts'
import { trace } from '../../policy/trace.ts'
import { indexTenants } from '../../policy/tenant/allowlist.ts'
import { policies, requests } from './policies.ts'

const tenants = indexTenants([{ account: 'microsoft', id: 'contoso', aliases: ['contoso.com', '*.contoso.com'] }, { account: 'box', id: '123' }])

function findings(...rules: object[]): string[] {
  const policy = parsePolicy({ default: 'allow', unknownTenant: 'log', rules: rules.map((rule, i) => ({ id: `r${i}`, action: 'block', ...rule })) })
  return analyse(policy, tenants).map(({ kind, ruleId, otherRuleId }) => `${ruleId} ${kind}${otherRuleId === undefined ? '' : ` by ${otherRuleId}`}`)
}

const ALONE: [name: string, rule: object, found: string | null][] = [
  ['not of itself', { when: { activity: 'upload', not: { activity: ['upload', 'list'] } } }, 'never-matches'],
  ['not of part of itself', { when: { activity: ['upload', 'list'], not: { activity: 'upload' } } }, null],
  ['not of a wider host', { when: { host: 'a.b.example', client: 'cli', not: { host: '*.example' } } }, 'never-matches'],
  ['not of a wider network', { when: { source: '10.1.0.0/16', not: { source: '10.0.0.0/8' } } }, 'never-matches'],
  ['not of a smaller network', { when: { source: '10.0.0.0/8', not: { source: '10.0.0.0/16' } } }, null],
  ['not of standings', { when: { tenant: 'sanctioned', not: { tenant: ['sanctioned', 'unknown'] } } }, 'never-matches'],
  ['not of an id, which an unverified credential meets in one way only', { when: { tenant: 'contoso', not: { tenant: 'contoso' } } }, null],
  ['not of a name, of which there may be several', { when: { fileName: '*.zip', not: { fileName: '*.zip' } } }, null],
  ['not of a group, which may not be known', { when: { group: 'finance', not: { group: 'finance' } } }, null],
  ['not of two, of which one is narrower', { when: { activity: 'upload', not: { activity: 'upload', client: 'cli' } } }, null],
  ['a path without its slash', { when: { path: ['sites/**'] } }, 'never-matches'],
  ['one of two paths without its slash', { when: { path: ['sites/**', '/x'] } }, null],
  ['enforced for nobody', { enforceFor: { percent: 0 } }, 'never-enforced'],
  ['enforced for a group', { enforceFor: { percent: 0, groups: 'pilots' } }, null],
  ['a block of an own tenant', { when: { tenant: ['x', 'Contoso.com'] } }, 'contradicts-allowlist'],
  ['a block of a name below an own tenant', { when: { tenant: 'a.contoso.com', activity: 'upload' } }, 'contradicts-allowlist'],
  ['a block of an own tenant for some', { when: { tenant: 'contoso', user: 'leaver' } }, null],
  ['a block of the same id of another account', { when: { tenant: 'contoso', provider: 'box' } }, null],
  ['a block of a foreign tenant', { when: { tenant: 'fabrikam' } }, null],
  ['an allow of a foreign tenant', { when: { tenant: 'fabrikam' }, action: 'allow' }, 'contradicts-allowlist'],
  ['an allow where the allowlist is silent', { when: { tenant: 'fabrikam', provider: 'dropbox' }, action: 'allow' }, null],
  ['an allow of an own tenant', { when: { tenant: ['contoso', 'sanctioned'], provider: 'onedrive' }, action: 'allow' }, null],
]

t.test('rules that do nothing by themselves or contradict the allowlist', async t => {
  for (const [name, rule, found] of ALONE) t.same(findings(rule), found === null ? [] : [`r0 ${found}`], name)
  t.same(findings({ enabled: false, when: { path: 'x' } }), [], 'a disabled rule is nobody’s trouble')
})

const BY_CLAIM: [name: string, rule: object, found: boolean][] = [
  ['a client class', { client: 'sync-app' }, true],
  ['a user agent at one provider', { activity: ['upload', 'share'], provider: 'dropbox', userAgent: { contains: 'Corp/1' } }, true],
  ['all but a class', { activity: 'upload', not: { client: ['cli', 'library'] } }, true],
  ['a name and a type, which the client chooses too', { client: 'browser', fileName: '*.txt', contentType: 'text/plain', method: 'PUT', path: '/x/**', host: 'x.example' }, true],
  ['all but uploads by one', { client: 'browser', not: { activity: 'upload', client: 'cli' } }, true],
  ['nothing of uploads', { activity: 'download', client: 'browser' }, false],
  ['all but uploads', { client: 'browser', not: { activity: ['upload', 'edit'] } }, false],
  ['a user too', { client: 'sync-app', user: 'backup' }, false],
  ['a network too', { client: 'cli', source: '10.1.0.0/16' }, false],
  ['an own tenant too', { userAgent: { matches: 'x' }, tenant: 'sanctioned' }, false],
  ['not a foreign tenant', { client: 'browser', not: { tenant: 'unsanctioned' } }, false],
  ['up to a size', { client: 'browser', size: { below: '1MB' } }, false],
  ['where it goes alone', { activity: 'upload', host: 'x.example' }, false],
]

t.test('rules that let uploads pass by what the client says of itself', async t => {
  const block = { when: { activity: 'upload', provider: 'custom-z' }, action: 'block' }
  for (const [name, when, found] of BY_CLAIM) t.same(findings({ when, action: 'allow' }, block), found ? ['r0 spoofable'] : [], name)
  const by = { when: { client: 'cli' } }
  t.same(findings({ ...by, action: 'allow' }), [], 'where nothing blocks, nothing is let pass')
  t.same(findings(block, { ...by, action: 'allow' }), [], 'nor after all that blocks')
  t.same(findings({ ...by, action: 'block' }, { ...by, action: 'log' }, block), ['r1 shadowed by r0'], 'who denies by it is not deceived to his harm')
  t.same(findings({ ...by, action: 'allow', mode: 'monitor' }, block), [])
  t.same(findings({ ...by, action: 'allow' }, { ...block, enabled: false }), [])
  for (const end of [{ default: 'block' }, { unknownTenant: 'block' }]) {
    const policy = parsePolicy({ default: 'allow', unknownTenant: 'log', ...end, rules: [{ id: 'ours', when: { activity: 'upload', client: 'sync-app' }, action: 'allow' }] })
    t.match(analyse(policy, null), [{
      path: 'rules/0', kind: 'spoofable', message: 'ours allows uploads by client alone: anybody who writes such a User-Agent passes.', remedy: /^Say in ours whose upload it is too/,
    }])
  }
})

const PAIRS: [name: string, first: object, second: object, shadowed: boolean][] = [
  ['one without conditions', {}, { when: { client: 'cli' } }, true],
  ['a monitor rule ends nothing', { mode: 'monitor' }, {}, false],
  ['a log rule ends nothing', { action: 'log' }, {}, false],
  ['a rule in roll-out does not end all', { enforceFor: { percent: 50 } }, {}, false],
  ['a rule with exceptions does not end all', { coach: true }, {}, false],
  ['a disabled rule ends nothing', { enabled: false }, {}, false],
  ['a monitor rule can be shadowed', {}, { mode: 'monitor' }, true],
  ['fewer activities', { when: { activity: ['upload', 'share'] } }, { when: { activity: 'upload', client: 'cli' } }, true],
  ['more activities', { when: { activity: 'upload' } }, { when: { activity: ['upload', 'share'] } }, false],
  ['users in another case', { when: { user: 'Alice' } }, { when: { user: 'alice' }, action: 'log' }, true],
  ['a host below', { when: { host: '*.example.com' } }, { when: { host: ['a.example.com', '*.b.example.com'] } }, true],
  ['a host beside', { when: { host: '*.example.com' } }, { when: { host: ['a.example.com', 'example.com'] } }, false],
  ['a path below', { when: { path: '/Sites/**' } }, { when: { path: '/sites/a/*' } }, true],
  ['a path beside', { when: { path: '/sites/*' } }, { when: { path: '/sites/**' } }, false],
  ['a smaller network', { when: { source: '10.0.0.0/8' } }, { when: { source: '10.1.0.0/16' } }, true],
  ['a larger network', { when: { source: '10.1.0.0/16' } }, { when: { source: '10.0.0.0/8' } }, false],
  ['a larger volume in less time', { when: { volume: { over: '7d', atLeast: '1GB' } } }, { when: { volume: { over: '24h', atLeast: '1GiB' } } }, true],
  ['a volume in more time', { when: { volume: { over: '1h', atLeast: '1GB' } } }, { when: { volume: { over: '24h', atLeast: '1GB' } } }, false],
  ['a larger size', { when: { size: { atLeast: '1MB' } } }, { when: { size: { atLeast: '1MiB' } } }, true],
  ['a size of another action, which stays provisional', { when: { size: { atLeast: '1MB' } } }, { when: { size: { atLeast: '1MiB' } }, action: 'allow' }, false],
  ['ids that must be proved to allow', { when: { tenant: 'x', provider: 'custom-a' }, action: 'allow' }, { when: { tenant: 'x', provider: 'custom-a' } }, false],
  ['ids that need no proof to block', { when: { tenant: 'x' } }, { when: { tenant: 'x', provider: 'custom-a' }, action: 'allow' }, true],
  ['a group', { when: { group: ['Finance', 'board'] } }, { when: { group: 'finance' } }, true],
  ['a group of another action, which may not be known', { when: { group: 'finance' }, action: 'allow' }, { when: { group: 'finance' } }, false],
  ['the same not', { when: { not: { user: 'a' } } }, { when: { client: 'cli', not: { user: 'a' } } }, true],
  ['another not', { when: { not: { user: 'a' } } }, { when: { not: { user: 'b' } } }, false],
  ['a longer text in a user agent', { when: { userAgent: { contains: 'clone' } } }, { when: { userAgent: { contains: 'RClone/', matches: 'x' } } }, true],
  ['another pattern', { when: { userAgent: { matches: 'a' } } }, { when: { userAgent: { matches: 'A' } } }, false],
  ['a type of a family', { when: { contentType: 'image/*' } }, { when: { contentType: 'image/png' } }, true],
]

t.test('rules that an earlier one shadows', async t => {
  for (const [name, first, second, shadowed] of PAIRS) t.same(findings(first, second), shadowed ? ['r1 shadowed by r0'] : [], name)
})

t.test('a finding says what to do, and names both rules', async t => {
  const policy = parsePolicy({ default: 'allow', unknownTenant: 'log', rules: [{ id: 'all', action: 'block' }, { id: 'some', action: 'log' }] })
  t.same(analyse(policy, null), [{
    path: 'rules/1', kind: 'shadowed', ruleId: 'some', otherRuleId: 'all',
    message: 'some is never reached: every request that it matches is ended before by all (block).',
    remedy: 'Move some before all, narrow all, or remove some.',
  }])
})

t.test('no false alarm: what is found without an allowlist is so for random requests', async t => {
  let found = 0
  fc.assert(fc.property(policies, fc.constantFrom('block', 'allow'), fc.array(requests, { minLength: 20, maxLength: 20 }), (document, late, asked) => {
    const policy = parsePolicy(document)
    const useless = analyse(policy, null).filter(({ kind }) => kind !== 'never-enforced' && kind !== 'spoofable').map(({ ruleId }) => ruleId)
    found += useless.length
    if (useless.length === 0) return
    const compiled = compile(policy, 1, { late })
    const without = compile({ ...policy, rules: policy.rules.filter(({ id }) => !useless.includes(id)) }, 1, { late })
    for (const facts of asked) {
      const step = trace(compiled, facts).find(({ ruleId, outcome }) => useless.includes(ruleId) && ['matched', 'monitor'].includes(outcome))
      if (step !== undefined) throw new Error(`${step.ruleId} matched`)
      const [all, fewer] = [evaluate(compiled, facts), evaluate(without, facts)]
      if (all.decision.action !== fewer.decision.action || all.decision.ruleId !== fewer.decision.ruleId) throw new Error('the decision is another')
    }
  }), { numRuns: 1_500 })
  t.ok(found > 100, `${found} findings were looked at`)
})

t.test('ten thousand rules are read', async t => {
  const rules = Array.from({ length: 10_000 }, (_, i) => ({ id: `r${i}`, when: { activity: 'upload', path: `/sites/${i}/**` }, action: 'block' }))
  const policy = parsePolicy({ default: 'allow', unknownTenant: 'log', rules: [...rules.slice(1), { id: 'last', when: { activity: 'upload', path: '/sites/7/x' }, action: 'log' }] })
  const before = process.cpuUsage()
  t.match(analyse(policy, null), [{ ruleId: 'last', otherRuleId: 'r7' }])
  t.comment(`${Math.round(process.cpuUsage(before).user / 1000)} ms of processor time`)
})
