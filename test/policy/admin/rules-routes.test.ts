import t from 'tap'
import { buildAdmin } from '../../../policy/admin/admin.ts'
import { openSnapshot } from '../../../policy/snapshot.ts'
import { SluiceError } from '../../../policy/errors.ts'
import { BY, policyOf } from '../store/contract.ts'
import { startAdmin, storeWith } from './harness.ts'
import type { Admin } from './harness.ts'

const url = '/v1/rules'
const ANY = { 'if-match': '*' }

async function withRules(admin: Admin, ...ids: string[]): Promise<void> {
  const rules = ids.map((id) => ({ id, enabled: true, mode: 'enforce' as const, when: {}, action: 'log' as const }))
  await admin.store.putPolicy({ ...policyOf('x'), rules }, { ...BY, expected: 1 })
}

async function idsOf({ store }: Admin): Promise<string> {
  return ((await store.load()).policy?.policy.rules ?? []).map(({ id }) => id).join(' ')
}

t.test('a rule is added, read, changed, moved and taken away, each as a revision', async (t) => {
  const admin = await startAdmin(t)
  const { send, store } = admin
  const made = await send('editor', { method: 'POST', url: `${url}?before=one`, payload: { id: 'new', action: 'block', when: { size: { atLeast: '1MB' } } } })
  t.equal(made.statusCode, 201, made.body)
  t.match(made.headers, { 'location': '/v1/rules/new', 'sluice-revision': '2', 'etag': /^"[0-9a-f]{32}"$/ })
  t.strictSame(made.json(), { id: 'new', enabled: true, mode: 'enforce', when: { size: { atLeast: '1MB' } }, action: 'block' })
  t.equal(await idsOf(admin), 'new one')
  t.match((await store.load()).policy, { author: /^token:[0-9a-f]{12} the editor$/ })

  const got = await send('viewer', { url: `${url}/new` })
  t.equal(got.headers.etag, made.headers.etag)
  t.strictSame(got.json(), made.json())

  const patched = await send('editor', {
    method: 'PATCH', url: `${url}/new`, headers: { 'if-match': String(got.headers.etag), 'content-type': 'application/merge-patch+json' },
    payload: JSON.stringify({ when: { size: { atLeast: null, below: '2MB' } }, message: 'Too large.' }),
  })
  t.equal(patched.statusCode, 200, patched.body)
  t.match(patched.json(), { when: { size: { below: '2MB' } }, message: 'Too large.' })
  t.notMatch(patched.json(), { when: { size: { atLeast: /./ } } })
  t.match(patched.headers, { 'sluice-revision': '3' })
  t.not(patched.headers.etag, got.headers.etag)

  const moved = await send('editor', { method: 'POST', url: `${url}/new/move`, headers: { 'if-match': String(patched.headers.etag) }, payload: { after: 'one' } })
  t.match(moved.headers, { 'sluice-revision': '4', 'etag': patched.headers.etag })
  t.equal(await idsOf(admin), 'one new')

  const gone = await send('editor', { method: 'DELETE', url: `${url}/new`, headers: { 'if-match': String(moved.headers.etag) } })
  t.match(gone, { statusCode: 204, body: '', headers: { 'sluice-revision': '5' } })
  t.equal(await idsOf(admin), 'one')
  t.match((await send('viewer', { url: `${url}/new` })).json(), { code: 'rule.not-found' })
})

t.test('what changes nothing makes no revision', async (t) => {
  const admin = await startAdmin(t)
  const patch = await admin.send('editor', { method: 'PATCH', url: `${url}/one`, headers: ANY, payload: { enabled: true } })
  t.match(patch, { statusCode: 200, headers: { 'sluice-revision': '1' } })
  const move = await admin.send('editor', { method: 'POST', url: `${url}/one/move`, headers: ANY, payload: { to: 1 } })
  t.match(move, { statusCode: 200, headers: { 'sluice-revision': '1' } })
})

t.test('a rule is changed only as it was seen: 428, 412, 400, and nothing is stored', async (t) => {
  const { send, store } = await startAdmin(t)
  const { etag } = (await send('viewer', { url: `${url}/one` })).headers
  const requests = [
    { method: 'PATCH', url: `${url}/one`, payload: { action: 'log' } }, { method: 'DELETE', url: `${url}/one` },
    { method: 'POST', url: `${url}/one/move`, payload: { to: 1 } },
  ] as const
  for (const request of requests) {
    for (const [headers, status, code] of [
      [{}, 428, 'policy.precondition-required'], [{ 'if-match': '"other"' }, 412, 'rule.stale'], [{ 'if-match': `W/${String(etag)}` }, 412, 'rule.stale'],
      [{ 'if-match': 'unquoted' }, 400, 'admin.invalid'], [{ 'if-match': '"a" "b"' }, 400, 'admin.invalid'], [{ 'if-match': '' }, 400, 'admin.invalid'],
    ] as const) {
      const answer = await send('editor', { ...request, headers })
      t.match(answer.json(), { status, code, errors: [{ path: 'If-Match' }] }, `${request.method} ${JSON.stringify(headers)}`)
    }
  }
  t.equal((await store.load()).policy?.revision, 1)
  const listed = await send('editor', { method: 'PATCH', url: `${url}/one`, headers: { 'if-match': `"other", ${String(etag)}` }, payload: { action: 'log' } })
  t.equal(listed.statusCode, 200)
})

t.test('a rule that is known is not sent again', async (t) => {
  const { send } = await startAdmin(t)
  const { etag } = (await send('viewer', { url: `${url}/one` })).headers
  for (const [field, status] of [[`"x", W/${String(etag)}`, 304], [String(etag), 304], ['*', 304], ['"x"', 200], ['x', 400]] as const) {
    const answer = await send('viewer', { url: `${url}/one`, headers: { 'if-none-match': field } })
    t.equal(answer.statusCode, status, field)
    if (status === 304) t.match(answer, { body: '', headers: { etag } })
  }
})

t.test('a faulty rule names the place within it; nothing is stored', async (t) => {
  const { send, store } = await startAdmin(t)
  const cases = [
    [{ method: 'POST', url, payload: { id: 'x', acton: 'log' } }, 'acton', 'did you mean action?'],
    [{ method: 'POST', url, payload: { id: 'x', action: 'log', when: { size: { atLeast: 'much' } } } }, 'when/size/atLeast', 'is not a size'],
    [{ method: 'POST', url, payload: { id: 'x', action: 'log', when: { userAgent: { matches: '(' } } } }, 'when/userAgent/matches', 'RE2'],
    [{ method: 'PATCH', url: `${url}/one`, headers: ANY, payload: { when: { activty: 'upload' } } }, 'when/activty', 'did you mean activity?'],
    [{ method: 'PATCH', url: `${url}/one`, headers: ANY, payload: { action: null } }, 'action', 'is missing'],
    [{ method: 'PATCH', url: `${url}/one`, headers: ANY, payload: [] }, '', 'must be a rule'],
    [{ method: 'PATCH', url: `${url}/one`, headers: ANY }, '', 'must be a rule'],
  ] as const
  for (const [request, path, message] of cases) {
    const answer = await send('editor', request)
    t.match(answer.json(), { status: 422, code: 'policy.invalid' })
    t.match(answer.json().errors.find((fault: { path: string }) => fault.path === path), { message }, answer.body)
  }
  for (const payload of [{}, { to: 1, before: 'one' }, { to: 0 }, { to: '1' }, { bfore: 'one' }]) {
    t.match((await send('editor', { method: 'POST', url: `${url}/one/move`, headers: ANY, payload })).json(), { code: 'admin.invalid' })
  }
  for (const query of ['to=0', 'to=1&before=one', 'befor=one']) {
    t.match((await send('editor', { method: 'POST', url: `${url}?${query}`, payload: { id: 'x', action: 'log' } })).json(), { code: 'admin.invalid' })
  }
  t.equal((await store.load()).policy?.revision, 1)
})

t.test('pages follow the order, also where the last rule of one is taken away', async (t) => {
  const admin = await startAdmin(t)
  await withRules(admin, ...Array.from({ length: 7 }, (_, i) => `r${i}`))
  const page = async (query: string): Promise<{ rules: { id: string }[]; next?: string; etags: Record<string, string> }> =>
    (await admin.send('viewer', { url: `${url}?${query}` })).json()
  const first = await page('limit=3')
  t.strictSame(first.rules.map(({ id }) => id), ['r0', 'r1', 'r2'])
  t.strictSame(Object.keys(first.etags), ['r0', 'r1', 'r2'])
  t.equal(first.etags.r1, (await admin.send('viewer', { url: `${url}/r1` })).headers.etag)
  const second = await page(`limit=3&cursor=${first.next ?? ''}`)
  t.strictSame(second.rules.map(({ id }) => id), ['r3', 'r4', 'r5'])
  await admin.send('editor', { method: 'DELETE', url: `${url}/r5`, headers: ANY })
  const third = await page(`limit=3&cursor=${second.next ?? ''}`)
  t.strictSame(third.rules.map(({ id }) => id), ['r6'])
  t.equal(third.next, undefined)
  t.strictSame((await page('')).rules.length, 6)
  t.strictSame((await page('cursor=99999.gone')).rules, [])
})

t.test('editors of different rules do not disturb each other, on two nodes either', async (t) => {
  const admin = await startAdmin(t)
  const ids = Array.from({ length: 12 }, (_, i) => `r${i}`)
  await withRules(admin, ...ids)
  const snapshot = await openSnapshot({
    store: admin.store, fallback: policyOf('first'), strict: policyOf('strict'), cacheFile: null, required: true, late: 'block', log: () => undefined,
  })
  const other = buildAdmin({ ...admin.ports, snapshot })
  t.teardown(async () => {
    await other.close()
    snapshot.close()
  })
  const tags: Record<string, string> = (await admin.send('viewer', { url })).json().etags
  const answers = await Promise.all(ids.map((id, i) => (i % 2 === 0 ? admin.app : other).inject({
    method: 'PATCH', url: `${url}/${id}`, headers: { 'authorization': `Bearer ${admin.secrets.editor}`, 'if-match': tags[id] ?? '' },
    payload: { description: `changed ${id}` },
  })))
  t.strictSame(answers.map(({ statusCode }) => statusCode), ids.map(() => 200))
  const { policy, revision } = (await admin.store.load()).policy ?? {}
  t.equal(revision, 2 + ids.length)
  t.strictSame(policy?.rules.map(({ description }) => description), ids.map((id) => `changed ${id}`))
})

t.test('of two editors of one rule the later is told', async (t) => {
  const { send } = await startAdmin(t)
  const { etag } = (await send('viewer', { url: `${url}/one` })).headers
  const patch = (description: string) => send('editor', { method: 'PATCH', url: `${url}/one`, headers: { 'if-match': String(etag) }, payload: { description } })
  const statuses = (await Promise.all([patch('a'), patch('b')])).map(({ statusCode }) => statusCode)
  t.strictSame(statuses.sort(), [200, 412])
})

t.test('a policy that others change without end is busy, not lost', async (t) => {
  const live = await startAdmin(t)
  const app = buildAdmin({ ...live.ports, store: storeWith(live.store, { putPolicy: async () => { throw new SluiceError('policy.stale', 'late') } }) })
  t.teardown(() => app.close())
  const answer = await app.inject({ method: 'DELETE', url: `${url}/one`, headers: { ...ANY, authorization: `Bearer ${live.secrets.editor}` } })
  t.match(answer.json(), { status: 503, code: 'store.locked' })
})
