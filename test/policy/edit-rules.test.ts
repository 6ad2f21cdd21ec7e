import fc from 'fast-check'
import t from 'tap'
import { addRule, moveRule, removeRule, replaceRule } from '../../policy/edit-rules.ts'
import type { Place } from '../../policy/edit-rules.ts'
import { parsePolicy, parseRule } from '../../policy/policy.ts'
import type { Policy } from '../../policy/policy.ts'

const policyOf = (...ids: string[]): Policy =>
  parsePolicy({ default: 'allow', unknownTenant: 'log', rules: ids.map((id) => ({ id, action: 'log' })) })
const idsOf = ({ rules }: Policy): string => rules.map(({ id }) => id).join('')

t.test('a rule goes to the end, beside another, or to a place from 1', async (t) => {
  const rule = parseRule({ id: 'x', action: 'block' })
  for (const [place, ids] of [
    [{}, 'abcx'], [{ before: 'a' }, 'xabc'], [{ before: 'c' }, 'abxc'], [{ after: 'a' }, 'axbc'], [{ after: 'c' }, 'abcx'],
    [{ to: 1 }, 'xabc'], [{ to: 4 }, 'abcx'],
  ] as const) t.equal(idsOf(addRule(policyOf('a', 'b', 'c'), rule, place)), ids, JSON.stringify(place))
})

t.test('a move takes the rule out first', async (t) => {
  for (const [id, place, ids] of [
    ['a', { before: 'c' }, 'bac'], ['a', { after: 'c' }, 'bca'], ['c', { before: 'a' }, 'cab'], ['a', { to: 3 }, 'bca'], ['a', { to: 2 }, 'bac'],
    ['c', { to: 1 }, 'cab'], ['b', { to: 2 }, 'abc'], ['b', { after: 'a' }, 'abc'],
  ] as const) t.equal(idsOf(moveRule(policyOf('a', 'b', 'c'), id, place)), ids, `${id} ${JSON.stringify(place)}`)
})

t.test('what changes nothing is the same policy', async (t) => {
  const policy = policyOf('a', 'b')
  t.equal(moveRule(policy, 'a', { before: 'b' }), policy)
  t.equal(replaceRule(policy, 'a', parseRule({ action: 'log', id: 'a' })), policy)
})

t.test('what is not there, is there twice, or has no place is an error that names it', async (t) => {
  const policy = policyOf('a', 'b')
  const rule = parseRule({ id: 'x', action: 'log' })
  for (const [change, code, path] of [
    [() => removeRule(policy, 'x'), 'rule.not-found', 'id'],
    [() => moveRule(policy, 'x', { to: 1 }), 'rule.not-found', 'id'],
    [() => moveRule(policy, 'a', { after: 'x' }), 'rule.not-found', 'after'],
    [() => moveRule(policy, 'a', { after: 'a' }), 'admin.invalid', 'after'],
    [() => moveRule(policy, 'a', { to: 3 }), 'admin.invalid', 'to'],
    [() => addRule(policy, rule, { before: 'y' }), 'rule.not-found', 'before'],
    [() => addRule(policy, rule, { to: 4 }), 'admin.invalid', 'to'],
    [() => addRule(policy, { ...rule, id: 'a' }, {}), 'policy.duplicate-rule', 'id'],
    [() => replaceRule(policy, 'a', { ...rule, id: 'b' }), 'policy.duplicate-rule', 'id'],
    [() => replaceRule(policy, 'x', rule), 'rule.not-found', 'id'],
  ] as const) t.throws(change, { code, faults: [{ path }] })
  t.equal(idsOf(replaceRule(policy, 'a', rule)), 'xb', 'renamed in its place')
})

t.test('no move loses, doubles or changes a rule, and those left keep their order', async (t) => {
  const ids = fc.uniqueArray(fc.constantFrom(...'abcdefgh'), { minLength: 2, maxLength: 8 })
  fc.assert(fc.property(ids, fc.nat(), fc.nat(), fc.constantFrom('before', 'after', 'to'), (names, from, other, kind) => {
    const policy = policyOf(...names)
    const id = names[from % names.length] ?? ''
    const beside = names.filter((one) => one !== id)[other % (names.length - 1)] ?? ''
    const place: Place = kind === 'to' ? { to: other % names.length + 1 } : { [kind]: beside }
    const moved = idsOf(moveRule(policy, id, place))
    t.equal(moved.replace(id, ''), names.join('').replace(id, ''))
    t.equal(moved.length, names.length)
    if (kind === 'to') t.equal(moved.indexOf(id), (place.to ?? 0) - 1)
    else t.match(moved, kind === 'before' ? id + beside : beside + id)
  }))
})

t.test('one rule is read as in a policy, with paths of its own', async (t) => {
  t.throws(() => parseRule({ id: 'a', action: 'blok', when: { size: {} } }), { code: 'policy.invalid', message: /^The rule is not valid: / })
  t.throws(() => parseRule({ id: 'a', action: 'log', when: { siez: {} } }), { code: 'policy.invalid', faults: [{ path: 'when/siez' }] })
  for (const value of [null, undefined, 1, [], 'x', {}]) t.throws(() => parseRule(value), { code: 'policy.invalid' }, JSON.stringify(value))
})
