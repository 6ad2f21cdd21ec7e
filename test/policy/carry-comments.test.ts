import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import t from 'tap'
import { BUILTIN_NAMES } from '../../policy/builtin.ts'
import { carryComments } from '../../policy/carry-comments.ts'
import { parsePolicy, parsePolicyYaml, ruleToYaml, toYaml } from '../../policy/policy.ts'
import type { Policy, Rule } from '../../policy/policy.ts'
import { policies } from './policies.ts'

const SOURCE = `# head

# second head
default: log # on default
# above unknown
unknownTenant: log

rules: # on rules: all of them
  # --- a section

  # above a
  - id: a # on the id
    # above when
    when: { activity: upload, provider: [dropbox, onedrive] } # on when
    action: block
    # below a

  # above b
  - id: b
    when:
      activity: [upload, download] # on the list
      # in when
    action: log
  # end of the list
# foot

# second foot
`

/** What carrying gives after `edit`; it always means what was edited. */
function carried(t: { same(found: unknown, wanted: unknown): unknown }, source: string, edit: (policy: Policy) => void): string {
  const policy = parsePolicyYaml(source, 'source')
  edit(policy)
  const text = carryComments(source, policy)
  t.same(parsePolicyYaml(text, 'carried'), policy)
  return text
}

function find(policy: Policy, id: string): Rule {
  const rule = policy.rules.find(rule => rule.id === id)
  if (rule === undefined) throw new Error(`no rule ${id}`)
  return rule
}

t.test('what is not changed keeps every byte', async t => {
  t.equal(carried(t, SOURCE, () => {}), SOURCE)
  for (const source of [SOURCE.trimEnd(), SOURCE.replaceAll('\n', '\r\n'), SOURCE.replace('of them\n', 'of them\n\n')]) {
    t.equal(carried(t, source, () => {}), source)
  }
})

t.test('a changed value is set and nothing else', async t => {
  t.equal(carried(t, SOURCE, policy => { policy.default = 'block' }), SOURCE.replace('default: log', 'default: block'))
  t.equal(carried(t, SOURCE, policy => { find(policy, 'b').action = 'allow' }), SOURCE.replace('action: log', 'action: allow'))
  t.equal(carried(t, SOURCE, policy => { find(policy, 'b').when.activity = ['download', 'share'] }),
    SOURCE.replace('[upload, download]', '[download, share]'))
  t.equal(carried(t, SOURCE, policy => { find(policy, 'a').enabled = false }),
    SOURCE.replace('on the id\n', 'on the id\n    enabled: false\n'))
  t.equal(carried(t, SOURCE, policy => { find(policy, 'a').message = 'yes' }),
    SOURCE.replace('block\n', 'block\n    message: yes\n'))
  t.equal(carried(t, SOURCE.replaceAll('\n', '\r\n'), policy => { find(policy, 'a').enabled = false }),
    SOURCE.replace('on the id\n', 'on the id\n    enabled: false\n').replaceAll('\n', '\r\n'))
})

t.test('a default that is written out stays until it changes', async t => {
  const source = SOURCE.replace('id: b\n', 'id: b\n    enabled: true # for now\n')
  t.match(carried(t, source, policy => { find(policy, 'b').action = 'allow' }), '    enabled: true # for now\n')
  t.match(carried(t, source, policy => { find(policy, 'b').enabled = false }), '    enabled: false # for now\n')
})

t.test('a moved rule takes its comments along, and the others stay', async t => {
  const text = carried(t, SOURCE, policy => { policy.rules.reverse() })
  t.ok(text.indexOf('# above b\n  - id: b') < text.indexOf('# above a\n  - id: a'))
  t.match(text, /action: block\n {4}# below a\n {2}# end of the list\n# foot\n\n# second foot\n$/)
  t.match(text, /rules: # on rules: all of them\n {2}# above b/)
})

t.test('a rule that is gone takes its own comments along, and leaves those that stand by themselves', async t => {
  const text = carried(t, SOURCE, policy => { policy.rules.shift() })
  t.notMatch(text, /(above|below) a|on the id|on when/)
  t.match(text, /of them\n {2}# --- a section\n\n {2}# above b\n/)
  t.match(carried(t, SOURCE, policy => { policy.rules.length = 0 }),
    /rules: \[\] # on rules: all of them\n {2}# --- a section\n\n {2}# end of the list\n# foot/)
})

t.test('a new rule stands in its place, with the distance that rules have', async t => {
  const rule = { id: 'n', enabled: true, mode: 'enforce', when: {}, action: 'log' } as const
  t.equal(carried(t, SOURCE, policy => { policy.rules.splice(1, 0, { ...rule }) }),
    SOURCE.replace('# below a\n', '# below a\n\n  - id: n\n    action: log\n'))
  t.equal(carried(t, 'default: log\nunknownTenant: log\nrules: [] # none yet\n# foot', policy => { policy.rules.push({ ...rule }) }),
    'default: log\nunknownTenant: log\nrules: # none yet\n  - id: n\n    action: log\n# foot')
  t.equal(carried(t, 'rules:\n- id: a\n  action: log\ndefault: log\nunknownTenant: log', policy => { policy.rules.unshift({ ...rule }) }),
    'rules:\n- id: n\n  action: log\n- id: a\n  action: log\ndefault: log\nunknownTenant: log')
})

t.test('built-in policies keep their comments through a change and back', async t => {
  for (const name of BUILTIN_NAMES) {
    const source = readFileSync(new URL(`../../policy/builtin/${name}.yaml`, import.meta.url), 'utf8')
    const before = parsePolicyYaml(source, name)
    const after = { ...before, rules: [...before.rules].reverse() }
    const text = carryComments(source, after)
    for (const comment of source.match(/# .*/g) ?? []) t.ok(text.includes(comment), comment)
    t.equal(carryComments(text, before), source, name)
  }
})

t.test('where comments cannot be carried, the policy is written afresh rather than wrong', async t => {
  const aliased = `default: log
unknownTenant: log
rules:
  - { id: a, when: { provider: &clouds [dropbox, box] }, action: log } # first
  - { id: b, when: { provider: *clouds }, action: block } # second
`
  t.equal(carried(t, aliased, policy => { policy.default = 'block' }), aliased.replace('default: log', 'default: block'))
  for (const edit of [
    (policy: Policy) => { policy.rules.reverse() },
    (policy: Policy) => { policy.rules.shift() },
    (policy: Policy) => { find(policy, 'a').when = { provider: 'box' } },
  ]) {
    const policy = parsePolicyYaml(aliased, 'source')
    edit(policy)
    t.equal(carryComments(aliased, policy), toYaml(policy))
  }
  const bracketed = 'default: log\nunknownTenant: log\nrules: [ { id: a, action: log }, # one\n  { id: b, action: block } ]\n'
  t.equal(carried(t, bracketed, policy => { policy.default = 'block' }), bracketed.replace('default: log', 'default: block'))
  const json = '{ "default": "log", "unknownTenant": "log", "rules": [] }'
  t.equal(carried(t, json, policy => { policy.default = 'block' }), 'default: block\nunknownTenant: log\nrules: []\n')
  const policy = parsePolicyYaml(SOURCE, 'source')
  for (const source of ['', 'x: [', 'default: log', '- 1', `${SOURCE}${'#\n'.repeat(600_000)}`]) {
    t.equal(carryComments(source, policy), toYaml(policy))
  }
})

/** Objects as JSON and YAML have them. */
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

/** Lines of a rule as somebody may write them: any line may have a comment above, behind or below it. */
const commented = (rule: Rule, flow: boolean, marks: readonly number[]): { text: string; comments: string[] } => {
  const comments: string[] = []
  const comment = (kind: string, line: number): string => {
    comments.push(`# ${rule.id} ${kind} ${line}: [x] 'y' - z`)
    return comments.at(-1) ?? ''
  }
  const lines = flow ? [JSON.stringify(rule)] : ruleToYaml(rule).trimEnd().split('\n')
  const text = lines.flatMap((line, i) => {
    const mark = marks[i % marks.length] ?? 0
    const indented = i === 0 ? `  - ${line}` : `    ${line}`
    return [
      ...mark & 1 ? [`${i === 0 ? '  ' : /^ */.exec(indented)?.[0] ?? ''}${comment('above', i)}`] : [],
      mark & 2 ? `${indented} ${comment('behind', i)}` : indented,
      ...mark & 4 && i === lines.length - 1 ? [`    ${comment('below', i)}`] : [],
    ]
  })
  return { text: [...(marks[0] ?? 0) & 8 ? [''] : [], ...text, ''].join('\n'), comments }
}

t.test('whatever is edited, the result means it, and each comment of an untouched rule is still there', async t => {
  const changes = fc.array(fc.record({
    kind: fc.constantFrom('move', 'remove', 'add', 'replace', 'set'), at: fc.nat(20), to: fc.nat(20),
  }), { maxLength: 4 })
  let fresh = 0
  let runs = 0
  fc.assert(fc.property(policies, policies, changes, fc.array(fc.nat(15), { minLength: 1, maxLength: 7 }), fc.boolean(),
    (given, other, edits, marks, flow) => {
      const before = parsePolicy(plain(given))
      if (before.rules.length === 0) return
      const rules = before.rules.map(rule => commented(rule, flow, marks))
      const source = `# head\n\ndefault: ${before.default} # on default\nunknownTenant: ${before.unknownTenant}\nrules: # on rules\n${
        rules.map(({ text }) => text).join('')}# foot\n`
      const after = structuredClone(parsePolicyYaml(source, 'source'))
      const donor = parsePolicy(plain(other))
      for (const { kind, at, to } of edits) {
        const place = at % Math.max(1, after.rules.length)
        const rule = after.rules[place]
        const spare = donor.rules[to % Math.max(1, donor.rules.length)]
        if (kind === 'add' && spare) after.rules.splice(place, 0, { ...spare, id: `new-${at}-${to}-${after.rules.length}` })
        else if (rule === undefined) continue
        else if (kind === 'remove') after.rules.splice(place, 1)
        else if (kind === 'move') after.rules.splice(to % after.rules.length, 0, ...after.rules.splice(place, 1))
        else if (kind === 'set') rule.enabled = !rule.enabled
        else if (spare) after.rules[place] = { ...spare, id: rule.id }
      }
      const ids = new Set<string>()
      after.rules = after.rules.filter(({ id }) => !ids.has(id) && ids.add(id))
      const text = carryComments(source, after)
      t.strictSame(parsePolicyYaml(text, 'carried'), after)
      runs += 1
      if (text === toYaml(after)) fresh += 1
      for (const told of ['# head', '# on default', '# on rules', '# foot']) if (!text.includes(told)) throw new Error(`${told} is gone from\n${text}`)
      before.rules.forEach((rule, i) => {
        const now = after.rules.find(({ id }) => id === rule.id)
        const had = rules[i]
        if (now === undefined || had === undefined) return
        if (JSON.stringify(now) === JSON.stringify({ ...rule, enabled: !rule.enabled })) {
          for (const told of had.comments) if (!text.includes(told)) throw new Error(`${told} is gone\n${source}\n---\n${text}`)
        }
        if (JSON.stringify(now) !== JSON.stringify(rule)) return
        if (!text.includes(had.text.trim())) throw new Error(`the lines of ${rule.id} are not kept\n${source}\n---\n${text}`)
      })
    }), { numRuns: 300 })
  t.equal(fresh, 0, `${runs} carried`)
})
