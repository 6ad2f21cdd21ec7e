/** Whose accounts, drives and sites Microsoft's own answers say are whose. */
import t from 'tap'
import type { Case } from './cases.ts'
import { identifies, identify, jwt, NO_ANSWERS } from './identity-cases.ts'

const CONTOSO = '11111111-aaaa-4bbb-8ccc-0000000000c0'
const FABRIKAM = '22222222-aaaa-4bbb-8ccc-0000000000fa'
const CONSUMER = '9188040d-6c67-4c5b-b112-36a304b66dad'
const SITE = '33333333-aaaa-4bbb-8ccc-000000000001,44444444-aaaa-4bbb-8ccc-000000000002'
const USER = '55555555-aaaa-4bbb-8ccc-000000000003'

const TOKEN: Case = { request: 'POST login.microsoftonline.com/common/oauth2/v2.0/token', body: 'grant_type=refresh_token' }
const LIVE: Case = { request: 'POST login.live.com/oauth20_token.srf', body: 'grant_type=refresh_token' }

function get(path: string, token: string = jwt({ tid: CONTOSO, upn: 'fay@contoso.example' })): Case {
  return { request: `GET graph.microsoft.com${path}`, headers: { authorization: `Bearer ${token}` } }
}

function granted(access: unknown, id?: unknown): unknown {
  return { token_type: 'Bearer', expires_in: 4000, access_token: access, refresh_token: 'FAKE', ...(id === undefined ? {} : { id_token: jwt(id) }) }
}

const DRIVE = { id: 'b!FAKEfay', driveType: 'business', webUrl: 'https://contoso-my.sharepoint.com/personal/fay_contoso_example/Documents', owner: { user: { email: 'x' } } }
const LIBRARY = { id: 'b!FAKElib', driveType: 'documentLibrary', webUrl: 'https://fabrikam.sharepoint.com/sites/eng/Shared%20Documents' }
const MINE = { id: '1A2B3C4D5E6F7A8B', driveType: 'personal', webUrl: 'https://onedrive.live.com/?cid=1a2b3c4d5e6f7a8b' }

const OWN = { tenants: [CONTOSO], mayAllow: true }

t.test('a token answer names the directory', async t => {
  const access = jwt({ tid: CONTOSO.toUpperCase() })
  const issued = [{ token: access, seconds: 4000 }]
  t.strictSame(identify(TOKEN, { body: granted(access) }), [{ issued, tenants: [CONTOSO], mayAllow: true }])
  t.strictSame(identify(TOKEN, { body: granted(access, { tid: CONTOSO }) }), [{ issued, tenants: [CONTOSO], mayAllow: true }])
  t.strictSame(identify(TOKEN, { body: granted('OPAQUE', { tid: CONTOSO }) })[0]?.tenants, [CONTOSO])
  t.strictSame(identify(TOKEN, { body: granted('EwFAKE', { tid: CONSUMER }) })[0]?.tenants, ['personal'])
  t.strictSame(identify(TOKEN, { body: granted('EwFAKE') })[0]?.tenants, ['personal'])
  t.strictSame(identify(LIVE, { body: granted('EwFAKE') })[0]?.tenants, ['personal'])
  const first = { ...(granted(access) as object), expires_in: '3599' }
  t.equal(identify({ ...TOKEN, request: `POST login.microsoftonline.us/${CONTOSO}/oauth2/token` }, { body: first })[0]?.issued?.[0]?.seconds, 3599)
})

t.test('a token answer that contradicts itself, or tells no directory, says nothing', async t => {
  t.strictSame(identify(TOKEN, { body: granted(jwt({ tid: CONTOSO }), { tid: FABRIKAM }) }), [])
  t.strictSame(identify(TOKEN, { body: granted(jwt({ tid: CONTOSO }), { tid: CONSUMER }) }), [])
  for (const tid of [undefined, 7, '', 'contoso', `${CONTOSO}x`, [CONTOSO]]) t.strictSame(identify(TOKEN, { body: granted(jwt({ tid })) }), [])
  for (const access of [undefined, '', 'OPAQUE', 7, `Ew ${'x'}`, 'x'.repeat(20_000)]) t.strictSame(identify(TOKEN, { body: granted(access) }), [])
  for (const access of [undefined, '', 7]) t.strictSame(identify(LIVE, { body: granted(access) }), [])
})

t.test('an answer of Graph proves the directory in the token that Graph took', async t => {
  for (const path of ['/v1.0/me', '/beta/me', '/v1.0/me?$select=id', '/v1.0/me/drives']) t.strictSame(identify(get(path), { body: { value: [] } }), [OWN], path)
  t.strictSame(identify(get('/v1.0/me', jwt({ tid: CONSUMER })), { body: {} }), [{ tenants: ['personal'], mayAllow: true }])
  const without: readonly string[] = ['EwFAKE', 'OPAQUE', 'a.b.c', `${jwt({ tid: CONTOSO })}.x`, `${jwt({ tid: CONTOSO })}, Bearer EwFAKE`, jwt({})]
  for (const token of without) t.strictSame(identify(get('/v1.0/drives/b!FAKE', token), { body: { id: 'b!FAKE' } }), [], token)
  const basic: Case = { request: 'GET graph.microsoft.com/v1.0/me/drives', headers: { authorization: `Basic ${jwt({ tid: CONTOSO })}` } }
  t.strictSame(identify(basic, { body: { value: [] } }), [])
})

t.test("a person's address denies only", async t => {
  const me = { id: USER, userPrincipalName: 'fay@Contoso.example', mail: 'x@other.example', displayName: 'Fay' }
  t.strictSame(identify(get('/v1.0/me'), { body: me }), [OWN])
  t.strictSame(identify(get('/v1.0/me', 'OPAQUE'), { body: me }), [{ tenants: ['contoso.example'], mayAllow: false }])
  t.strictSame(identify(get('/v1.0/me', 'EwFAKE'), { body: me }), [{ tenants: ['personal'], mayAllow: false }], 'a consumer account with an address of the company')
})

t.test('the organisation names the directory and its verified domains', async t => {
  const body = { value: [{ id: CONTOSO, displayName: 'Contoso', verifiedDomains: [{ name: 'Contoso.example', isDefault: true }, { name: 'contoso.onmicrosoft.com' }, { name: 'x y' }, 7] }] }
  const tenants = [CONTOSO, 'contoso.example', 'contoso.onmicrosoft.com']
  t.strictSame(identify(get('/v1.0/organization'), { body }), [{ tenants, mayAllow: true }])
  t.strictSame(identify(get('/v1.0/organization', 'OPAQUE'), { body }), [{ tenants, mayAllow: true }])
  t.strictSame(identify(get('/v1.0/organization', jwt({ tid: FABRIKAM })), { body }), [{ tenants: [FABRIKAM], mayAllow: true }], 'not the names of another')
  const many = { value: [{ id: CONTOSO, verifiedDomains: Array.from({ length: 500 }, (_, i) => ({ name: `d${i}.example` })) }] }
  t.equal(identify(get('/v1.0/organization'), { body: many })[0]?.tenants?.length, 16)
})

t.test('the own drive joins the names of its tenant, and is its place', async t => {
  const tenants = [CONTOSO, 'contoso']
  t.strictSame(identify(get('/v1.0/me/drive'), { body: DRIVE }), [{ tenants, places: ['b!fakefay'], mayAllow: true }])
  t.strictSame(identify(get('/v1.0/me/drive?$select=id,driveType,webUrl', 'OPAQUE'), { body: DRIVE }), [{ tenants: ['contoso'], places: ['b!fakefay'], mayAllow: true }])
  t.strictSame(identify(get('/v1.0/me/drive?$select=id'), { body: { id: 'b!FAKEfay' } })[0], { tenants: [CONTOSO], places: ['b!fakefay'], mayAllow: true })
  t.strictSame(identify(get('/v1.0/me/drive', 'EwFAKE'), { body: MINE }), [
    { tenants: ['personal'], places: ['1a2b3c4d5e6f7a8b'], mayAllow: true },
  ])
  t.strictSame(identify(get('/v1.0/me/drive'), { body: MINE }), [], 'a consumer drive is not of a directory')
  const root = { id: '01FAKE', name: 'root', webUrl: DRIVE.webUrl, parentReference: { driveType: 'business', driveId: 'b!FAKEfay' }, root: {} }
  t.strictSame(identify(get('/v1.0/me/drive/root'), { body: root })[0]?.places, ['b!fakefay'])
})

t.test("another drive is its owner's, and says nothing of the credential but its directory", async t => {
  const place = (places: readonly string[], owner = 'fabrikam') => [OWN, { issued: [], tenants: [owner], places, mayAllow: true }]
  t.strictSame(identify(get('/v1.0/drives/b!FAKElib'), { body: LIBRARY }), place(['b!fakelib']))
  t.strictSame(identify(get('/v1.0/drives/b%21FAKElib?$select=webUrl'), { body: { webUrl: LIBRARY.webUrl } }), place(['b!fakelib']))
  const root = { id: '01FAKE', webUrl: LIBRARY.webUrl, parentReference: { driveType: 'documentLibrary', driveId: 'b!FAKElib' } }
  t.strictSame(identify(get('/v1.0/drives/b!FAKElib/root'), { body: root }), place(['b!fakelib']))
  t.strictSame(identify(get('/v1.0/drives/1A2B3C4D5E6F7A8B'), { body: MINE }), place(['1a2b3c4d5e6f7a8b'], 'personal'))
  t.strictSame(identify(get(`/v1.0/users/${USER.toUpperCase()}/drive`), { body: DRIVE }), place(['b!fakefay', `users/${USER}`], 'contoso'))
  t.strictSame(identify(get('/v1.0/users/fay%40contoso.example/drive'), { body: DRIVE }), place(['b!fakefay', 'users/fay@contoso.example'], 'contoso'))
  t.strictSame(identify(get(`/v1.0/groups/${USER}/drive`), { body: LIBRARY }), place(['b!fakelib', `groups/${USER}`]))
  t.strictSame(identify(get(`/v1.0/sites/${SITE}/drive`), { body: LIBRARY }), place(['b!fakelib', `sites/${SITE}`]))
  t.strictSame(identify(get(`/v1.0/sites/${SITE.replace(',', '%2C')}`), { body: { id: `fabrikam.sharepoint.com,${SITE}`, webUrl: 'https://fabrikam.sharepoint.com/sites/eng' } }), place([`sites/${SITE}`]))
  t.strictSame(identify(get('/v1.0/me/drives'), { body: { value: [DRIVE, LIBRARY, 7, null] } }), [
    OWN, { issued: [], tenants: ['contoso'], places: ['b!fakefay'], mayAllow: true },
    { issued: [], tenants: ['fabrikam'], places: ['b!fakelib'], mayAllow: true },
  ])
})

t.test('what is another drive with each credential is no place', async t => {
  for (const path of ['/v1.0/sites/root', '/v1.0/sites/root/drive', '/v1.0/users/me/drive', '/v1.0/users/fay/drive', '/v1.0/drives/me', '/v1.0/drives/root']) {
    for (const identity of identify(get(path), { body: { webUrl: DRIVE.webUrl } })) t.strictSame(identity, OWN, path)
  }
})

t.test('only the address that the service sets says whose a drive is', async t => {
  const addresses: readonly unknown[] = [
    undefined, '', 7, 'contoso-my.sharepoint.com', 'http://contoso-my.sharepoint.com/', 'https://contoso-my.sharepoint.com.evil.example/', 'https://evil.example/contoso-my.sharepoint.com',
    'https://sharepoint.com/', 'https://a.contoso.sharepoint.com/', 'https://contoso-my.sharepoint.com@evil.example/', 'javascript:alert(1)', 'https://[::1]/',
  ]
  for (const webUrl of addresses) {
    t.strictSame(identify(get('/v1.0/drives/b!FAKE'), { body: { id: 'b!FAKE', driveType: 'business', webUrl, name: DRIVE.webUrl, description: DRIVE.webUrl } }), [OWN], String(webUrl))
  }
  t.strictSame(identify(get('/v1.0/drives/b!FAKE'), { body: { ...DRIVE, driveType: 'personal' } }), [OWN], 'a contradiction')
  t.strictSame(identify(get('/v1.0/drives/b!FAKE'), { body: { ...MINE, driveType: 'business' } }), [OWN], 'a contradiction')
})

t.test('only these are looked at', async t => {
  const others: readonly string[] = [
    'GET graph.microsoft.com/v1.0/me/drive/root/content', 'GET graph.microsoft.com/v1.0/me/drive/root:/a.json:/content', 'GET graph.microsoft.com/v1.0/drives/b!F/root:/a.json',
    'GET graph.microsoft.com/v1.0/drives/b!F/items/01X', 'GET graph.microsoft.com/v1.0/drives/b!F/items/01X/content', 'GET graph.microsoft.com/v1.0/me/photo/$value',
    'GET graph.microsoft.com/v1.0/me/extensions/x', 'GET graph.microsoft.com/me/drive', 'GET graph.microsoft.com/v1.0//me', 'GET graph.microsoft.com/v1.0/me;x=1',
    'GET graph.microsoft.com/v1.0/x%2f..%2fme', 'GET graph.microsoft.com/v1.0/sites/contoso.sharepoint.com:/sites/eng', 'GET graph.microsoft.com/v1.0/sites/contoso.sharepoint.com%3a',
    // A property under the name of another.
    'GET graph.microsoft.com/v1.0/drives/b!F?$compute=description%20as%20webUrl', 'GET graph.microsoft.com/v1.0/drives/b!F?$apply=x', 'GET graph.microsoft.com/v1.0/me?access_token=FAKE',
    'GET graph.microsoft.com/v1.0/drives/b!F?$select=id;$compute=x', 'GET graph.microsoft.com/v1.0/drives/b!F?$format=x', 'GET graph.microsoft.com/v1.0/drives/b!F?%24compute=x',
    'POST graph.microsoft.com/v1.0/me', 'POST graph.microsoft.com/v1.0/$batch', 'PATCH graph.microsoft.com/v1.0/me/drive', 'GET contoso.sharepoint.com/v1.0/me',
    'GET my.microsoftpersonalcontent.com/v1.0/me/drive', 'GET login.microsoftonline.com/common/oauth2/v2.0/token',
    // Policies whose claims their owner chose.
    'POST login.microsoftonline.com/te/fabrikam.onmicrosoft.com/b2c_1_x/oauth2/v2.0/token', 'POST login.microsoftonline.com/fabrikam.onmicrosoft.com/oauth2/v2.0/token?p=b2c_1_x',
    'POST login.microsoftonline.com/common/oauth2/v2.0/devicecode', 'POST login.live.com/common/oauth2/v2.0/token', 'POST graph.microsoft.com/common/oauth2/v2.0/token',
  ]
  for (const request of others) t.equal(identifies({ request }), false, request)
  t.equal(identifies({ ...get('/v1.0/me'), headers: { 'x-http-method': 'PATCH' } }), false)
  t.equal(identifies({ request: 'GET graph.microsoft.com/v1.0/me?%24select=id' }), true)
  t.equal(identifies({ ...TOKEN, request: `${TOKEN.request}?client-request-id=FAKE` }), true)
})

t.test('an answer of another form, type or status teaches nothing', async t => {
  for (const one of [TOKEN, LIVE, get('/v1.0/organization', 'OPAQUE'), get('/v1.0/me', 'OPAQUE'), get('/v1.0/me/drive', 'OPAQUE'), get('/v1.0/drives/b!F', 'OPAQUE')]) {
    for (const body of NO_ANSWERS) t.strictSame(identify(one, { body }), [], one.request)
    const all = { ...(granted('EwFAKE') as object), ...DRIVE, userPrincipalName: 'fay@contoso.example', value: [{ id: CONTOSO }] }
    for (const status of [202, 204, 206, 302, 401]) t.strictSame(identify(one, { body: all, status }), [], String(status))
    t.strictSame(identify(one, { body: all, type: 'application/octet-stream' }), [])
  }
  t.strictSame(identify(get('/v1.0/me'), { body: {}, status: 401 }), [], 'a token that Graph refused')
})
