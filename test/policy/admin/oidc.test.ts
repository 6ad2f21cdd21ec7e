import t from 'tap'
import { createOidc } from '../../../policy/admin/oidc.ts'
import type { OidcSettings } from '../../../policy/admin/oidc-settings.ts'
import { fixedKeys, issuerKeys } from '../../../policy/admin/oidc-keys.ts'
import { startAdmin } from './harness.ts'
import { AUDIENCE, ISSUER, makeSigner, signWith } from './signer.ts'

const SETTINGS: OidcSettings = {
  issuer: ISSUER, audience: AUDIENCE, jwksUri: null, keySetFile: null, rolesClaim: 'roles', subjectClaim: 'sub',
  roles: { viewer: ['everyone'], editor: ['sluice-editors'], admin: ['sluice-admins'] },
}
const signer = makeSigner('one')
const oidc = createOidc(SETTINGS, fixedKeys([signer.jwk]))
const now = Math.floor(Date.now() / 1_000)

t.test('a good token tells who it is, of which role, and how long', async (t) => {
  t.strictSame(await oidc(await signer.sign({ exp: now + 60 })), {
    is: 'known',
    actor: { id: 'ann', label: 'ann', role: 'admin', author: 'oidc:ann', expiresAt: new Date((now + 60) * 1_000).toISOString() },
  })
  for (const alg of ['PS256', 'ES256', 'ES384', 'EdDSA'] as const) {
    const other = makeSigner('two', alg)
    t.match(await createOidc(SETTINGS, fixedKeys([signer.jwk, other.jwk]))(await other.sign()), { is: 'known' }, alg)
  }
  for (const typ of ['JWT', 'at+jwt', 'application/at+jwt']) t.match(await oidc(await signer.sign({}, { typ })), { is: 'known' }, typ)
  t.match(await oidc(await signer.sign({ aud: ['other', AUDIENCE] })), { is: 'known' })
  t.match(await oidc(await signer.sign({ iat: now - 300, exp: now - 20, nbf: now + 20 })), { is: 'known' }, 'clocks may differ a little')
})

t.test('the highest role that a value gives counts', async (t) => {
  const role = async (claims: object, settings: Partial<OidcSettings> = {}) => {
    const found = await createOidc({ ...SETTINGS, ...settings }, fixedKeys([signer.jwk]))(await signer.sign({ roles: undefined, ...claims }))
    return found.is === 'known' ? found.actor.role : found.is
  }
  t.equal(await role({ roles: ['everyone', 'sluice-editors'] }), 'editor')
  t.equal(await role({ roles: 'everyone sluice-admins' }), 'admin')
  t.equal(await role({ roles: ['everyone'] }), 'viewer')
  t.equal(await role({ realm_access: { roles: ['sluice-admins'] } }, { rolesClaim: 'realm_access.roles' }), 'admin')
  t.equal(await role({ 'https://a.example/roles': ['everyone'] }, { rolesClaim: 'https://a.example/roles' }), 'viewer')
  for (const roles of [undefined, [], ['admin'], ['Sluice-Admins'], 5, { admin: true }, [['sluice-admins']], 'sluice-adminsx']) {
    t.equal(await role({ roles }), 'without-role', JSON.stringify(roles))
  }
  t.equal(await role({}, { rolesClaim: 'constructor.name' }), 'without-role')
})

t.test('what is not exactly as it must be opens nothing', async (t) => {
  const other = makeSigner('one')
  const good = await signer.sign()
  const [header = '', payload = '', signature = ''] = good.split('.')
  const none = Buffer.from(JSON.stringify({ alg: 'none', typ: 'JWT' })).toString('base64url')
  const pem = Buffer.from(signer.publicKey.export({ type: 'spki', format: 'pem' }).toString())
  const unfit: Record<string, string> = {
    'another audience': await signer.sign({ aud: 'other' }),
    'an audience that begins like it': await signer.sign({ aud: `${AUDIENCE}2` }),
    'no audience': await signer.sign({ aud: undefined }),
    'no end': await signer.sign({ exp: undefined }),
    'neither end nor beginning': await signer.sign({ exp: undefined, iat: undefined }),
    'not yet': await signer.sign({ nbf: now + 120 }),
    'made in the future': await signer.sign({ iat: now + 120, exp: now + 300 }),
    'made after its end': await signer.sign({ iat: now + 25, exp: now + 20 }),
    'nobody': await signer.sign({ sub: undefined }),
    'an empty name': await signer.sign({ sub: '' }),
    'a name with a line end': await signer.sign({ sub: 'ann\nadmin' }),
    'a name that turns the line': await signer.sign({ sub: 'ann\u202eadmin' }),
    'a name without end': await signer.sign({ sub: 'a'.repeat(256) }),
  }
  const cases: Record<string, string> = {
    'another issuer': await signer.sign({ iss: 'https://idp.example/realms/two' }),
    'an issuer with a slash more': await signer.sign({ iss: `${ISSUER}/` }),
    'no issuer': await signer.sign({ iss: undefined }),
    'another key of the same id': await other.sign(),
    'an unknown key': await makeSigner('nine').sign(),
    'no algorithm': `${none}.${payload}.`,
    'no algorithm, with the signature': `${none}.${payload}.${signature}`,
    'HMAC with the public key': await signWith(pem, {}, { alg: 'HS256', kid: 'one' }),
    'a changed payload': `${header}.${Buffer.from(JSON.stringify({ iss: ISSUER, aud: AUDIENCE, sub: 'eve', exp: now + 300, roles: ['sluice-admins'] })).toString('base64url')}.${signature}`,
    'a logout': await signer.sign({}, { typ: 'logout+jwt' }),
    'a header that must be understood and is not': await signer.sign({}, { crit: ['b64'], b64: false }).catch(() => `${good}x`),
    'no JSON': 'eyJx.eyJx.x',
  }
  for (const [what, token] of Object.entries(unfit)) t.match(await oidc(token), { is: 'unfit', why: /./ }, what)
  for (const [what, token] of Object.entries(cases)) t.match(await oidc(token), { is: 'invalid', why: /./ }, what)
  t.match(await oidc(await signer.sign({ exp: now - 60 })), { is: 'expired' })
  t.match(await oidc(await other.sign({ exp: now - 60 })), { is: 'invalid' }, 'only who holds a signed one is told that it has ended')
})

t.test('keys that an issuer publishes: kept, renewed, asked for seldom', async (t) => {
  let clock = 0
  let keys: unknown[] = [signer.jwk]
  let fails = false
  const asked: string[] = []
  const lines: string[] = []
  const find = issuerKeys({
    issuer: ISSUER, jwksUri: null, now: () => clock, log: (level, message) => lines.push(`${level} ${message}`),
    getJson: async (url) => {
      asked.push(url)
      if (fails) throw new Error('no answer')
      return url.endsWith('configuration') ? { issuer: ISSUER, jwks_uri: 'https://idp.example/keys' } : { keys }
    },
  })
  const verify = createOidc(SETTINGS, find)
  const good = await signer.sign()
  await verify(await makeSigner('nine', 'EdDSA').sign({ iss: 'https://other.example' }))
  await verify(await signer.sign({}, { typ: 'logout+jwt' }))
  t.strictSame(asked, [], 'what is not of the issuer makes nobody ask it')
  t.match(await Promise.all([verify(good), verify(good), verify(good)]), [{ is: 'known' }, { is: 'known' }, { is: 'known' }])
  t.strictSame(asked, [`${ISSUER}/.well-known/openid-configuration`, 'https://idp.example/keys'], 'once for all who came')

  for (let i = 0; i < 200; i++) await verify(await makeSigner(`unknown-${i}`, 'EdDSA').sign())
  t.equal(asked.length, 2, 'unknown keys do not hammer the issuer')

  const next = makeSigner('next', 'ES256')
  keys = [next.jwk]
  clock += 31_000
  t.match(await verify(await next.sign()), { is: 'known' }, 'a new key is found')
  t.equal(asked.length, 4)
  t.match(await verify(good), { is: 'invalid' }, 'and the old one is gone')

  fails = true
  clock += 11 * 60_000
  t.match(await verify(await next.sign()), { is: 'known' }, 'while the issuer is away its keys go on')
  t.match(lines, [/^warn The keys of https:\/\/idp\.example\/realms\/one cannot be had: no answer/])
  const before = asked.length
  for (let i = 0; i < 50; i++) await verify(await next.sign())
  t.equal(asked.length, before, 'nor is an issuer hammered that is away')
  clock += 25 * 3_600_000
  await t.rejects(verify(await next.sign()), { code: 'admin.issuer-unreachable' })
  fails = false
  clock += 31_000
  t.match(await verify(await next.sign()), { is: 'known' })
})

t.test('a description of another issuer, and what is no key set, are not believed', async (t) => {
  for (const answer of [
    { issuer: `${ISSUER}/`, jwks_uri: 'https://idp.example/keys', keys: [signer.jwk] },
    { issuer: ISSUER, keys: [signer.jwk] },
    { issuer: ISSUER, jwks_uri: 'https://idp.example/keys' },
    { issuer: ISSUER, jwks_uri: 'https://idp.example/keys', keys: Array.from({ length: 101 }, () => signer.jwk) },
  ]) {
    const verify = createOidc(SETTINGS, issuerKeys({ issuer: ISSUER, jwksUri: null, getJson: async () => answer, log: () => undefined }))
    await t.rejects(verify(await signer.sign()), { code: 'admin.issuer-unreachable' })
  }
})

t.test('at the API: roles, refusals, and a token of Sluice beside it', async (t) => {
  const access = { limits: { perToken: 1_000, perAddress: 1_000 }, trustedPeers: [], tls: null, oidc }
  const { send, lines } = await startAdmin(t, { access })
  const get = async (token: string, remoteAddress = '127.0.0.1') =>
    send(null, { url: '/v1/policy', remoteAddress, headers: { authorization: `Bearer ${token}` } })
  t.equal((await get(await signer.sign({ roles: ['everyone'] }))).statusCode, 200)
  const put = await send(null, {
    method: 'PUT', url: '/v1/tenants/box/1', payload: {}, headers: { authorization: `Bearer ${await signer.sign({ roles: ['everyone'] })}` },
  })
  t.match(put.json(), { status: 403, code: 'admin.forbidden' })
  t.match((await get(await signer.sign({ roles: ['other'] }))).json(), { status: 403, code: 'admin.forbidden' })
  const expired = await get(await signer.sign({ exp: now - 60 }))
  t.match(expired.json(), { status: 401, code: 'token.expired' })
  t.equal(expired.headers['www-authenticate'], 'Bearer realm="sluice", error="invalid_token"')
  const invalid = await get(await signer.sign({ aud: 'other' }))
  t.match(invalid.json(), { status: 401, code: 'admin.unauthorised', detail: /^The token is not valid/ })
  t.notMatch(invalid.body, 'aud', 'who calls is not told why')
  t.match(lines.join('\n'), /A token at the admin API was refused: its roles gives no role/)
  t.equal((await send('viewer', { url: '/v1/policy' })).statusCode, 200)
  for (let i = 0; i < 30; i++) await get(await signer.sign({ exp: now - 60 }), '198.51.100.1')
  for (let i = 0; i < 30; i++) await get(await signer.sign({ aud: 'other' }), '198.51.100.1')
  t.equal((await get(await signer.sign(), '198.51.100.1')).statusCode, 200, 'an old token locks nobody out, nor one for something else')
  for (let i = 0; i < 10; i++) await get(await makeSigner('one', 'EdDSA').sign(), '198.51.100.1')
  t.equal((await get(await signer.sign(), '198.51.100.1')).statusCode, 429, 'forged ones do')
})

t.test('without admin.oidc a JSON Web Token opens nothing', async (t) => {
  const { send } = await startAdmin(t)
  t.equal((await send(null, { url: '/v1/policy', headers: { authorization: `Bearer ${await signer.sign()}` } })).statusCode, 401)
})
