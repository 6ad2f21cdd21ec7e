import t from 'tap'
import { CallCounts } from '../../../policy/admin/call-counts.ts'
import { startAdmin } from './harness.ts'

const access = (perToken: number, perAddress: number) => ({ limits: { perToken, perAddress }, trustedPeers: [], tls: null, oidc: null })

t.test('a token may be used so often in a minute, wherever it is used', async (t) => {
  const { send } = await startAdmin(t, { access: access(5, 1_000) })
  const get = (role: 'viewer' | 'editor', n: number) => send(role, { url: '/v1/policy', remoteAddress: `192.0.2.${n}` })
  for (let i = 0; i < 5; i++) t.equal((await get('viewer', i)).statusCode, 200)
  const refused = await get('viewer', 9)
  t.equal(refused.statusCode, 429)
  t.equal(refused.headers['content-type'], 'application/problem+json')
  t.match(refused.json(), { code: 'admin.too-many-requests', detail: /More than 5 requests in a minute came from this token/ })
  const wait = Number(refused.headers['retry-after'])
  t.ok(wait > 0 && wait <= 60, String(wait))
  t.equal((await get('editor', 1)).statusCode, 200, 'no other token')
})

t.test('an address may call so often, before its token is looked up', async (t) => {
  let asked = 0
  const admin = await startAdmin(t, { access: access(1_000, 5) })
  const { send } = await startAdmin(t, { access: access(1_000, 5), tokens: () => {
    asked += 1
    return admin.store.tokens()
  } })
  const from = (remoteAddress: string) => send(null, { url: '/v1/policy', remoteAddress, headers: { authorization: 'Bearer slc_x' } })
  for (let i = 0; i < 5; i++) await from(`2001:db8::${i}`)
  t.equal(asked, 5)
  t.match((await from('2001:db8::77')).json(), { code: 'admin.too-many-requests', detail: /this address/ })
  t.equal(asked, 5, 'nothing was looked up')
  t.equal((await from('2001:db8:0:1::1')).statusCode, 401, 'no other network')
})

t.test('many decisions in one body count once; health and metrics do not count', async (t) => {
  const { send } = await startAdmin(t, { access: access(2, 2) })
  const line = JSON.stringify({ method: 'GET', url: 'https://a.example/' })
  const answer = await send('viewer', {
    method: 'POST', url: '/v1/decisions', headers: { 'content-type': 'application/x-ndjson' }, payload: `${line}\n`.repeat(50),
  })
  t.equal(answer.statusCode, 200)
  t.equal(answer.body.trim().split('\n').length, 50)
  for (let i = 0; i < 20; i++) for (const url of ['/healthz', '/readyz', '/metrics']) t.equal((await send(null, { url })).statusCode, 200)
  t.equal((await send('viewer', { url: '/v1/policy' })).statusCode, 200)
  t.equal((await send('viewer', { url: '/v1/policy' })).statusCode, 429)
})

t.test('windows go by a clock that is never put, and the latest callers are remembered', async (t) => {
  let now = 0
  const counts = new CallCounts(undefined, () => now)
  const call = (key: string): unknown => {
    let told: unknown
    counts.incr(key, (_error, counted) => { told = counted }, 1_000)
    return told
  }
  t.strictSame([call('a'), call('a')], [{ current: 1, ttl: 1_000 }, { current: 2, ttl: 1_000 }])
  now = 999
  t.strictSame(call('a'), { current: 3, ttl: 1 })
  now = 1_000
  t.strictSame(call('a'), { current: 1, ttl: 1_000 })
  for (let n = 0; n < 5_000; n++) call(`other ${n}`)
  t.strictSame(call('a'), { current: 1, ttl: 1_000 })
})
