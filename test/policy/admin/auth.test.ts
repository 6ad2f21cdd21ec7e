import t from 'tap'
import { addressOf } from '../../../policy/admin/actor.ts'
import { findToken, mayUse } from '../../../policy/admin/auth.ts'
import { bearerToken, isToken } from '../../../policy/admin/bearer.ts'
import { hashToken, mintToken, tokenSource } from '../../../policy/admin/tokens.ts'
import { SluiceError } from '../../../policy/errors.ts'
import { openStore } from '../../../policy/store/open.ts'
import type { Role } from '../../../policy/store/store.ts'
import { BY } from '../store/contract.ts'
import { startAdmin } from './harness.ts'

t.test('a minted token is 256 random bits, and only its hash is kept', async (t) => {
  const { secret, stored } = mintToken('editor', 'ci', new Date(0))
  t.match(secret, /^slc_[A-Za-z0-9_-]{43}$/)
  t.match(stored, { hash: /^[0-9a-f]{64}$/, role: 'editor', label: 'ci', createdAt: '1970-01-01T00:00:00.000Z', id: /^[0-9a-f]{12}$/ })
  t.equal(hashToken(secret), stored.hash)
  t.notMatch(JSON.stringify(stored), secret)
  t.not(mintToken('editor', 'ci').secret, secret)
})

t.test('each role may what the ones before it may; telemetry only its own', async (t) => {
  const may = (has: Parameters<typeof mayUse>[0]): string[] =>
    (['viewer', 'editor', 'admin', 'telemetry'] as const).filter((needs) => mayUse(has, needs))
  t.strictSame(may('viewer'), ['viewer'])
  t.strictSame(may('editor'), ['viewer', 'editor'])
  t.strictSame(may('admin'), ['viewer', 'editor', 'admin', 'telemetry'])
  t.strictSame(may('telemetry'), ['telemetry'])
})

t.test('a token is found by its hash, also beside a damaged one', async (t) => {
  const one = mintToken('viewer', 'one')
  const two = mintToken('admin', 'two')
  t.equal(findToken(two.secret, [one.stored, { ...one.stored, hash: 'abc' }, two.stored])?.label, 'two')
  t.equal(findToken(two.stored.hash, [two.stored]), undefined, 'the hash does not open')
  t.equal(findToken('', [two.stored]), undefined)
})

t.test('what may be configured as a token is what can be sent as one', async (t) => {
  for (const token of ['x', 'x'.repeat(512), 'AZaz09-._~+/==', mintToken('viewer', '').secret]) {
    t.equal(isToken(token), true, token.slice(0, 20))
    t.equal(bearerToken(`bearer  ${token}`), token)
  }
  for (const token of ['', '=', 'a=b', 'a b', 'a,b', 'a"b', 'a:b', 'ü', 'a\n', 'x'.repeat(513), `${'x'.repeat(512)}=`]) {
    t.equal(isToken(token), false, token.slice(0, 20))
    t.equal(bearerToken(`Bearer ${token}`), undefined, token.slice(0, 20))
  }
})

t.test('without a good token nothing is answered, and nothing of the body is read', async (t) => {
  const { send, lines, secrets } = await startAdmin(t)
  const cases: [Record<string, string>, string][] = [
    [{}, 'Bearer realm="sluice"'],
    // What a browser adds by itself, from whatever page, is no token.
    [{ cookie: `token=${secrets.admin}; authorization=Bearer ${secrets.admin}`, origin: 'https://evil.example' }, 'Bearer realm="sluice"'],
    [{ authorization: 'Bearer slc_wrong' }, 'Bearer realm="sluice", error="invalid_token"'],
    [{ authorization: 'Basic YTpi' }, 'Bearer realm="sluice", error="invalid_token"'],
    [{ authorization: 'Bearer' }, 'Bearer realm="sluice", error="invalid_token"'],
    [{ authorization: `Bearer ${'x'.repeat(10_000)}` }, 'Bearer realm="sluice", error="invalid_token"'],
  ]
  for (const [headers, challenge] of cases) {
    for (const [method, url] of [['GET', '/v1/policy'], ['PUT', '/v1/policy'], ['GET', '/v1/tenants'], ['POST', '/v1/decisions']] as const) {
      const answer = await send(null, { method, url, headers: { ...headers, 'content-type': 'application/json' }, ...(method === 'GET' ? {} : { payload: '{bad' }) })
      t.equal(answer.statusCode, 401, `${method} ${url}`)
      t.equal(answer.headers['www-authenticate'], challenge)
      t.match(answer.json(), { code: 'admin.unauthorised', type: 'urn:sluice:error:admin.unauthorised', status: 401 })
    }
  }
  t.strictSame(lines, [])
})

const MAY: Readonly<Record<Role, readonly string[]>> = { viewer: ['viewer'], editor: ['viewer', 'editor'], admin: ['viewer', 'editor'], telemetry: [] }

t.test('roles: a viewer reads, an editor changes, telemetry does neither', async (t) => {
  const { send } = await startAdmin(t)
  const requests = [
    ['viewer', { method: 'GET', url: '/v1/policy' }],
    ['viewer', { method: 'GET', url: '/v1/tenants' }],
    ['viewer', { method: 'POST', url: '/v1/policy/validate', payload: {} }],
    ['viewer', { method: 'POST', url: '/v1/decisions', payload: {} }],
    ['editor', { method: 'PUT', url: '/v1/policy', payload: {} }],
    ['editor', { method: 'PUT', url: '/v1/tenants/google/a.example', payload: {} }],
    ['editor', { method: 'POST', url: '/v1/tenants/import', payload: [] }],
    ['editor', { method: 'DELETE', url: '/v1/tenants/google/b.example' }],
  ] as const
  for (const [needs, request] of requests) {
    for (const role of ['viewer', 'editor', 'admin', 'telemetry'] as const) {
      const { statusCode } = await send(role, request)
      t.equal(statusCode === 403, !MAY[role].includes(needs), `${role}: ${request.method} ${request.url} ${statusCode}`)
      t.not(statusCode, 401)
    }
  }
})

t.test('a client has one address, however it is told', async (t) => {
  const socket = { remoteAddress: '::ffff:10.0.0.7' }
  for (const [ip, address] of [
    ['::ffff:192.0.2.1', '192.0.2.1'], ['192.0.2.1', '192.0.2.1'], ['192.0.2.1:5123', '192.0.2.1'], ['2001:db8::1', '2001:db8::1'],
    ['[2001:db8::1]:443', '2001:db8::1'], ['unknown', '10.0.0.7'], ['192.0.2.1:x', '10.0.0.7'], ['', '10.0.0.7'],
  ] as const) t.equal(addressOf({ ip, socket }), address, ip)
})

t.test('who is not let in is counted by the code', async (t) => {
  const codes: string[] = []
  const { send } = await startAdmin(t, { refused: (code) => codes.push(code) })
  await send(null, { url: '/v1/policy' })
  await send('viewer', { url: '/v1/audit' })
  await send('viewer', { url: '/v1/policy' })
  t.strictSame(codes, ['admin.unauthorised', 'admin.forbidden'])
})

t.test('while the store is away, the fixed tokens and those last read open', async (t) => {
  const store = await openStore(`embedded:${t.testdir()}`)
  t.teardown(() => store.close())
  const { stored } = mintToken('viewer', 'stored')
  const fixed = mintToken('admin', 'fixed').stored
  await store.putToken(stored, BY)
  let down = true
  const wrapped = { ...store, tokens: async () => {
    if (down) throw new SluiceError('store.unreachable', 'down')
    return store.tokens()
  } }
  const all = tokenSource(wrapped, [fixed], () => undefined)
  const none = tokenSource(wrapped, [], () => undefined)
  t.strictSame(await all(), [fixed])
  await t.rejects(none(), { code: 'store.unreachable' })
  down = false
  t.strictSame(await all(), [fixed, stored])
  t.strictSame(await none(), [stored])
  down = true
  t.strictSame(await all(), [fixed, stored])
  t.strictSame(await none(), [stored])
})
