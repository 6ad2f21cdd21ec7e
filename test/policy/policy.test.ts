import t from 'tap'
import { SluiceError } from '../../policy/errors.ts'
import { loadBuiltin, BUILTIN_NAMES } from '../../policy/builtin.ts'
import { parsePolicy, parsePolicyYaml, toYaml } from '../../policy/policy.ts'

const base = { default: 'allow', unknownTenant: 'log' }

function withRule(rule: Record<string, unknown>): unknown {
  return { ...base, rules: [{ id: 'a', action: 'block', ...rule }] }
}

function refusal(read: () => unknown): SluiceError {
  try {
    read()
  } catch (error) {
    if (error instanceof SluiceError) return error
    throw error
  }
  throw new Error('it was accepted')
}

t.test('defaults of a rule are filled in and its keys put in order', async t => {
  const policy = parsePolicy({ ...base, rules: [{ action: 'block', id: 'a' }, { message: 'No.', when: { size: { atLeast: '1MB' } }, id: 'b', action: 'log', mode: 'monitor', enabled: false }] })
  t.same(policy, {
    ...base,
    rules: [
      { id: 'a', enabled: true, mode: 'enforce', when: {}, action: 'block' },
      { id: 'b', enabled: false, mode: 'monitor', when: { size: { atLeast: '1MB' } }, action: 'log', message: 'No.' },
    ],
  })
  t.same(Object.keys(policy.rules[1] ?? {}), ['id', 'enabled', 'mode', 'when', 'action', 'message'])
})

const REFUSED: [name: string, value: unknown, path: string, message: RegExp][] = [
  ['no object', 'allow', '', /must be an object of default, unknownTenant and rules/],
  ['null', null, '', /must be an object/],
  ['a missing key', { default: 'allow', rules: [] }, 'unknownTenant', /is missing; it must be allow, log or block/],
  ['an unknown key', { ...base, rules: [], defualt: 1 }, 'defualt', /did you mean default\?/],
  ['an unknown key of a rule', withRule({ priority: 1 }), 'rules/0/priority', /known are id, description/],
  ['a misspelt condition', withRule({ when: { activty: 'upload' } }), 'rules/0/when/activty', /did you mean activity\?/],
  ['a misspelt condition in not', withRule({ when: { not: { methd: 'PUT' } } }), 'rules/0/when/not/methd', /did you mean method\?/],
  ['no time of day', withRule({ when: { time: { from: '8:00' } } }), 'rules/0/when/time/from', /8:00" is not allowed; it must be a time of day/],
  ['no day', withRule({ when: { time: { days: ['mon', 'tues'] } } }), 'rules/0/when/time/days/1', /did you mean tue\?/],
  ['no time zone', withRule({ when: { time: { from: '08:00', timezone: 'Europe/Berln' } } }), 'rules/0/when/time/timezone', /not a time zone; write an IANA name/],
  ['an offset, which knows no summer time', withRule({ when: { not: { time: { from: '08:00', timezone: '+02:00' } } } }), 'rules/0/when/not/time/timezone', /not a time zone/],
  ['a zone alone', withRule({ when: { time: { timezone: 'UTC' } } }), 'rules/0/when/time', /names no time/],
  ['a time that never is', withRule({ when: { time: { from: '08:00', to: '08:00' } } }), 'rules/0/when/time/to', /the same as from/],
  ['an anomaly', withRule({ when: { anomaly: { atLeast: 0.9 } } }), 'rules/0/when/anomaly', /not known to this version/],
  ['a volume without a size', withRule({ when: { volume: { over: '24h' } } }), 'rules/0/when/volume/atLeast', /is missing/],
  ['a volume over a time that is none', withRule({ when: { volume: { over: 'a day', atLeast: '1GB' } } }), 'rules/0/when/volume/over', /a day" is not a time from 1m to 31d; write 30m, 24h or 7d/],
  ['a volume over too long', withRule({ when: { not: { volume: { over: '32d', atLeast: '1GB' } } } }), 'rules/0/when/not/volume/over', /31d/],
  ['a volume over too short', withRule({ when: { volume: { over: '59s', atLeast: '1GB' } } }), 'rules/0/when/volume/over', /1m to/],
  ['a volume of no size', withRule({ when: { volume: { over: '1h', atLeast: 'much' } } }), 'rules/0/when/volume/atLeast', /not a size/],
  ['a volume of nothing', withRule({ when: { volume: { over: '1h', atLeast: '0MB' } } }), 'rules/0/when/volume/atLeast', /holds for every request/],
  ['a share of more than all', withRule({ enforceFor: { percent: 101 } }), 'rules/0/enforceFor/percent', /101 is not allowed; it must be a share of all users, 0 to 100/],
  ['nobody to enforce for', withRule({ enforceFor: {} }), 'rules/0/enforceFor', /at least one of them/],
  ['a misspelt share', withRule({ enforceFor: { percnt: 5 } }), 'rules/0/enforceFor/percnt', /did you mean percent\?/],
  ['a roll-out of what is in monitor mode', withRule({ mode: 'monitor', enforceFor: { percent: 5 } }), 'rules/0/enforceFor', /no effect beside mode: monitor/],
  ['an exception from what does not block', withRule({ action: 'log', coach: true }), 'rules/0/coach', /no effect beside action: log; only what is blocked/],
  ['a misspelt value', withRule({ when: { activity: 'uplaod' } }), 'rules/0/when/activity', /uplaod is not allowed; it must be one of .*did you mean upload\?/],
  ['a misspelt value in a list', withRule({ when: { client: ['cli', 'libary'] } }), 'rules/0/when/client/1', /did you mean library\?/],
  ['a misspelt action', withRule({ action: 'blok' }), 'rules/0/action', /did you mean block\?/],
  ['an empty list', withRule({ when: { method: [] } }), 'rules/0/when/method', /list of 1 to/],
  ['a list too long', withRule({ when: { method: Array.from({ length: 1001 }, () => 'PUT') } }), 'rules/0/when/method', /list of 1 to 1,000/],
  ['too many ids', withRule({ when: { tenant: Array.from({ length: 10_001 }, (_, i) => `t${i}`) } }), 'rules/0/when/tenant', /list of 1 to 10,000/],
  ['too many rules', { ...base, rules: Array.from({ length: 10_001 }, (_, i) => ({ id: `r${i}`, action: 'log' })) }, 'rules', /up to 10,000 rules/],
  ['an id in capitals', withRule({ id: 'A' }), 'rules/0/id', /lower-case letters/],
  ['an id too long', withRule({ id: 'a'.repeat(65) }), 'rules/0/id', /1 to 64/],
  ['a message of two lines', withRule({ message: 'a\nb' }), 'rules/0/message', /one line/],
  ['a negative size', withRule({ when: { size: { atLeast: -1 } } }), 'rules/0/when/size/atLeast', /-1 is not allowed/],
  ['a size of no unit', withRule({ when: { size: { atLeast: '10XB' } } }), 'rules/0/when/size/atLeast', /10XB is not a size; write whole bytes/],
  ['a size past 2^53', withRule({ when: { size: { atLeast: 2 ** 53 } } }), 'rules/0/when/size/atLeast', /is not a size/],
  ['a size that nothing can have', withRule({ when: { size: { atLeast: '1MB', below: '1000KB' } } }), 'rules/0/when/size/below', /not above atLeast/],
  ['below nothing', withRule({ when: { size: { below: 0 } } }), 'rules/0/when/size/below', /nothing is smaller/],
  ['an empty size', withRule({ when: { size: {} } }), 'rules/0/when/size', /at least one of them/],
  ['an empty not', withRule({ when: { not: {} } }), 'rules/0/when/not', /is empty/],
  ['a bad pattern', withRule({ when: { userAgent: { matches: ['ok', '(a'] } } }), 'rules/0/when/userAgent/matches/1', /is not an RE2 pattern: missing closing/],
  ['a look-ahead, which RE2 has not', withRule({ when: { userAgent: { matches: '(?=a)' } } }), 'rules/0/when/userAgent/matches', /not an RE2 pattern/],
  ['a pattern too long', withRule({ when: { userAgent: { matches: 'a'.repeat(513) } } }), 'rules/0/when/userAgent/matches', /up to 512 characters/],
  ['a pattern too large', withRule({ when: { userAgent: { matches: 'a{900}'.repeat(9) } } }), 'rules/0/when/userAgent/matches', /too large a pattern/],
  ['no network', withRule({ when: { source: '10.0.0.0/33' } }), 'rules/0/when/source', /not an address or a network/],
  ['a shortened address', withRule({ when: { source: '10/8' } }), 'rules/0/when/source', /not an address or a network/],
  ['a network with host bits', withRule({ when: { source: ['10.1.2.3/8'] } }), 'rules/0/when/source/0', /write 10\.0\.0\.0\/8/],
  ['an IPv4 network in IPv6 writing', withRule({ when: { source: '::ffff:10.0.0.0/104' } }), 'rules/0/when/source', /write 10\.0\.0\.0\/8/],
  ['a host with a port', withRule({ when: { host: 'example.com:443' } }), 'rules/0/when/host', /a host name/],
  ['a prototype key', JSON.parse('{"default":"allow","unknownTenant":"log","rules":[],"__proto__":{"default":"log"}}'), '__proto__', /not a known key/],
]

t.test('refused, with the place and what is allowed there', async t => {
  for (const [name, value, path, message] of REFUSED) {
    const error = refusal(() => parsePolicy(value))
    t.equal(error.code, 'policy.invalid', name)
    t.match(error.faults.find(fault => fault.path === path)?.message, message, `${name}: ${JSON.stringify(error.faults)}`)
    t.notMatch(error.message, /\n/, `${name}: one line`)
    t.ok(error.remedy, `${name}: remedy`)
  }
})

t.test('only the bad places are named', async t => {
  const error = refusal(() => parsePolicy({ ...base, rules: [{ id: 'a', action: 'log', when: { client: ['cli', 'no'], method: 'PUT' } }] }))
  t.same(error.faults.map(({ path }) => path), ['rules/0/when/client/1'])
})

t.test('two rules of one id', async t => {
  const error = refusal(() => parsePolicy({ ...base, rules: [{ id: 'a', action: 'log' }, { id: 'b', action: 'log' }, { id: 'a', action: 'block' }] }))
  t.equal(error.code, 'policy.duplicate-rule')
  t.same(error.faults, [{ path: 'rules/2/id', message: 'a is already the id of rules/0; give each rule its own' }])
})

t.test('hostile nesting is refused before it is walked', async t => {
  let when: unknown = { method: 'PUT' }
  for (let i = 0; i < 100_000; i++) when = { not: when }
  t.match(refusal(() => parsePolicy(withRule({ when }))).message, /nested more than/)
})

t.test('YAML faults carry line and column of the document', async t => {
  const text = 'default: allow\nunknownTenant: log\nrules:\n  - id: a\n    when:\n      size: { atLeast: 10XB }\n    action: block\n'
  const error = refusal(() => parsePolicyYaml(text, 'my-policy.yaml'))
  t.equal(error.code, 'policy.invalid')
  t.match(error.message, /^my-policy\.yaml: rules\/0\/when\/size\/atLeast 10XB is not a size; .* \(at 6:15\)$/)
  t.equal(error.faults[0]?.path, 'rules/0/when/size/atLeast')
})

t.test('no error shows a character that a terminal obeys', async t => {
  for (const text of ['default: allow\nunknownTenant: allow\nrules: [{ id: a, action: block, when: { size: { atLeast: "\u009b2J\u202e" } } }]', '%YA\u009b2J\n---\ndefault: allow']) {
    const error = refusal(() => parsePolicyYaml(text, ''))
    t.notMatch(error.message, /[\u007f-\u009f\u202e]/)
    t.match(error.message, /\\u009b2J/, 'it is shown as JSON writes it')
  }
})

const BAD_YAML: [name: string, text: string, message: RegExp][] = [
  ['an empty document', '', /must be an object/],
  ['bad syntax', 'default: [allow\nrules: 1', /not clean YAML at \d+:\d+/],
  ['a key twice', 'default: allow\nunknownTenant: log\ndefault: block\nrules: []', /at 3:1: default stands here twice/],
  ['a key twice in a flow map', 'rules: [{id: a, id: b}]', /id stands here twice/],
  ['several documents', 'default: allow\n---\ndefault: block', /multiple documents/],
  ['another YAML', '%YAML 1.1\n---\ndefault: allow\n!!binary YQ==: b', /at 1:1: it is read as YAML 1\.2, not 1\.1/],
  ['a long directive', `%Y:${'x'.repeat(5000)}`, /^.{1,400}$/],
  ['a key of bytes', 'default: allow\n!!binary YQ==: b', /Unresolved tag/],
  ['a date', 'default: !!timestamp 2026-11-30', /Unresolved tag/],
  ['a custom tag', 'default: !secret allow', /Unresolved tag/],
  ['a billion laughs', 'a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: [*b,*b,*b,*b,*b,*b,*b,*b]', /alias/],
  ['an alias of nothing', 'default: *x', /alias/],
  ['a thousand brackets', '['.repeat(1000), /nested too deep/],
  ['a thousand dashes', '- '.repeat(1000), /nested too deep/],
  ['deep indentation', Array.from({ length: 1300 }, (_, i) => `${' '.repeat(i)}k:`).join('\n'), /nested too deep|nested more than/],
  ['too much', `# ${'x'.repeat(1024 * 1024)}`, /larger than 1 MiB/],
  ['too many keys', Array.from({ length: 60_000 }, (_, i) => `k${i}: 1`).join('\n'), /tokens/],
]

t.test('YAML that is refused', async t => {
  for (const [name, text, message] of BAD_YAML) {
    const error = refusal(() => parsePolicyYaml(text, 'p.yaml'))
    t.equal(error.code, 'policy.invalid', name)
    t.match(error.message, message, name)
    t.match(error.message, /^p\.yaml: /, name)
  }
})

t.test('a shared list by alias is welcome', async t => {
  const policy = parsePolicyYaml('default: allow\nunknownTenant: log\nrules:\n  - { id: a, action: block, when: { client: &c [cli, library] } }\n  - { id: b, action: log, when: { client: *c } }\n', 'p.yaml')
  t.same(policy.rules[1]?.when.client, ['cli', 'library'])
})

t.test('YAML there and back', async t => {
  const shared = ['cli', 'library']
  const policy = parsePolicy({
    ...base,
    rules: [
      { id: 'a', description: 'yes: "quoted"', enabled: false, mode: 'monitor', when: { client: shared, not: { client: shared, size: { below: 5 } } }, action: 'log', message: 'no # comment' },
      { id: 'ask', action: 'block', coach: true }, { id: 'no-ask', action: 'log', coach: false },
      { id: 'on', enforceFor: { percent: 12.5, groups: ['pilots'] }, action: 'allow', when: { userAgent: { matches: '^a: \\d+ \'"$' }, fileName: '*.zip' } },
      { id: '1e3', action: 'allow' },
    ],
  })
  const text = toYaml(policy)
  t.same(parsePolicyYaml(text, 'p.yaml'), policy)
  t.notMatch(text, /enabled: true|mode: enforce|&a1/, 'without what is the default anyway')
})

t.test('the policies that ship', async t => {
  for (const name of BUILTIN_NAMES) t.ok(loadBuiltin(name).rules.length > 0, name)
  t.equal(loadBuiltin('strict').unknownTenant, 'block')
})

t.test('a policy as the documentation shows it', async t => {
  const policy = parsePolicyYaml(`
default: allow
unknownTenant: log
rules:
  - id: own-tenants
    when: { activity: upload, tenant: sanctioned }
    action: allow
  - id: foreign
    when: { activity: upload, tenant: unsanctioned }
    action: block
    message: Company files go to the company OneDrive.
  - id: no-command-line-uploads
    when: { activity: upload, client: [cli, library, script], size: { atLeast: 1MB } }
    action: block
  - id: watch-the-rest
    when: { provider: [dropbox, google-drive, onedrive], activity: upload }
    action: log
`, 'example.yaml')
  t.same(policy.rules.map(({ id, action }) => `${id} ${action}`), [
    'own-tenants allow', 'foreign block', 'no-command-line-uploads block', 'watch-the-rest log',
  ])
})

t.test('declared providers may be named, misspelt ones are not', async t => {
  const policy = parsePolicy(withRule({ when: { provider: ['custom-filedrop', 's3'] } }))
  t.same(policy.rules[0]?.when, { provider: ['custom-filedrop', 's3'] })
  t.match(refusal(() => parsePolicy(withRule({ when: { provider: 'dropbx' } }))).message, /dropbx is not allowed; .*did you mean dropbox\?/)
  t.match(refusal(() => parsePolicy(withRule({ when: { provider: 'custom-' } }))).message, /custom- is not allowed/)
})
