import type { AddressInfo } from 'node:net'
import t from 'tap'
import { buildAdmin } from '../../../policy/admin/admin.ts'
import { CONFIGURED, hashToken, isUsable, mintToken, noteUses } from '../../../policy/admin/tokens.ts'
import { SluiceError } from '../../../policy/errors.ts'
import { BY } from '../store/contract.ts'
import { eventually } from '../../e2e/observe.ts'
import { startAdmin } from './harness.ts'
import type { Admin } from './harness.ts'

const url = '/v1/tokens'
const make = ({ send }: Admin, payload: object) => send('admin', { method: 'POST', url, payload })
const get = ({ send }: Admin, secret: string) => send(null, { url: '/v1/whoami', headers: { authorization: `Bearer ${secret}` } })

t.test('a token is made, shown once, opens, is listed without its secret, and ends', async (t) => {
  const admin = await startAdmin(t)
  const made = await make(admin, { label: 'the pipeline', role: 'editor', expiresIn: '90d' })
  t.equal(made.statusCode, 201)
  const { id, secret, expiresAt, createdAt }: Record<string, string> = made.json()
  t.match(made.json(), { label: 'the pipeline', role: 'editor', secret: /^slc_[\w-]{43}$/ })
  t.equal(Date.parse(expiresAt ?? '') - Date.parse(createdAt ?? ''), 90 * 86_400_000)
  t.strictSame((await get(admin, secret ?? '')).json(), { author: `token:${id} the pipeline`, role: 'editor', expiresAt })

  const listed = await admin.send('admin', { url })
  t.match(listed.json().tokens.find((token: { id: string }) => token.id === id), { label: 'the pipeline', role: 'editor', expiresAt })
  t.notMatch(listed.body, secret)
  t.notMatch(listed.body, hashToken(secret ?? ''))
  t.notMatch(listed.body, 'hash')
  t.notMatch(JSON.stringify(await admin.store.tokens()), secret)
  t.notMatch(JSON.stringify(await admin.store.audit({ from: 1, limit: 100 })), secret)
  t.notMatch(admin.lines.join('\n'), secret)

  t.equal((await admin.send('admin', { method: 'DELETE', url: `${url}/${id}` })).statusCode, 204)
  t.match((await get(admin, secret ?? '')).json(), { status: 401, code: 'admin.unauthorised' })
  t.match((await admin.send('admin', { method: 'DELETE', url: `${url}/${id}` })).json(), { status: 404, code: 'token.not-found' })
  t.match((await admin.store.audit({ from: 1, limit: 100 })).slice(-2), [
    { action: 'token.create', subject: id, author: /^token:\w+ the admin$/, from: '127.0.0.1' }, { action: 'token.delete', subject: id },
  ])
})

t.test('a creation that is sent twice makes one token, and its secret is kept nowhere', async (t) => {
  const admin = await startAdmin(t)
  const remembered: string[] = []
  const { remember } = admin.store
  admin.store.remember = (digest, text, ttlMs) => {
    remembered.push(text)
    return remember.call(admin.store, digest, text, ttlMs)
  }
  const send = () => admin.send('admin', { method: 'POST', url, payload: { label: 'twice', role: 'viewer' }, headers: { 'idempotency-key': 'one' } })
  const first: Record<string, string> = (await send()).json()
  const again = await send()
  t.equal(again.statusCode, 201)
  t.match(again.json(), { id: first.id, secret: undefined })
  t.equal((await admin.store.tokens()).filter(({ label }) => label === 'twice').length, 1)
  t.ok(remembered.length > 0)
  t.notMatch(remembered.join('\n'), first.secret)
})

t.test('the list comes in pages', async (t) => {
  const admin = await startAdmin(t)
  for (let i = 0; i < 5; i++) await admin.store.putToken(mintToken('viewer', `n${i}`, new Date(i * 1000)).stored, BY)
  const labels: string[] = []
  let pages = 0
  for (let next: string | undefined = ''; next !== undefined; pages++) {
    const query: string = next === '' ? '' : `&cursor=${encodeURIComponent(next)}`
    const page: { tokens: { label: string }[]; next?: string } = (await admin.send('admin', { url: `${url}?limit=2${query}` })).json()
    labels.push(...page.tokens.map(({ label }) => label))
    next = page.next
  }
  t.equal(pages, 5)
  t.strictSame(labels.slice(0, 5), ['n0', 'n1', 'n2', 'n3', 'n4'])
  t.equal(new Set(labels).size, 9)
})

t.test('a token that has ended is refused, and only who holds it comes to hear why', async (t) => {
  const admin = await startAdmin(t)
  const ended = mintToken('admin', 'ended', new Date(0), new Date(Date.now() - 1_000).toISOString())
  await admin.store.putToken(ended.stored, BY)
  const answer = await get(admin, ended.secret)
  t.match(answer.json(), { status: 401, code: 'token.expired', errors: [{ path: 'Authorization' }] })
  t.equal(answer.headers['www-authenticate'], 'Bearer realm="sluice", error="invalid_token"')
  t.match((await get(admin, `${ended.secret}x`)).json(), { code: 'admin.unauthorised' })
  t.equal(isUsable({ ...ended.stored, expiresAt: 'sometime' }, 0), false)
  t.equal((await admin.store.tokens()).find(({ label }) => label === 'ended')?.lastUsedAt, undefined, 'nor is that a use')
})

t.test('what cannot be a token is named', async (t) => {
  const admin = await startAdmin(t)
  const cases: [object, string, RegExp][] = [
    [{ role: 'viewer' }, 'label', /missing/],
    [{ label: '', role: 'viewer' }, 'label', /one line/],
    [{ label: 'a\nb', role: 'viewer' }, 'label', /one line/],
    [{ label: 'a\u202eb', role: 'viewer' }, 'label', /one line/],
    [{ label: 'x'.repeat(101), role: 'viewer' }, 'label', /100/],
    [{ label: 'a', role: 'root' }, 'role', /one of viewer/],
    [{ label: 'a', role: 'viewer', expiresIn: '90' }, 'expiresIn', /90d/],
    [{ label: 'a', role: 'viewer', expiresIn: '9999d' }, 'expiresIn', /ten years/],
    [{ label: 'a', role: 'viewer', expiresAt: '2020-01-01' }, 'expiresAt', /later than now/],
    [{ label: 'a', role: 'viewer', expiresAt: '2999-01-01' }, 'expiresAt', /ten years/],
    [{ label: 'a', role: 'viewer', expiresAt: '2027-13-45' }, 'expiresAt', /2027-01-31/],
    [{ label: 'a', role: 'viewer', expiresAt: 'tomorrow' }, 'expiresAt', /2027-01-31/],
    [{ label: 'a', role: 'viewer', expiresAt: '2027-01-01', expiresIn: '1d' }, 'expiresAt', /left out/],
    [{ label: 'a', role: 'viewer', secret: 'slc_mine' }, 'secret', /not a known key/],
  ]
  const before = (await admin.store.tokens()).length
  for (const [payload, path, message] of cases) {
    const answer = await make(admin, payload)
    t.equal(answer.statusCode, 400, JSON.stringify(payload))
    t.match(answer.json(), { code: 'admin.invalid', errors: [{ path, message }] }, JSON.stringify(payload))
  }
  t.equal((await admin.store.tokens()).length, before)
})

t.test('the last usable admin token stays, also where two are deleted at once', async (t) => {
  const admin = await startAdmin(t)
  const [own] = (await admin.store.tokens()).filter(({ role }) => role === 'admin')
  await admin.store.putToken(mintToken('admin', 'ended', new Date(0), new Date(1).toISOString()).stored, BY)
  await admin.store.putToken(mintToken('editor', 'no admin').stored, BY)
  const remove = (id: string | undefined) => admin.send('admin', { method: 'DELETE', url: `${url}/${id}` })
  t.match((await remove(own?.id)).json(), { status: 409, code: 'token.last-admin', errors: [{ path: 'id' }] })
  const second = mintToken('admin', 'second').stored
  await admin.store.putToken(second, BY)
  const both = await Promise.all([remove(second.id), remove(own?.id)])
  t.strictSame(both.map(({ statusCode }) => statusCode).sort(), [204, 409])
  t.equal((await admin.store.tokens()).filter((token) => token.role === 'admin' && isUsable(token, Date.now())).length, 1)
})

t.test('where the configuration gives an admin token, all others may go; that one may not', async (t) => {
  const live = await startAdmin(t)
  const { secret, stored } = mintToken('admin', 'from the configuration')
  const app = buildAdmin({ ...live.ports, tokens: async () => [{ ...stored, id: CONFIGURED }, ...await live.store.tokens()] })
  t.teardown(() => app.close())
  const headers = { authorization: `Bearer ${secret}` }
  const own = (await live.store.tokens()).find(({ role }) => role === 'admin')
  t.equal((await app.inject({ method: 'DELETE', url: `${url}/${own?.id}`, headers })).statusCode, 204)
  t.match((await app.inject({ method: 'DELETE', url: `${url}/${CONFIGURED}`, headers })).json(), { status: 404, detail: /Take it out of the configuration/ })
  t.ok((await app.inject({ url, headers })).json().tokens.some(({ id }: { id: string }) => id === CONFIGURED), 'it is listed')
})

t.test('over a real connection: revoked while in use', async (t) => {
  const admin = await startAdmin(t)
  await admin.app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = admin.app.server.address() as AddressInfo
  const ask = (secret: string, method = 'GET', path = '/v1/whoami') =>
    fetch(`http://127.0.0.1:${port}${path}`, { method, headers: { authorization: `Bearer ${secret}` } })
  const { id, secret }: Record<string, string> = (await make(admin, { label: 'in use', role: 'viewer' })).json()
  for (let i = 0; i < 3; i++) {
    const answer = await ask(secret ?? '')
    t.equal(answer.status, 200)
    await answer.text()
  }
  t.equal((await ask(admin.secrets.admin, 'DELETE', `/v1/tokens/${id}`)).status, 204)
  t.equal((await ask(secret ?? '')).status, 401)
})

t.test('a use is noted once a minute, awaited by nobody, and its failure told once', async (t) => {
  const noted: [string, number][] = []
  let isDown = false
  const lines: string[] = []
  const used = noteUses({
    usedToken: async (id, at) => {
      if (isDown) throw new SluiceError('store.unreachable', 'down')
      noted.push([id, at])
    },
  }, (level, message) => lines.push(`${level} ${message}`))
  for (const at of [0, 1, 59_999, 60_000, 60_001]) used('a', at)
  used('b', 5)
  used(CONFIGURED, 5)
  t.strictSame(noted, [['a', 0], ['a', 60_000], ['b', 5]])
  isDown = true
  for (let i = 2; i < 6; i++) used('a', i * 60_000)
  await new Promise(setImmediate)
  t.match(lines, [/^warn When tokens are used cannot be noted: down/])
  t.equal(lines.length, 1)
})

t.test('when a token was used last is listed', async (t) => {
  const admin = await startAdmin(t)
  const before = Date.now()
  await admin.send('viewer', { url: '/v1/policy' })
  const last = async (role: string): Promise<string | undefined> =>
    (await admin.send('admin', { url })).json().tokens.find((token: { role: string }) => token.role === role).lastUsedAt
  t.ok(await eventually(async () => await last('viewer') !== undefined))
  t.ok(Date.parse(await last('viewer') ?? '') >= before - 1_000)
  t.equal(await last('editor'), undefined)
})

t.test('a store that does not answer uses stops no request', async (t) => {
  const live = await startAdmin(t)
  const app = buildAdmin({ ...live.ports, store: { ...live.store, usedToken: () => new Promise(() => undefined) } })
  t.teardown(() => app.close())
  t.equal((await app.inject({ url: '/v1/whoami', headers: { authorization: `Bearer ${live.secrets.viewer}` } })).statusCode, 200)
})

t.test('of several faults the first is told in words, and how many more there are', async (t) => {
  const admin = await startAdmin(t)
  const answer = await admin.send('admin', { method: 'POST', url, payload: { role: 'boss', expiresIn: '2s' } })
  t.match(answer.json(), { status: 400, detail: /^The body: label is missing; .* \(and 2 more\)\. /, errors: [{ path: 'label' }, {}, {}] })
})
