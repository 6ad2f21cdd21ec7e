/** If-Match and If-None-Match on a tenant: nothing comes between the look and the change. */
import t from 'tap'
import { buildAdmin } from '../../../policy/admin/admin.ts'
import { BY } from '../store/contract.ts'
import { startAdmin, storeWith } from './harness.ts'
import type { Admin } from './harness.ts'

const url = '/v1/tenants/google/own.example'

function put({ send }: Admin, headers: Record<string, string>, name: string) {
  return send('editor', { method: 'PUT', url, headers, payload: { name } })
}

t.test('a tenant is replaced or taken away as it was seen, else 412; without a condition as it is', async (t) => {
  const admin = await startAdmin(t)
  const { send, store } = admin
  const made = await put(admin, {}, 'First')
  t.match(made.headers, { etag: /^"[0-9a-f]{32}"$/ })
  const got = await send('viewer', { url })
  t.equal(got.headers.etag, made.headers.etag)
  t.equal((await send('viewer', { url, headers: { 'if-none-match': String(got.headers.etag) } })).statusCode, 304)
  const seen = { 'if-match': String(got.headers.etag) }
  const second = await put(admin, seen, 'Second')
  t.equal(second.statusCode, 200)
  t.match((await put(admin, seen, 'Late')).json(), { status: 412, code: 'tenant.stale', errors: [{ path: 'If-Match' }] })
  t.match((await send('editor', { method: 'DELETE', url, headers: seen })).json(), { status: 412, code: 'tenant.stale' })
  t.match((await put(admin, { 'if-match': 'x' }, 'Odd')).json(), { status: 400, errors: [{ path: 'If-Match' }] })
  t.match((await store.load()).tenants, [{ name: 'Second' }])
  t.equal((await put(admin, {}, 'Third')).statusCode, 200)
  t.equal((await send('editor', { method: 'DELETE', url, headers: { 'if-match': '*' } })).statusCode, 204)
  t.match((await put(admin, { 'if-match': '*' }, 'Gone')).json(), { status: 412 })
})

t.test('If-None-Match: * makes a tenant only where there is none', async (t) => {
  const admin = await startAdmin(t)
  const none = { 'if-none-match': '*' }
  const statuses = (await Promise.all(['A', 'B', 'C'].map((name) => put(admin, none, name)))).map(({ statusCode }) => statusCode)
  t.strictSame(statuses.sort(), [200, 412, 412])
  t.match((await put(admin, none, 'D')).json(), { code: 'tenant.stale', errors: [{ path: 'If-None-Match' }] })
})

t.test('of many who have seen the same one changes it, while others change other tenants', async (t) => {
  const admin = await startAdmin(t)
  const { etag } = (await put(admin, {}, 'Seen')).headers
  const others = Array.from({ length: 5 }, (_, i) => admin.send('editor', { method: 'PUT', url: `/v1/tenants/box/t${i}`, headers: { 'if-none-match': '*' }, payload: {} }))
  const same = Array.from({ length: 5 }, (_, i) => i === 0
    ? admin.send('editor', { method: 'DELETE', url, headers: { 'if-match': String(etag) } }) : put(admin, { 'if-match': String(etag) }, `Writer ${i}`))
  t.equal((await Promise.all(same)).filter(({ statusCode }) => statusCode < 300).length, 1)
  t.strictSame((await Promise.all(others)).map(({ statusCode }) => statusCode), [200, 200, 200, 200, 200])
})

t.test('what comes between the look and the change is seen', async (t) => {
  const live = await startAdmin(t)
  const { etag } = (await put(live, {}, 'Seen')).headers
  const between = storeWith(live.store, {
    load: async () => {
      const state = await live.store.load()
      await live.store.putTenant({ account: 'google', id: 'own.example', name: 'Between' }, BY)
      return state
    },
  })
  const app = buildAdmin({ ...live.ports, store: between })
  t.teardown(() => app.close())
  for (const method of ['PUT', 'DELETE'] as const) {
    const answer = await app.inject({
      method, url, headers: { 'if-match': String(etag), 'authorization': `Bearer ${live.secrets.editor}` }, ...method === 'PUT' && { payload: { name: 'Late' } },
    })
    t.match(answer.json(), { status: 412, code: 'tenant.stale' }, method)
  }
  t.match((await live.store.load()).tenants, [{ name: 'Between' }])
})
