import t from 'tap'
import { parsePolicy } from '../../../policy/policy.ts'
import { BY, policyOf } from '../store/contract.ts'
import { startAdmin } from './harness.ts'
import type { Admin } from './harness.ts'

const url = '/v1/policy/revisions'
const yaml = '# Ours.\ndefault: allow\nunknownTenant: log\nrules:\n  - id: one # the first\n    action: block\n  - id: two\n    action: log\n'

/** Revision 2: from YAML, with two rules; 3: the second before the first, which logs. */
async function withHistory(admin: Admin): Promise<void> {
  const { send } = admin
  const put = await send('editor', {
    method: 'PUT', url: '/v1/policy?comment=Two%20rules.', headers: { 'if-match': '"1"', 'content-type': 'application/yaml' }, payload: yaml,
  })
  t.equal(put.statusCode, 200, put.body)
  await send('editor', { method: 'POST', url: '/v1/rules/two/move', headers: { 'if-match': '*' }, payload: { to: 1 } })
  await send('editor', { method: 'PATCH', url: '/v1/rules/one', headers: { 'if-match': '*' }, payload: { action: 'log' } })
}

t.test('who changed the policy, when, from where, and how: newest first, in pages', async (t) => {
  const admin = await startAdmin(t)
  await withHistory(admin)
  const first = (await admin.send('viewer', { url: `${url}?limit=3` })).json()
  t.match(first, { next: '2', revisions: [
    { revision: 4, author: /^token:[0-9a-f]{12} the editor$/, from: '127.0.0.1', at: /^\d{4}-/, changes: [{ kind: 'changed', ruleId: 'one', paths: ['action'] }] },
    { revision: 3, changes: [{ kind: 'moved', ruleId: 'two', from: 2, to: 1 }] },
    { revision: 2, comment: 'Two rules.', changes: [{ kind: 'changed', ruleId: 'one', paths: ['when/activity', 'message'] }, { kind: 'added', ruleId: 'two', place: 2 }] },
  ] })
  const last = (await admin.send('viewer', { url: `${url}?limit=3&cursor=${first.next}` })).json()
  t.match(last, { revisions: [{ revision: 1, author: 'sluice' }] })
  t.strictSame([last.next, last.revisions.length, last.revisions[0].changes], [undefined, 1, undefined])
})

t.test('pages of any length leave out and repeat nothing', async (t) => {
  const { send, store } = await startAdmin(t)
  for (let expected = 1; expected < 14; expected++) await store.putPolicy(policyOf(`revision ${expected + 1}`), { ...BY, expected })
  for (const limit of [1, 4, 5, 6, 13, 14, 15, 100]) {
    const numbers: number[] = []
    for (let cursor = ''; ;) {
      const { revisions, next } = (await send('viewer', { url: `${url}?limit=${limit}${cursor}` })).json()
      t.ok(revisions.length <= limit)
      numbers.push(...revisions.map(({ revision }: { revision: number }) => revision))
      if (next === undefined) break
      cursor = `&cursor=${next}`
    }
    t.strictSame(numbers, Array.from({ length: 14 }, (_, i) => 14 - i), `limit ${limit}`)
  }
  t.strictSame((await send('viewer', { url: `${url}?cursor=1` })).json(), { revisions: [] })
})

t.test('many changes are counted, not listed', async (t) => {
  const admin = await startAdmin(t)
  const rules = Array.from({ length: 50 }, (_, i) => ({ id: `r${i}`, action: 'log', when: { user: Array.from({ length: 100 }, (_, n) => `user-${n}`) } }))
  await admin.store.putPolicy(parsePolicy({ default: 'allow', unknownTenant: 'log', rules }), { ...BY, expected: 1 })
  const answer = await admin.send('viewer', { url })
  const [revision] = answer.json().revisions
  t.equal(revision.changes.length, 20)
  t.equal(revision.moreChanges, 31)
  t.ok(answer.body.length < 10_000)
})

t.test('a revision as JSON with who made it, as YAML as it was written', async (t) => {
  const admin = await startAdmin(t)
  await withHistory(admin)
  t.match((await admin.send('viewer', { url: `${url}/1` })).json(), { revision: 1, author: 'sluice', policy: policyOf('first') })
  const text = await admin.send('viewer', { url: `${url}/2`, headers: { accept: 'application/yaml' } })
  t.match(text, { body: yaml, headers: { 'content-type': 'application/yaml; charset=utf-8', 'vary': 'accept' } })
  for (const n of ['9', '999999999999999']) t.match((await admin.send('viewer', { url: `${url}/${n}` })).json(), { status: 404, code: 'revision.not-found' })
  for (const n of ['0', 'x', '-1', '1e3']) t.match((await admin.send('viewer', { url: `${url}/${n}` })).json(), { status: 400, errors: [{ path: 'n' }] })
})

t.test('a diff tells both values, against the one before or any other', async (t) => {
  const admin = await startAdmin(t)
  await withHistory(admin)
  t.strictSame((await admin.send('viewer', { url: `${url}/4/diff` })).json(), {
    revision: 4, against: 3, changes: [{ kind: 'changed', ruleId: 'one', fields: [{ path: 'action', before: 'block', after: 'log' }] }],
  })
  const back = (await admin.send('viewer', { url: `${url}/1/diff?against=2` })).json()
  t.match(back, { revision: 1, against: 2, changes: [{ kind: 'removed', rule: { id: 'two', action: 'log' }, place: 2 }, { kind: 'changed', ruleId: 'one' }] })
  t.strictSame((await admin.send('viewer', { url: `${url}/2/diff?against=2` })).json().changes, [])
  t.match((await admin.send('viewer', { url: `${url}/1/diff` })).json(), { code: 'revision.not-found' }, 'there is none before the first')
  t.match((await admin.send('viewer', { url: `${url}/2/diff?against=9` })).json(), { code: 'revision.not-found', errors: [{ path: 'against' }] })
})

t.test('restoring makes a new revision of what was, with its comments, under If-Match', async (t) => {
  const admin = await startAdmin(t)
  const { send, store, snapshot } = admin
  await withHistory(admin)
  const restore = (headers: Record<string, string>, n = 2) => send('editor', { method: 'POST', url: `${url}/${n}/restore?comment=As%20it%20was.`, headers })
  t.match((await restore({})).json(), { status: 428 })
  t.match((await restore({ 'if-match': '"3"' })).json(), { status: 412, code: 'policy.stale', errors: [{ path: 'If-Match' }] })
  t.match((await restore({ 'if-match': '"4"' }, 9)).json(), { status: 404 })
  const restored = await restore({ 'if-match': '"4"', 'accept': 'application/yaml' })
  t.match(restored, { statusCode: 200, body: yaml, headers: { etag: '"5"' } })
  t.match(await store.revision(5), { restores: 2, comment: 'As it was.', author: /the editor/, source: yaml })
  t.match(snapshot.current(), { revision: 5 })
  t.match((await send('viewer', { url: `${url}?limit=1` })).json(), { revisions: [{ revision: 5, restores: 2, comment: 'As it was.' }] })
})

t.test('a revision that another tool stored and that is no policy: the list goes on, the revision says so', async (t) => {
  const { send, store } = await startAdmin(t)
  await store.putPolicy(JSON.parse('{"default":"maybe"}'), { ...BY, expected: 1 })
  const { revisions } = (await send('viewer', { url })).json()
  t.strictSame(revisions.map((one: { revision: number; changes?: unknown }) => [one.revision, one.changes]), [[2, undefined], [1, undefined]])
  t.match((await send('viewer', { url: `${url}/2` })).json(), { status: 503, code: 'store.corrupt' })
  t.match((await send('editor', { method: 'POST', url: `${url}/2/restore`, headers: { 'if-match': '"2"' } })).json(), { status: 422, code: 'policy.invalid' })
})

t.test('a comment is one line', async (t) => {
  const { send } = await startAdmin(t)
  for (const comment of ['', 'x'.repeat(501), 'a%0Ab']) {
    const answer = await send('editor', { method: 'PUT', url: `/v1/policy?comment=${comment}`, headers: { 'if-match': '"1"' }, payload: policyOf('x') })
    t.match(answer.json(), { status: 400, errors: [{ path: 'comment' }] })
  }
})
