/** The patches fit the code as it is, there is one for every requirement, and a test that watches nothing is found out. */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, readdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { eventually } from '../e2e/observe.ts'
import { CHECKLIST } from './checklist.ts'
import { HELD, MUTATIONS, UNBREAKABLE } from './mutations/index.ts'
import { edited } from './mutations/mutation.ts'
import { endingsOf } from './run-named.ts'
import { makeScratchCopy } from './scratch-copy.ts'
import { seeFail } from './see-fail.ts'

t.test('every requirement has a patch, or a reason why there can be none', async t => {
  const patched = new Set(MUTATIONS.map(({ id }) => id))
  for (const { id, tests } of CHECKLIST) {
    if (tests.length > 0) t.ok(patched.has(id) !== (UNBREAKABLE[id] !== undefined), `${id}: one of both, in mutations/`)
  }
  for (const id of [...patched, ...Object.keys(UNBREAKABLE)]) t.ok(CHECKLIST.some(requirement => requirement.id === id), `${id} is in the checklist`)
})

t.test('every patch finds what it replaces, exactly once', async t => {
  for (const { id, edits } of MUTATIONS) {
    const texts = new Map<string, string>()
    for (const edit of edits) {
      const text = edited(texts.get(edit.file) ?? readFileSync(edit.file, 'utf8'), edit)
      if (text === null) t.fail(`${id}: ${edit.file} does not have exactly once: ${edit.find}`)
      else texts.set(edit.file, text)
    }
  }
})

t.test('what a patch expects to fail are tests of its requirement', async t => {
  for (const { id, expect = [] } of MUTATIONS) {
    const names = CHECKLIST.find(requirement => requirement.id === id)?.tests.map(({ name }) => name) ?? []
    for (const name of expect) t.ok(names.includes(name), `${id}: ${name}`)
  }
})

t.test('what is held without its defence is a test of the checklist', async t => {
  const names = new Set(CHECKLIST.flatMap(({ tests }) => tests.map(({ name }) => name)))
  for (const name of Object.keys(HELD)) t.ok(names.has(name), name)
})

t.test('a test that began and did not end is told from one that never began', async t => {
  const lines = ['TAP version 14', '# Subtest: one', '    ok 1 - so # time=1ms', 'ok 1 - one # time=2ms', '# Subtest: two \\# three', '    not ok 1 - test unfinished']
  t.same([...endingsOf('test/a.test.ts', ['one', 'two # three', 'four'], lines, false)], [['one', 'ok'], ['two # three', 'unfinished'], ['four', 'absent']])
  t.same([...endingsOf('test/a.test.ts', ['one', 'two'], lines, true)], [['one', 'ok'], ['two', 'unfinished']], 'where it had to be ended')
})

const LOCK = 'export const open = (key: string): boolean => key === \'right\'\n'
const TESTS = `import { renameSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { open } from './lock.ts'
t.test('a wrong key', async t => { t.notOk(open('wrong')) })
t.test('keys', async t => { await t.test('a (wrong) key, within', async t => { t.notOk(open('wrong')) }) })
t.test('says yes to anything', async t => { t.ok(true) })
t.test('ends the process', async () => { if (open('wrong')) process.exit(3) })
t.test('waits for ever', async () => {
  if (!open('wrong')) return
  writeFileSync(process.env.TMPDIR + '/writing', String(process.pid))
  renameSync(process.env.TMPDIR + '/writing', process.env.TMPDIR + '/pid')
  await new Promise(resolve => setTimeout(resolve, 600_000))
})
`

/** A repository of a lock and its tests, with something not committed and something ignored. */
function repository(t: Test): string {
  const dir = t.testdir({ 'lock.ts': LOCK, 'package.json': '{"type":"module"}', '.gitignore': 'node_modules\n*.log\n', 'noise.log': '', tmp: {} })
  const git = (...args: string[]): unknown => execFileSync('git', args, { cwd: dir, stdio: 'ignore' })
  git('init')
  git('add', '.')
  writeFileSync(join(dir, 'lock.test.ts'), TESTS)
  symlinkSync(realpathSync('node_modules'), join(dir, 'node_modules'))
  return dir
}

t.test('a scratch copy has what is not committed, nothing that is ignored, and is as before after its edits', async t => {
  const copy = makeScratchCopy(repository(t))
  t.teardown(copy.close)
  t.same(readdirSync(copy.dir).sort(), ['.gitignore', 'lock.test.ts', 'lock.ts', 'node_modules', 'package.json'])
  const read = (): string => readFileSync(join(copy.dir, 'lock.ts'), 'utf8')
  const edit = { file: 'lock.ts', find: "key === 'right'", replace: 'key !== null' }
  await copy.during([edit, { file: 'lock.ts', find: 'key !== null', replace: 'true' }], async () => t.match(read(), /=> true\n/))
  t.equal(read(), LOCK)
  await t.rejects(copy.during([edit], () => Promise.reject(new Error('broke'))), { message: 'broke' })
  t.equal(read(), LOCK)
  await t.rejects(copy.during([edit, { ...edit, find: 'e' }], async () => t.fail('nothing runs')), { message: /exactly once/ })
  t.equal(read(), LOCK)
})

t.test('tests that watch a defence are told from those that watch nothing', async t => {
  const dir = repository(t)
  const names = ['a wrong key', 'a (wrong) key, within', 'says yes to anything', 'ends the process']
  const requirement = (id: string, ...of: readonly string[]) => ({ id, requirement: '', source: '', tests: of.map(name => ({ file: 'lock.test.ts', name })) })
  const edits = [{ file: 'lock.ts', find: "key === 'right'", replace: 'true' }]
  const cannotLoad = [{ file: 'lock.ts', find: 'export const', replace: 'const' }]
  const seen = await seeFail(dir, [
    requirement('A', ...names), requirement('B', 'says yes to anything'), requirement('C', 'a wrong key'), requirement('D', 'a wrong key', 'says yes to anything'),
    requirement('E', 'a wrong key'), requirement('F', 'a wrong key'),
  ], [
    { id: 'A', edits }, { id: 'B', edits }, { id: 'C', edits: cannotLoad }, { id: 'D', edits, expect: ['a wrong key', 'says yes to anything'] },
    { id: 'F', edits: [...edits, { file: 'lock.ts', find: 'a bolt', replace: '' }] },
  ], 2, new AbortController().signal, () => undefined)
  t.match(seen.get('A'), { isSeen: true, tests: [{ mutated: 'failed' }, { mutated: 'failed' }, { mutated: 'ok' }, { mutated: 'unfinished' }] })
  t.ok(seen.get('A')?.tests.every(({ plain }) => plain === 'ok'))
  t.match(seen.get('B'), { isSeen: false, tests: [{ plain: 'ok', mutated: 'ok' }] })
  t.match(seen.get('C'), { isSeen: false, tests: [{ plain: 'ok', mutated: 'absent' }] }, 'a file that cannot be loaded has seen nothing')
  t.match(seen.get('D'), { isSeen: false }, 'each that is expected to must fail')
  t.match(seen.get('E'), { isSeen: false }, 'without a patch nothing is seen')
  t.match(seen.get('F'), { isSeen: false, passed: ['it is not for the code as it is'] })
  t.equal(readFileSync(join(dir, 'lock.ts'), 'utf8'), LOCK, 'nothing happens to the original')
})

t.test('who stops it leaves neither a copy nor a process', async t => {
  const dir = repository(t)
  const tmp = join(dir, 'tmp')
  const before = process.env.TMPDIR
  process.env.TMPDIR = tmp
  t.teardown(() => before === undefined ? delete process.env.TMPDIR : process.env.TMPDIR = before)
  const stop = new AbortController()
  const requirement = { id: 'A', requirement: '', source: '', tests: [{ file: 'lock.test.ts', name: 'waits for ever' }] }
  const running = seeFail(dir, [requirement], [{ id: 'A', edits: [{ file: 'lock.ts', find: "key === 'right'", replace: 'true' }] }], 1, stop.signal, () => undefined)
  const stopped = t.rejects(running, { message: 'enough' })
  t.ok(await eventually(() => existsSync(join(tmp, 'pid')), 60_000))
  stop.abort(new Error('enough'))
  await stopped
  t.same(readdirSync(tmp), ['pid'])
  const pid = Number(readFileSync(join(tmp, 'pid'), 'utf8'))
  t.ok(await eventually(() => {
    try {
      return !process.kill(pid, 0)
    } catch {
      return true
    }
  }))
})
