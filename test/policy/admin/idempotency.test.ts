import t from 'tap'
import { buildAdmin } from '../../../policy/admin/admin.ts'
import { SluiceError } from '../../../policy/errors.ts'
import { startAdmin, storeWith } from './harness.ts'
import type { Admin } from './harness.ts'

const rule = { id: 'new', action: 'block' }
const keyed = (key = 'a key', payload: object = rule, url = '/v1/rules') =>
  ({ method: 'POST', url, headers: { 'idempotency-key': key.replace(' ', '-') }, payload }) as const

async function idsOf({ store }: Admin): Promise<string[]> {
  return ((await store.load()).policy?.policy.rules ?? []).map(({ id }) => id)
}

t.test('sent again, a creation answers the same and makes nothing', async (t) => {
  const admin = await startAdmin(t)
  const first = await admin.send('editor', keyed())
  t.equal(first.statusCode, 201)
  t.equal(first.headers['idempotency-replayed'], undefined)
  await admin.send('editor', { method: 'DELETE', url: '/v1/rules/new', headers: { 'if-match': '*' } })
  const again = await admin.send('editor', keyed())
  t.match(again, { statusCode: 201, headers: { 'idempotency-replayed': 'true' } })
  for (const field of ['etag', 'location', 'sluice-revision', 'content-type']) t.equal(again.headers[field], first.headers[field], field)
  t.equal(again.body, first.body)
  t.strictSame(await idsOf(admin), ['one'], 'not made a second time')
})

t.test('a key is of one caller and one request', async (t) => {
  const admin = await startAdmin(t)
  await admin.send('editor', keyed())
  t.match((await admin.send('editor', keyed('a key', { ...rule, action: 'log' }))).json(), { status: 422, code: 'idempotency.mismatch', errors: [{ path: 'Idempotency-Key' }] })
  t.match((await admin.send('editor', keyed('a key', rule, '/v1/rules?to=1'))).json(), { code: 'idempotency.mismatch' })
  t.match((await admin.send('admin', keyed())).json(), { code: 'policy.duplicate-rule' }, 'another caller has keys of their own')
  t.match((await admin.send('editor', keyed('another key'))).json(), { code: 'policy.duplicate-rule' })
  const tenants = await admin.send('editor', keyed('a key', [], '/v1/tenants/import'))
  t.equal(tenants.statusCode, 200, 'another route')
})

t.test('what failed may be sent again under its key, as it was or corrected', async (t) => {
  const admin = await startAdmin(t)
  t.equal((await admin.send('editor', keyed('a key', { ...rule, id: 'one' }))).statusCode, 422)
  t.equal((await admin.send('editor', keyed('a key', { ...rule, acton: 'log' }))).statusCode, 422)
  t.equal((await admin.send('editor', keyed())).statusCode, 201)
  t.match(await admin.send('editor', keyed()), { statusCode: 201, headers: { 'idempotency-replayed': 'true' } })
})

t.test('many at once make one: the others are told that it is under way, or get its answer', async (t) => {
  const admin = await startAdmin(t)
  const answers = await Promise.all(Array.from({ length: 8 }, () => admin.send('editor', keyed())))
  t.equal(answers.filter(({ statusCode, headers }) => statusCode === 201 && headers['idempotency-replayed'] === undefined).length, 1)
  for (const { statusCode, headers, body } of answers) {
    t.ok((statusCode === 201) || (statusCode === 409 && headers['idempotency-replayed'] === undefined && body.includes('idempotency.running')), body)
  }
  t.strictSame(await idsOf(admin), ['one', 'new'])
})

t.test('a key is 1 to 255 visible ASCII characters', async (t) => {
  const { send } = await startAdmin(t)
  for (const key of ['', 'x'.repeat(256), 'a\tb', 'ü']) {
    const answer = await send('editor', { ...keyed(), headers: { 'idempotency-key': key } })
    t.match(answer.json(), { status: 400, code: 'admin.invalid', errors: [{ path: 'Idempotency-Key' }] }, JSON.stringify(key))
  }
  t.equal((await send('editor', { ...keyed(), headers: { 'idempotency-key': 'x'.repeat(255) } })).statusCode, 201)
})

t.test('the store away: a key that cannot be looked up carries nothing out; an answer that cannot be kept is given', async (t) => {
  const live = await startAdmin(t)
  const down = async (): Promise<never> => { throw new SluiceError('store.unreachable', 'The store cannot be reached.', 'Wait.') }
  const ask = async (store: Partial<Admin['store']>, key: string): Promise<number> => {
    const app = buildAdmin({ ...live.ports, store: storeWith(live.store, store) })
    t.teardown(() => app.close())
    return (await app.inject({
      ...keyed(key), headers: { ...keyed(key).headers, authorization: `Bearer ${live.secrets.editor}` },
    })).statusCode
  }
  t.equal(await ask({ remembered: down }, 'first'), 503)
  t.strictSame(await idsOf(live), ['one'])
  let asked = 0
  const remember: Admin['store']['remember'] = async (...given) => ++asked === 1 ? live.store.remember(...given) : down()
  t.equal(await ask({ remember }, 'second'), 201)
  t.ok(live.lines.some((line) => line.startsWith('warn An answer could not be kept')))
})
