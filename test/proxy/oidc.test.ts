import { once } from 'node:events'
import { createServer as createPlainServer } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pino } from 'pino'
import t from 'tap'
import type { Test } from 'tap'
import { loadConfig } from '../../proxy/config.ts'
import { startSluice } from '../../proxy/main.ts'
import { makeAuthority } from '../e2e/tls-server.ts'
import type { Authority, Leaf } from '../e2e/tls-server.ts'
import { makeSigner } from '../policy/admin/signer.ts'
import type { Signer } from '../policy/admin/signer.ts'

interface Issuer {
  readonly url: string
  readonly asked: string[]
  keys: readonly Signer[]
  /** Where its description says that the keys are; null: where they are. */
  jwksUri: string | null
  /** Answers this instead of a key set. */
  instead: string | null
}

async function startIssuer(t: Test, leaf: Leaf, signer: Signer): Promise<Issuer> {
  const asked: string[] = []
  const server = createServer({ cert: leaf.cert, key: leaf.key }, (request, response) => {
    asked.push(request.url ?? '')
    response.setHeader('content-type', 'application/json')
    if (request.url === '/realm/.well-known/openid-configuration') {
      response.end(JSON.stringify({ issuer: issuer.url, jwks_uri: issuer.jwksUri ?? `${new URL(issuer.url).origin}/keys` }))
    } else response.end(issuer.instead ?? JSON.stringify({ keys: issuer.keys.map(({ jwk }) => jwk) }))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => new Promise((done) => {
    server.close(done)
    server.closeAllConnections()
  }))
  const issuer: Issuer = { url: `https://localhost:${(server.address() as AddressInfo).port}/realm`, asked, keys: [signer], jwksUri: null, instead: null }
  return issuer
}

async function startProxy(t: Test, dir: string, oidc: Record<string, unknown>, ca: readonly string[], hosts: object = {}) {
  const file = join(dir, 'sluice.yaml')
  mkdirSync(dir, { recursive: true })
  writeFileSync(file, JSON.stringify({
    proxy: { listen: '127.0.0.1:0', drain: '0s' }, store: `embedded:${join(dir, 'store')}`, certs: { dir: join(dir, 'ca') },
    upstream: { ca, hosts }, events: { sinks: [] },
    admin: { listen: '127.0.0.1:0', oidc: { audience: 'sluice', roles: { admin: ['sluice-admins'], viewer: ['everyone'] }, ...oidc } },
  }))
  const sluice = await startSluice(loadConfig({ file, env: {} }), pino({ level: 'silent' }))
  t.teardown(() => sluice.close())
  t.equal(sluice.newToken, null, 'who comes by an issuer needs no token that a log shows')
  t.match(sluice.announcement, /Admin token {2}that of the identity provider/)
  const ask = async (token: string, method = 'GET', path = '/v1/policy') => {
    const answer = await fetch(`http://${sluice.addresses.admin}${path}`, { method, headers: { authorization: `Bearer ${token}` } })
    return [answer.status, ((await answer.json().catch(() => ({}))) as { code?: string }).code] as const
  }
  return Object.assign(ask, { reload: () => sluice.reload() })
}

async function setUp(t: Test): Promise<{ authority: Authority; signer: Signer; issuer: Issuer; dir: string }> {
  const authority = await makeAuthority()
  t.teardown(() => authority.close())
  const signer = makeSigner('one', 'ES256')
  return { authority, signer, issuer: await startIssuer(t, authority.leaf({ names: ['localhost'] }), signer), dir: t.testdir() }
}

t.test('an issuer is found by its description, over TLS that upstream.ca verifies', async (t) => {
  const { authority, signer, issuer, dir } = await setUp(t)
  const ask = await startProxy(t, dir, { issuer: issuer.url }, [authority.file])
  t.strictSame(issuer.asked, [], 'nothing is asked before somebody comes')
  const token = await signer.sign({ iss: issuer.url })
  t.strictSame(await ask(token), [200, undefined])
  t.strictSame(await ask(token, 'DELETE', '/v1/tenants/box/1'), [404, 'tenant.not-found'])
  const viewer = await signer.sign({ iss: issuer.url, roles: ['everyone'] })
  t.strictSame(await ask(viewer, 'DELETE', '/v1/tenants/box/1'), [403, 'admin.forbidden'])
  t.strictSame(issuer.asked, ['/realm/.well-known/openid-configuration', '/keys'])
  for (let i = 0; i < 20; i++) t.strictSame(await ask(await makeSigner(`x${i}`, 'ES256').sign({ iss: issuer.url })), [401, 'admin.unauthorised'])
  t.equal(issuer.asked.length, 2, 'unknown keys do not hammer it')
})

t.test('an issuer whose certificate is not trusted, or whose answer has no end, is not believed', async (t) => {
  const { authority, signer, issuer, dir } = await setUp(t)
  const token = await signer.sign({ iss: issuer.url })
  const distrusting = await startProxy(t, dir, { issuer: issuer.url }, [])
  t.strictSame(await distrusting(token), [503, 'admin.issuer-unreachable'])
  t.strictSame(issuer.asked, [], 'nothing was even asked')
  let isAsked = false
  const plain = createPlainServer((_request, response) => {
    isAsked = true
    response.end(JSON.stringify({ keys: [signer.jwk] }))
  }).listen(0, '127.0.0.1')
  await once(plain, 'listening')
  t.teardown(() => plain.close())
  issuer.jwksUri = 'http://keys.example/'
  const hosts = { 'keys.example:80': `127.0.0.1:${(plain.address() as AddressInfo).port}` }
  const trusting = await startProxy(t, join(dir, 'trusting'), { issuer: issuer.url }, [authority.file], hosts)
  t.strictSame(await trusting(token), [503, 'admin.issuer-unreachable'])
  t.equal(isAsked, false, 'keys that would come without TLS are not even fetched')
  issuer.instead = JSON.stringify({ keys: [signer.jwk], more: 'x'.repeat(2 << 20) })
  const origin = new URL(issuer.url).origin
  const bounded = await startProxy(t, join(dir, 'bounded'), { issuer: issuer.url, jwksUri: `${origin}/keys` }, [authority.file])
  t.strictSame(await bounded(token), [503, 'admin.issuer-unreachable'])
})

t.test('keys from a file need nobody to be asked', async (t) => {
  const { signer, issuer, dir } = await setUp(t)
  const keySetFile = join(dir, 'keys.json')
  writeFileSync(keySetFile, JSON.stringify({ keys: [signer.jwk] }))
  const ask = await startProxy(t, dir, { issuer: issuer.url, keySetFile }, [])
  t.strictSame(await ask(await signer.sign({ iss: issuer.url })), [200, undefined])
  t.strictSame(issuer.asked, [])
  const next = makeSigner('two', 'EdDSA')
  writeFileSync(keySetFile, JSON.stringify({ keys: [next.jwk] }))
  await ask.reload()
  t.strictSame(await ask(await next.sign({ iss: issuer.url })), [200, undefined], 'a reload takes over new ones')
  t.strictSame(await ask(await signer.sign({ iss: issuer.url })), [401, 'admin.unauthorised'], 'and lets go of old ones')
  writeFileSync(keySetFile, JSON.stringify({ keys: [{ kty: 'oct', k: 'AAAA' }] }))
  await t.rejects(ask.reload(), { code: 'config.invalid' })
  t.strictSame(await ask(await next.sign({ iss: issuer.url })), [200, undefined], 'all stays as it was')
  await t.rejects(startProxy(t, dir, { issuer: issuer.url, keySetFile }, []), { code: 'config.invalid', message: /admin\.oidc/ })
})

t.test('what admin.oidc must say', async (t) => {
  const whole = { issuer: 'https://idp.example', audience: 'sluice', roles: { admin: ['a'] } }
  const load = (oidc: unknown) => loadConfig({ env: { SLUICE_ADMIN_OIDC: JSON.stringify(oidc) } })
  t.match(load(whole).admin.oidc, { issuer: 'https://idp.example', jwksUri: null, keySetFile: null, rolesClaim: 'roles', subjectClaim: 'sub', roles: { viewer: [], admin: ['a'] } })
  t.ok(load({ ...whole, issuer: 'http://127.0.0.1:8080/realm' }), 'on this machine')
  const cases: [Record<string, unknown>, RegExp][] = [
    [{ issuer: undefined }, /issuer/],
    [{ issuer: 'http://idp.example' }, /https/],
    [{ issuer: 'https://u:p@idp.example' }, /https/],
    [{ issuer: 'https://idp.example?x=1' }, /query/],
    [{ audience: '' }, /audience/],
    [{ audiense: 'x' }, /did you mean audience\?/],
    [{ jwksUri: 'http://idp.example/keys' }, /jwksUri.*https/],
    [{ jwksUri: 'https://idp.example/keys', keySetFile: 'a.json' }, /keep one/],
    [{ roles: undefined }, /roles/],
    [{ roles: {} }, /roles/],
    [{ roles: { admin: 'a' } }, /roles\.admin/],
    [{ roles: { admn: ['a'] } }, /did you mean admin\?/],
    [{ roles: { telemetry: ['a'] } }, /roles\.telemetry/],
  ]
  for (const [change, message] of cases) {
    t.throws(() => load({ ...whole, ...change }), { code: 'config.invalid', message }, JSON.stringify(change))
  }
  const jwt = await makeSigner('one', 'ES256').sign()
  t.throws(() => loadConfig({ env: { SLUICE_ADMIN_OIDC: JSON.stringify(whole), SLUICE_ADMIN_TOKEN: jwt } }), { code: 'config.invalid', message: /JSON Web Token/ })
})
