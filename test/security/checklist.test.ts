/** The checklist names tests that there are, so that one that is renamed or removed is missed at once. */
import { existsSync, readFileSync } from 'node:fs'
import t from 'tap'
import { CHECKLIST } from './checklist.ts'
import { readTap } from './read-tap.ts'

t.test('every id is there once, with a requirement and its source', async t => {
  t.equal(new Set(CHECKLIST.map(({ id }) => id)).size, CHECKLIST.length)
  for (const { id, requirement, source, tests, note } of CHECKLIST) {
    t.match(id, /^[TCHS][0-9]+(\.[0-9]+)?$/)
    t.ok(requirement !== '' && source !== '', id)
    t.ok(tests.length > 0 || note !== undefined, `${id}: what is missing says what is known`)
  }
})

t.test('every test that is named is in its file', async t => {
  for (const { id, tests } of CHECKLIST) {
    for (const { file, name } of tests) {
      if (!existsSync(file)) t.fail(`${id}: ${file} does not exist`)
      else if (!isNamedIn(readFileSync(file, 'utf8'), name)) t.fail(`${id}: ${file} has no ${name}`)
    }
  }
})

/** As JavaScript writes a name in single quotes, or as one of those that a template makes. */
function isNamedIn(source: string, name: string): boolean {
  if (source.includes(`'${name.replaceAll("'", "\\'")}'`)) return true
  return [...source.matchAll(/t\.test\(`([^`]+)`/g)].some(([, template = '']) => {
    const parts = template.split(/\$\{[^}]*\}/).map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'))
    return parts.length > 1 && new RegExp(`^${parts.join('.+')}$`).test(name)
  })
}

t.test('TAP is read by file and name', async t => {
  const lines = [
    '# Subtest: test/a.test.ts', '    # Subtest: one', '        ok 1 - three', '        1..1', '    ok 1 - one # time=1.2ms',
    '    # Subtest: two', '        # Subtest: within', '        not ok 1 - within # time=2ms', '    not ok 2 - two # time=3ms',
    'not ok 1 - test/a.test.ts # time=9ms',
    '# Subtest: test/b.test.ts', '    ok 1 - one # SKIP nothing to run it with', 'ok 2 - test/b.test.ts # time=1ms',
  ]
  const results = readTap(lines)
  t.same([...results.get('test/a.test.ts') ?? []], [['one', 'ok'], ['within', 'failed'], ['two', 'failed']])
  t.same([...results.get('test/b.test.ts') ?? []], [['one', 'skipped']])
})
