import t from 'tap'
import { mergePatch } from '../../policy/merge-patch.ts'

t.test('the examples of RFC 7396, appendix A', async (t) => {
  const examples: [unknown, unknown, unknown][] = [
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
    [{ a: 'b' }, { a: null }, {}],
    [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
    [['a', 'b'], ['c', 'd'], ['c', 'd']],
    [{ a: 'b' }, ['c'], ['c']],
    [{ a: 'foo' }, null, null],
    [{ a: 'foo' }, 'bar', 'bar'],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [[1, 2], { a: 'b', c: null }, { a: 'b' }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ]
  for (const [target, patch, result] of examples) t.strictSame(mergePatch(target, patch), result, JSON.stringify(patch))
})

t.test('what it is given stays, and a prototype is a name like any other', async (t) => {
  const target = { when: { size: { atLeast: 1 } } }
  t.strictSame(mergePatch(target, { when: { size: { below: 2 } } }), { when: { size: { atLeast: 1, below: 2 } } })
  t.strictSame(target, { when: { size: { atLeast: 1 } } })
  const patched = mergePatch({}, JSON.parse('{"__proto__":{"admin":true}}')) as { admin?: boolean }
  t.equal(patched.admin, undefined)
  t.equal(Object.getPrototypeOf(patched), Object.prototype)
})

t.test('a patch nested without end is refused before the stack is', async (t) => {
  const deep: unknown = JSON.parse(`${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`)
  t.throws(() => mergePatch({}, deep), { code: 'admin.invalid' })
})
