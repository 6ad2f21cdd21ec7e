/** The readers and writers of policies, which the admin API gives any text to. */
import { deepStrictEqual } from 'node:assert/strict'
import { carryComments } from '../../../policy/carry-comments.ts'
import { SluiceError } from '../../../policy/errors.ts'
import { compile, evaluate } from '../../../policy/evaluate.ts'
import type { Facts } from '../../../policy/evaluate.ts'
import { builtinText } from '../../../policy/builtin.ts'
import { parsePolicy, parsePolicyYaml, parseRule, ruleToYaml, toYaml } from '../../../policy/policy.ts'
import type { Policy, Rule, When } from '../../../policy/policy.ts'
import { parseSize } from '../../../policy/size.ts'
import { read } from '../../policy/reference.ts'
import { policyTexts } from '../policy-texts.ts'
import { hold } from '../target.ts'
import type { Target } from '../target.ts'

const MAX_MESSAGE = 4096
const REVISED: When = { host: ['a.example', '*.b.example'], not: { activity: 'list' } }
const BASE: Facts = {
  provider: 'dropbox', activity: 'upload', step: 'single', size: { bytes: 20_000, is: 'exact' }, standing: 'unsanctioned', tenantIds: ['fabrikam'],
  method: 'POST', userAgent: 'curl/8.5.0', client: 'cli', ip: '10.1.2.3', user: 'alice', groups: ['finance'], host: 'content.dropboxapi.com',
  path: '/2/files/upload', fileName: 'a.zip', fileNameIs: 'known', contentType: 'application/zip', at: Date.UTC(2026, 10, 30, 22, 30),
}
const REQUESTS: readonly Facts[] = [
  BASE,
  { ...BASE, size: { bytes: 5, is: 'at-least' }, standing: 'unknown', tenantIds: [], ip: '2001:db8::7', fileNameIs: 'late', sessionLost: true, moreGroups: true },
  { ...BASE, provider: null, activity: 'other', host: 'www.example.com', path: '/', userAgent: '', client: 'unknown', ip: '', at: 0, moreNames: true, fileNames: ['a', 'b'] },
]

export const target: Target = {
  name: 'policy',
  sources: ['policy/parse.ts', 'policy/yaml', 'policy/carry-comments.ts', 'policy/revise-yaml.ts', 'policy/compile.ts', 'policy/conditions.ts', 'policy/evaluate.ts',
    'policy/pattern.ts', 'policy/cidr.ts', 'policy/size.ts', 'policy/local-time.ts', 'policy/rule-', 'policy/faults.ts', 'policy/roll-out.ts', 'policy/schema.ts'],
  dictionary: [
    'default: ', 'unknownTenant: ', 'rules:', '\n  - id: ', '\n    when: ', '\n    action: ', '\n    mode: monitor', '\n    enabled: false', '\n    enforceFor: { percent: 10 }',
    '\n    coach: true', '\n    message: ', '\n    description: ', 'allow', 'log', 'block', '{ not: { ', 'provider: ', 'activity: ', 'tenant: ', 'method: ', 'client: ', 'user: ', 'group: ',
    'source: ', 'host: ', 'path: ', 'fileName: ', 'contentType: ', 'userAgent: { matches: ', 'contains: ', 'time: { days: [mon], from: "22:00", to: "06:00", timezone: Europe/Berlin }',
    'size: { atLeast: 10MiB }', 'below: 1KB', '10.0.0.0/8', '2001:db8::/32', '*.example.com', '/**', '[a, b]', '&a ', '*a', '<<: *a', '!!binary ', '!!set ', '!!js/function ', '---\n', '...\n',
    '%YAML 1.1\n', '? ', '|\n', '>-\n', '# comment\n', '\t', '__proto__: ', 'constructor: ', 'prototype', 'toString', '"\\u0000"', '"', '\'', '{', '}', '[', ']', ', ', ': ', '- ', '\n', '\r\n',
    '\xef\xbb\xbf', '\xe2\x80\xae', '\xff\xfe', '(a|b)+c', '(?i)', '\\d{1,1000}', '(a*)*', '[[:alpha:]]', '\\C', '**', '?',
  ],
  maxLength: 8192,
  open: async () => ({ starts: [builtinText('default'), builtinText('strict'), ...policyTexts()].map(text => Buffer.from(text)), run }),
}

function run(bytes: Buffer): void {
  const text = bytes.toString('utf8')
  const policy = attempt(() => parsePolicyYaml(text, 'policy.yaml'))
  attempt(() => parseRule(json(text)))
  const same = attempt(() => parsePolicy(json(text)))
  untouched()
  if (same !== undefined && policy !== undefined) deepStrictEqual(same, policy, 'JSON is read otherwise than the same as YAML')
  if (policy === undefined) return
  deepStrictEqual(parsePolicy(policy), policy, 'what was parsed parses to something else')
  deepStrictEqual(parsePolicyYaml(toYaml(policy), ''), policy, 'what is written reads otherwise')
  const rule = policy.rules[bytes.length % Math.max(policy.rules.length, 1)]
  if (rule !== undefined) deepStrictEqual(parsePolicyYaml(`default: log\nunknownTenant: log\nrules:\n  - ${ruleToYaml(rule).trimEnd().replaceAll('\n', '\n    ')}\n`, '').rules, [rule])
  hold(carryComments(text, policy) === text, 'what did not change is written anew')
  // One of them is enough: each costs several readings.
  const changes = revisions(policy)
  const revised = changes[bytes.length % changes.length] ?? policy
  deepStrictEqual(parsePolicyYaml(carryComments(text, revised), ''), revised, 'what is written with its comments reads otherwise')
  decides(policy)
  untouched()
}

/** What a reader makes of it; undefined where it refuses as it promises to. */
function attempt<T>(parse: () => T): T | undefined {
  try {
    return parse()
  } catch (error) {
    if (!(error instanceof SluiceError)) throw error
    hold(error.code === 'policy.invalid' || error.code === 'policy.duplicate-rule', `refused as ${error.code}`)
    hold(error.faults.length > 0 && error.faults.length <= 20, `refused for ${error.faults.length} faults`)
    hold(error.message.length <= MAX_MESSAGE && error.faults.every(({ path, message }) => path.length + message.length <= MAX_MESSAGE), () => `a message of ${error.message.length} characters`)
    hold(!/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/.test(error.message), () => `control characters in ${JSON.stringify(error.message.slice(0, 200))}`)
    return undefined
  }
}

function json(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Nothing was added to what all objects have. */
function untouched(): void {
  const all: object = {}
  for (const name in all) hold(false, `all objects have ${name} now`)
}

/** The policy with small changes, as an administrator makes them. */
function revisions(policy: Policy): Policy[] {
  const [first, ...rest] = policy.rules
  const added: Rule = { id: 'added', enabled: true, mode: 'enforce', when: { fileName: ['*.key', '# "x": y'] }, action: 'block', message: 'No: "this" #not' }
  const rules = policy.rules.filter(({ id }) => id !== added.id)
  return [
    { ...policy, default: policy.default === 'log' ? 'block' : 'log' },
    { ...policy, rules: [added, ...rules] },
    { ...policy, rules: [...rules, added] },
    ...first === undefined ? [] : [
      { ...policy, rules: rest },
      { ...policy, rules: [...rest, { ...first, enabled: !first.enabled, description: 'a\nb: "c" # d' }] },
      { ...policy, rules: [{ ...first, when: REVISED }, ...rest] },
    ],
  ]
}

/** Decides as the slow reading does, where that one can read the policy. */
function decides(policy: Policy): void {
  const plain = { ...policy, rules: policy.rules.map(rule => ({ ...rule, when: inBytes(rule.when) })) }
  for (const late of ['block', 'allow'] as const) {
    const compiled = compile(policy, 7, { late })
    for (const facts of REQUESTS) {
      const { decision, ...rest } = evaluate(compiled, facts)
      hold(decision.revision === 7, 'of another revision')
      if (!isPlain(policy)) continue
      const { revision: _, noted = [], exceptions = [], monitored = [], message, coach, ...decided } = decision
      deepStrictEqual({ ...rest, ...decided, message, coach, noted, exceptions, monitored }, { ...read(plain, facts, late) })
    }
  }
}

/** JavaScript's patterns are others than RE2's, and take exponential time for many stars. */
function isPlain(policy: Policy): boolean {
  return !JSON.stringify(policy.rules.map(({ when }) => when)).match(/"matches"|(?:\*[^"]*){5}/)
}

/** The slow reading knows few ways to write a size. */
function inBytes({ size, not, ...when }: When): When {
  const bytes = (written: string | number | undefined): number => parseSize(written ?? 0) ?? 0
  return {
    ...when,
    ...size === undefined ? {} : { size: {
      ...size.atLeast === undefined ? {} : { atLeast: bytes(size.atLeast) }, ...size.below === undefined ? {} : { below: bytes(size.below) },
    } },
    ...not === undefined ? {} : { not: inBytes(not) },
  }
}
