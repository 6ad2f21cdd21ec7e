/** The stand-in tells accounts apart by their tokens, as the real services do. */
import { createLocalJWKSet, jwtVerify } from 'jose'
import type { JSONWebKeySet, JWTPayload } from 'jose'
import t from 'tap'
import { AccountCalls, bearer, DRIVE, GRAPH, NAMES, SYSTEMS, TOKEN_ADDRESSES } from './account-calls.ts'
import { ACCOUNTS, opaqueToken, refreshToken, SHARED, signInCode } from './accounts.ts'
import type { AccountName } from './accounts.ts'
import { startOrigin } from './origin.ts'
import { ask } from './requests.ts'
import type { Answered } from './requests.ts'
import { microsoftIdToken, microsoftToken, signed } from './signed-tokens.ts'

const { contoso, fabrikam, consumer } = ACCOUNTS

const origin = await startOrigin({ requireCredentials: true })
t.teardown(() => origin.close())
t.beforeEach(() => origin.reset())
const calls = new AccountCalls(origin)

t.test('each refresh gives another token of the account, and the earlier ones stay good', async t => {
  const whose = {
    dropbox: async (token: string) => JSON.parse((await calls.dropbox(token, 'users/get_current_account')).text).account_id,
    google: async (token: string) => JSON.parse((await ask(origin, `${DRIVE}/about?fields=user`, bearer(token))).text).user.permissionId,
    microsoft: async (token: string) => JSON.parse((await ask(origin, `${GRAPH}/me`, bearer(token))).text).id,
    box: async (token: string) => JSON.parse((await ask(origin, 'https://api.box.com/2.0/users/me', bearer(token))).text).id,
  }
  for (const system of SYSTEMS) {
    for (const name of NAMES) {
      const tokens = [await calls.tokenOf(name, system), await calls.tokenOf(name, system), await calls.tokenOf(name, system)]
      t.equal(new Set(tokens).size, 3)
      const id = system === 'microsoft' ? ACCOUNTS[name].microsoft.object : ACCOUNTS[name][system].id
      for (const token of tokens) t.equal(await whose[system](token), id, `${system} of ${name}`)
      const elsewhere = TOKEN_ADDRESSES[system === 'box' ? 'google' : 'box']
      t.match(await calls.refresh(elsewhere, refreshToken(name, system)), { error: 'invalid_grant' })
    }
    t.match(await calls.refresh(TOKEN_ADDRESSES[system], 'FAKE-refresh-nobody-dropbox'), { error: 'invalid_grant' })
    t.ok((await calls.refresh(TOKEN_ADDRESSES[system], 'FAKE')).access_token, 'what names nobody is given as before')
  }
})

t.test('a code brings what a refresh does not', async t => {
  const code = await calls.grant(TOKEN_ADDRESSES.dropbox, { grant_type: 'authorization_code', code: signInCode('contoso', 'dropbox') })
  t.match(code, { account_id: contoso.dropbox.id, uid: contoso.dropbox.uid, refresh_token: refreshToken('contoso', 'dropbox') })
  const refreshed = await calls.refresh(TOKEN_ADDRESSES.dropbox, refreshToken('contoso', 'dropbox'))
  t.strictSame(Object.keys(refreshed), ['access_token', 'token_type', 'expires_in'], 'not whose it is')
  t.match(await calls.grant('https://www.googleapis.com/oauth2/v4/token', { code: signInCode('fabrikam', 'google', 'openid') }), {
    access_token: /^FAKE-fabrikam-google-\d+$/, id_token: /^eyJ/, refresh_token: refreshToken('fabrikam', 'google', 'openid'),
  })
  t.equal((await calls.refresh(TOKEN_ADDRESSES.google, refreshToken('contoso', 'google'))).id_token, undefined, 'no openid, no id_token')
})

t.test('what the providers sign verifies against the keys at their real addresses', async t => {
  const keysAt = async (url: string): Promise<ReturnType<typeof createLocalJWKSet>> => {
    const set = await calls.json(url)
    return createLocalJWKSet(set as unknown as JSONWebKeySet)
  }
  const google = await keysAt('https://www.googleapis.com/oauth2/v3/certs')
  const microsoft = await keysAt('https://login.microsoftonline.com/common/discovery/v2.0/keys')
  const claims = async (token: unknown, keys: ReturnType<typeof createLocalJWKSet>): Promise<JWTPayload> =>
    (await jwtVerify(String(token), keys, { algorithms: ['RS256'] })).payload

  const ofGoogle = async (name: AccountName): Promise<JWTPayload> =>
    claims((await calls.refresh(TOKEN_ADDRESSES.google, refreshToken(name, 'google', 'openid'))).id_token, google)
  t.match(await ofGoogle('contoso'), { iss: 'https://accounts.google.com', hd: 'contoso.example', email: 'fay@contoso.example' })
  t.match(await ofGoogle('fabrikam'), { hd: 'fabrikam.example' })
  t.equal((await ofGoogle('consumer')).hd, undefined)

  for (const account of [contoso, fabrikam]) {
    const { directory, email } = account.microsoft
    const scope = 'openid Files.ReadWrite.All'
    const answer = await calls.refresh(TOKEN_ADDRESSES.microsoft, refreshToken(account.name, 'microsoft'), { scope })
    t.match(await claims(answer.id_token, microsoft), {
      iss: `https://login.microsoftonline.com/${directory}/v2.0`, tid: directory, preferred_username: email,
    })
    t.match(await claims(answer.access_token, microsoft), {
      iss: `https://sts.windows.net/${directory}/`, aud: 'https://graph.microsoft.com', tid: directory, upn: email,
    })
    await t.rejects(claims(answer.access_token, google), 'not with the keys of another')
  }
  const nonce = (await calls.refresh(TOKEN_ADDRESSES.microsoft, refreshToken('contoso', 'microsoft', 'nonce'))).access_token
  await t.rejects(claims(nonce, microsoft), { code: 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED' }, 'with a nonce nobody else can verify it')
  t.equal((await ask(origin, `${GRAPH}/me`, bearer(String(nonce)))).status, 200, 'and Graph can')

  const live = await calls.refresh('https://login.live.com/oauth20_token.srf', refreshToken('consumer', 'microsoft', 'openid'))
  t.match(live, { access_token: /^EwFAKE/ })
  t.match(await claims(live.id_token, microsoft), { tid: consumer.microsoft.directory })
})

t.test('a directory gives tokens to its own people and its guests', async t => {
  const at = (directory: string, name: AccountName): Promise<Record<string, unknown>> =>
    calls.refresh(`https://login.microsoftonline.com/${directory}/oauth2/v2.0/token`, refreshToken(name, 'microsoft'))
  const refused = { error: 'invalid_grant' }
  t.match(await at('contoso.example', 'contoso'), { access_token: /^eyJ/ })
  t.match(await at('organizations', 'consumer'), refused)
  t.match(await at('consumers', 'contoso'), refused)
  t.match(await at(contoso.microsoft.directory, 'fabrikam'), refused)
  t.match(await at(fabrikam.microsoft.directory, 'consumer'), refused)
  t.match(await calls.refresh('https://login.live.com/oauth20_token.srf', refreshToken('contoso', 'microsoft')), refused)
  const guest = String((await at(fabrikam.microsoft.directory, 'contoso')).access_token)
  t.match(await calls.json(`${GRAPH}/organization`, bearer(guest)), { value: [{ id: fabrikam.microsoft.directory }] })
  t.match(await calls.json(`${GRAPH}/me`, bearer(guest)), { userPrincipalName: 'fay_contoso.example#EXT#@fabrikam.example' })
  t.equal((await ask(origin, `${GRAPH}/me/drive`, bearer(guest))).status, 404, 'a guest has no drive there')
  t.equal((await calls.graphPut(guest, `/drives/${SHARED.microsoft}/root:/a.txt:/content`)).status, 201)
  t.equal((await calls.graphPut(guest, `/drives/${contoso.microsoft.drive}/root:/a.txt:/content`)).status, 403)
})

t.test('who and whose: each provider says it in its own way', async t => {
  const dropbox = async (name: AccountName): Promise<unknown> =>
    JSON.parse((await calls.dropbox(await calls.tokenOf(name, 'dropbox'), 'users/get_current_account')).text)
  t.match(await dropbox('contoso'), {
    account_id: contoso.dropbox.id, team: { id: /^dbtid:FAKEcontosoA+$/, name: 'Contoso' },
    root_info: { root_namespace_id: '1001', home_namespace_id: '1001' },
  })
  t.match(await dropbox('fabrikam'), { team: { id: /^dbtid:FAKEfabrikamA+$/ }, root_info: { home_namespace_id: '2001' } })
  t.match(await dropbox('consumer'), { team: undefined, account_type: { '.tag': 'basic' } })

  const box = async (name: AccountName, fields: string): Promise<Record<string, unknown>> =>
    calls.json(`https://api.box.com/2.0/users/me${fields}`, bearer(await calls.tokenOf(name, 'box')))
  t.match(await box('contoso', '?fields=enterprise'), { type: 'user', enterprise: { id: contoso.box.enterprise } })
  t.match(await box('consumer', '?fields=enterprise'), { enterprise: null })
  t.notOk('enterprise' in await box('contoso', ''), 'not without being asked')

  const google = await calls.tokenOf('fabrikam', 'google')
  const emailAddress = 'finn@fabrikam.example'
  t.strictSame(await calls.json(`${DRIVE}/about?fields=user/emailAddress`, bearer(google)), { user: { emailAddress } })
  t.strictSame(Object.keys(await calls.json(`${DRIVE}/files/root?fields=id`, bearer(google))), ['id'], 'only what was asked for')
  t.match(await calls.json(`${DRIVE}/files/root?fields=*`, bearer(google)), { ownedByMe: true, owners: [{ emailAddress }] })

  for (const { name, microsoft: { drive, directory }, organisation } of [contoso, fabrikam]) {
    const token = await calls.tokenOf(name, 'microsoft')
    const graph = (path: string): Promise<Record<string, unknown>> => calls.json(`${GRAPH}${path}`, bearer(token))
    const host = `https://${name}-my.sharepoint.com/personal/`
    t.match(await graph('/organization'), { value: [{ id: directory, verifiedDomains: [{}, { name: organisation?.domain }] }] })
    t.match(await graph('/me/drive?$select=id,driveType,webUrl'), { id: drive, driveType: 'business', webUrl: new RegExp(`^${host}`) })
    t.match(await graph('/me/drives'), { value: [{ id: drive }] })
    t.match(await graph(`/drives/${drive}`), { id: drive, webUrl: new RegExp(`^${host}`) })
    t.match(await graph(`/drives/${drive}/root`), { parentReference: { driveId: drive }, webUrl: new RegExp(`^${host}`) })
  }
  const fay = await calls.tokenOf('contoso', 'microsoft')
  const site = await calls.json(`${GRAPH}/sites/contoso.sharepoint.com:/sites/eng`, bearer(fay))
  t.match(site, { webUrl: 'https://contoso.sharepoint.com/sites/eng' })
  for (const path of [`/sites/${String(site.id)}/drive`, '/sites/contoso.sharepoint.com:/sites/eng:/drive']) {
    t.match(await calls.json(`${GRAPH}${path}`, bearer(fay)), { id: 'b!FAKEsitedrive', driveType: 'documentLibrary' })
  }
  t.match(await calls.json(`${GRAPH}/sites/${String(site.id)}/drives`, bearer(fay)), { value: [{ id: 'b!FAKEsitedrive' }] })
  t.equal((await ask(origin, `${GRAPH}/sites/fabrikam.sharepoint.com:/sites/eng`, bearer(fay))).status, 403)
  const casey = await calls.tokenOf('consumer', 'microsoft')
  t.match(await calls.json(`${GRAPH}/me/drive`, bearer(casey)), { id: consumer.microsoft.drive, driveType: 'personal' })
})

t.test('a token is good for its own provider, directory and host only', async t => {
  t.equal((await calls.dropbox(opaqueToken('contoso', 'google', 1), 'users/get_current_account')).status, 401)
  t.equal((await calls.dropbox('FAKE-nobody-dropbox-1', 'users/get_current_account')).status, 401)
  t.equal((await ask(origin, `${GRAPH}/me`, bearer('EwFAKE-contoso-microsoft-1'))).status, 401, 'organisations have no opaque ones')

  const put = (token: string, host: string, base: string): Promise<Answered> =>
    ask(origin, `https://${host}${base}/_api/v2.0/drive/root:/a.txt:/content`, { method: 'PUT', body: 'hello', ...bearer(token) })
  const scope = 'https://contoso-my.sharepoint.com/.default'
  const own = await calls.tokenOf('contoso', 'microsoft', { scope })
  t.equal((await put(own, 'contoso-my.sharepoint.com', '/personal/fay_contoso_example')).status, 201)
  t.equal((await put(own, 'fabrikam-my.sharepoint.com', '/personal/finn_fabrikam_example')).status, 401)
  t.equal((await ask(origin, `${GRAPH}/me`, bearer(own))).status, 401, 'it is for another service')
  const forGraph = await calls.tokenOf('contoso', 'microsoft')
  t.equal((await put(forGraph, 'contoso-my.sharepoint.com', '/personal/fay_contoso_example')).status, 401)
  t.equal((await put(forGraph, 'my.microsoftpersonalcontent.com', '/personal/a1b2c3d4e5f60718')).status, 401)
  t.equal((await put(opaqueToken('consumer', 'microsoft', 1), 'contoso-my.sharepoint.com', '/personal/fay_contoso_example')).status, 401)
  t.equal((await put(opaqueToken('consumer', 'microsoft', 1), 'my.microsoftpersonalcontent.com', '/personal/a1b2c3d4e5f60718')).status, 201)
})

t.test('Graph refuses every token that Microsoft did not make', async t => {
  const status = async (token: string): Promise<number> => (await ask(origin, `${GRAPH}/me`, bearer(token))).status
  const good = microsoftToken(contoso)
  t.equal(await status(good), 200)
  const [head = '', body = '', signature = ''] = good.split('.')
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const claims: Record<string, unknown> = JSON.parse(Buffer.from(body, 'base64url').toString('utf8'))
  const foreign = { ...claims, tid: fabrikam.microsoft.directory }
  for (const [what, token] of [
    ['another directory under the same signature', `${head}.${part(foreign)}.${signature}`],
    ['no signature', `${part({ typ: 'JWT', alg: 'none' })}.${body}.`],
    ['a signature that is none', `${head}.${body}.${'A'.repeat(signature.length)}`],
    ['an algorithm that is none', `${part({ typ: 'JWT', alg: 'none' })}.${body}.${signature}`],
    ['an unknown directory', signed('microsoft', { ...claims, tid: '11111111-2222-3333-4444-555555555555' })],
    ['one that has expired', signed('microsoft', { ...claims, exp: 1 })],
    ['one that Google signed', signed('google', claims)],
    ['an id_token', microsoftIdToken(contoso)],
    ['one with a part too many', `${good}.${signature}`],
  ] as const) t.equal(await status(token), 401, what)
  t.equal(await status(`${part({ alg: 'none' })}.${part({ tid: 'common' })}.FAKE`), 200, 'save what tests write by hand')
})
