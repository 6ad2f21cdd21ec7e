/** `sluice policy diff`: by rule, with before and after, and silent about spellings that mean the same. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { main } from '../../../proxy/cli.ts'

async function run(dir: string, ...args: string[]) {
  let out = ''
  let err = ''
  const code = await main([...args, '--store', `embedded:${join(dir, 'data')}`], {
    env: {}, out: text => { out += text }, err: text => { err += text },
  })
  return { code, out, err }
}

const rule = (id: string, rest = 'action: block') => `  - { id: ${id}, ${rest} }\n`
const policy = (rules: string, head = 'default: allow\nunknownTenant: log\n') => `${head}rules:\n${rules}`

/** What `diff` says of two policies, the first of them stored. */
async function diff(t: Test, before: string, after: string) {
  const dir = t.testdir({ 'before.yaml': before, 'after.yaml': after })
  t.match(await run(dir, 'policy', 'put', join(dir, 'before.yaml')), { code: 0 })
  return run(dir, 'policy', 'diff', join(dir, 'after.yaml'))
}

t.test('what means the same is no difference', async t => {
  const before = policy(
    rule('a', 'when: { activity: upload, client: [cli, script], size: { atLeast: 1MB } }, action: block') + rule('b', 'action: log'))
  const after = policy('  # why\n' +
    rule('a', 'enabled: true, mode: enforce, when: { size: { atLeast: 1000KB }, client: [script, cli, cli], activity: [upload] }, ' +
    'action: block') +
    rule('b', 'when: {}, action: log'))
  const { code, out, err } = await diff(t, before, after)
  t.equal(err, '')
  t.match(out, /after\.yaml means the same as revision 1\n$/)
  t.equal(code, 0)
})

t.test('added, removed and changed, with before and after', async t => {
  const before = policy(rule('gone', 'when: { activity: share }, action: block') +
    rule('kept', 'when: { activity: upload, not: { size: { below: 1MB } } }, action: block'))
  const after = policy(
    rule('kept', 'when: { activity: [upload, edit], not: { size: { below: 2MB } }, user: ada }, action: log, message: It is logged.') +
    rule('fresh', 'mode: monitor, when: { host: x.example }, action: block'),
    'default: block\nunknownTenant: log\n')
  const { code, out, err } = await diff(t, before, after)
  t.equal(code, 1)
  t.equal(out, `~ default: allow → block
- gone: removed, rule 1
    id: gone
    when:
      activity: share
    action: block
~ kept: changed
    when/activity: upload → ["upload","edit"]
    when/not/size/below: 1MB → 2MB
    action: block → log
    when/user: (left out) → ada
    message: (left out) → "It is logged."
+ fresh: added, rule 2
    id: fresh
    mode: monitor
    when:
      host: x.example
    action: block
`)
  t.match(err, /^sluice: .*after\.yaml and revision 1 differ in 4 points\. Run sluice policy put .*after\.yaml .*\[policy\.differs\]\n$/)
})

t.test('only rules that changed their order are moved', async t => {
  const ordered = (ids: string) => policy([...ids].map(id => rule(id)).join(''))
  const stored = ordered('abcde')
  t.equal((await diff(t, stored, ordered('eabcd'))).out, '~ e: moved from 5 to 1\n')
  t.equal((await diff(t, stored, ordered('bcdae'))).out, '~ a: moved from 1 to 4\n')
  t.equal((await diff(t, stored, ordered('badce'))).out, '~ b: moved from 2 to 1\n~ d: moved from 4 to 3\n')
  t.notMatch((await diff(t, stored, ordered('bcde'))).out, /: moved/, 'a rule that goes moves none of the others')
})

t.test('what cannot be read is an error, not a difference', async t => {
  const dir = t.testdir({ 'good.yaml': policy(rule('a')), 'bad.yaml': policy(rule('a', 'acton: block')) })
  const diff = (file: string) => run(dir, 'policy', 'diff', join(dir, file))
  t.match(await diff('good.yaml'), { code: 1, out: '', err: /No policy is stored yet.*\[policy\.unreadable\]/ })
  t.match(await diff('bad.yaml'), { code: 1, out: '', err: /\[policy\.invalid\].*acton is not a known key; did you mean action/s })
  t.match(await run(dir, 'policy', 'diff'), { code: 2, err: /missing required argument 'file'/ })
})

t.test('a file is got back with its comments as it was put', async t => {
  const dir = t.testdir()
  const file = join(dir, 'policy.yaml')
  await writeFile(file, `# why\n${policy(rule('a'))}`)
  t.match(await run(dir, 'policy', 'put', file), { code: 0 })
  const { out } = await run(dir, 'policy', 'get')
  t.match(out, /^# revision 1.*\n# why\n/)
  await writeFile(file, out)
  t.match(await run(dir, 'policy', 'diff', file), { code: 0 }, 'what get prints means what is stored')
})
