import type { AddressInfo } from 'node:net'
import { connect } from 'node:net'
import t from 'tap'
import { buildAdmin } from '../../../policy/admin/admin.ts'
import { mintToken } from '../../../policy/admin/tokens.ts'
import { SluiceError } from '../../../policy/errors.ts'
import { startAdmin, storeWith } from './harness.ts'

t.test('health, readiness and metrics need no token', async (t) => {
  let state = { ready: true, degraded: false, checks: { store: 'up' } }
  const { send } = await startAdmin(t, { ready: () => state })
  t.strictSame((await send(null, { url: '/healthz' })).json(), { status: 'ok', version: '1.2.3' })
  const metrics = await send(null, { url: '/metrics' })
  t.equal(metrics.headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8')
  t.equal(metrics.body, 'sluice_up 1\n')
  const ready = await send(null, { url: '/readyz' })
  t.equal(ready.statusCode, 200)
  t.strictSame(ready.json(), state)
  state = { ready: true, degraded: true, checks: { store: 'down' } }
  t.equal((await send(null, { url: '/readyz' })).statusCode, 200, 'degraded still takes traffic')
  state = { ready: false, degraded: true, checks: { store: 'down' } }
  const not = await send(null, { url: '/readyz' })
  t.equal(not.statusCode, 503)
  t.strictSame(not.json(), state)
})

t.test('what is not there is a problem too', async (t) => {
  const { send } = await startAdmin(t)
  for (const url of ['/', '/v1', '/v1/nothing?token=hunter2', '/v1/policy/../../etc/passwd']) {
    const answer = await send('admin', { url })
    t.equal(answer.statusCode, 404, url)
    t.equal(answer.headers['content-type'], 'application/problem+json')
    t.match(answer.json(), { code: 'admin.not-found', type: 'urn:sluice:error:admin.not-found', errors: [] })
    t.notMatch(answer.body, 'hunter2')
  }
})

t.test('the store is away: reading goes on from the snapshot, changing is refused as 503', async (t) => {
  const down = async (): Promise<never> => {
    throw new SluiceError('store.unreachable', 'The store cannot be reached.', 'Wait.')
  }
  const { secret, stored } = mintToken('admin', 'fixed')
  const live = await startAdmin(t)
  const app = buildAdmin({
    ...live.ports,
    tokens: async () => [stored],
    store: storeWith(live.store, { putPolicy: down, putTenant: down, putTenants: down, deleteTenant: down }),
    snapshot: { ...live.snapshot, refresh: down },
  })
  t.teardown(() => app.close())
  const headers = { authorization: `Bearer ${secret}` }
  const get = await app.inject({ url: '/v1/policy', headers })
  t.equal(get.statusCode, 200)
  t.equal(get.headers.etag, '"1"')
  t.equal((await app.inject({ url: '/v1/tenants', headers })).statusCode, 200)
  for (const change of [
    { method: 'PUT', url: '/v1/policy', headers: { ...headers, 'if-match': '"1"' }, payload: get.json() },
    { method: 'PUT', url: '/v1/tenants/google/a', headers, payload: {} },
    { method: 'DELETE', url: '/v1/tenants/google/a', headers },
  ] as const) {
    t.match((await app.inject(change)).json(), { status: 503, code: 'store.unreachable' })
  }
  t.ok(live.lines.some((line) => line.startsWith('error PUT /v1/policy failed')))
})

t.test('an error of ours that nobody expected is not told to the caller', async (t) => {
  const { send, lines } = await startAdmin(t, { metrics: async () => { throw new Error('secret inner workings') } })
  const answer = await send(null, { url: '/metrics' })
  t.match(answer.json(), { status: 500, code: 'internal' })
  t.notMatch(answer.body, 'inner workings')
  t.match(lines, ['error GET /metrics failed: secret inner workings'])
})

t.test('over a real connection: a request, a body without a token, and closing with a connection open', async (t) => {
  const { app, secrets } = await startAdmin(t)
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo
  const base = `http://127.0.0.1:${port}`
  const get = await fetch(`${base}/v1/policy`, { headers: { authorization: `Bearer ${secrets.viewer}` } })
  t.equal(get.status, 200)
  t.equal(get.headers.get('etag'), '"1"')
  const put = await fetch(`${base}/v1/policy`, { method: 'PUT', headers: { 'content-type': 'application/json' }, body: 'x'.repeat(500_000) })
  t.equal(put.status, 401)
  const idle = connect(port, '127.0.0.1')
  const closed = new Promise((resolve) => idle.on('close', resolve))
  idle.on('error', () => undefined)
  await new Promise((resolve) => idle.on('connect', resolve))
  await app.close()
  await closed
  t.pass('closing does not wait for who says nothing')
})
