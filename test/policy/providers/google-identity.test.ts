/** Whose accounts, folders and files Google's own answers say are whose. */
import t from 'tap'
import type { Case } from './cases.ts'
import { identifies, identify, jwt, NO_ANSWERS } from './identity-cases.ts'

const TOKEN: Case = { request: 'POST oauth2.googleapis.com/token', body: 'grant_type=refresh_token' }
const ABOUT: Case = { request: 'GET www.googleapis.com/drive/v3/about?fields=user' }
const ROOT: Case = { request: 'GET www.googleapis.com/drive/v3/files/root?alt=json&fields=id&prettyPrint=false&supportsAllDrives=true' }
const FILE: Case = { request: 'GET www.googleapis.com/drive/v3/files/1FAKEfile?fields=id,parents,ownedByMe' }
const LIST: Case = { request: 'GET www.googleapis.com/drive/v3/files?q=%27root%27%20in%20parents&fields=files(id%2Cparents%2CownedByMe)' }
const CREATE: Case = { request: 'POST www.googleapis.com/drive/v3/files?alt=json&fields=id', body: '{"name":"d"}' }
const MULTIPART: Case = { request: 'POST www.googleapis.com/upload/drive/v3/files?uploadType=multipart', length: 400 }
const LAST_PART: Case = { request: 'PUT www.googleapis.com/upload/drive/v3/files?uploadType=resumable&upload_id=FAKE', length: 400 }

const FOLDER = 'application/vnd.google-apps.folder'
const FAY = { iss: 'https://accounts.google.com', sub: '1', aud: 'FAKE', hd: 'contoso.example', email: 'fay@contoso.example', email_verified: true }

function granted(claims: unknown): unknown {
  return { access_token: 'ya29.FAKE', expires_in: 3599, scope: 'openid', token_type: 'Bearer', id_token: jwt(claims) }
}

t.test("a token answer names the domain by its id_token's hd, or that there is none", async t => {
  const issued = [{ token: 'ya29.FAKE', seconds: 3599 }]
  t.strictSame(identify(TOKEN, { body: granted(FAY) }), [{ issued, tenants: ['contoso.example'], mayAllow: true }])
  t.strictSame(identify(TOKEN, { body: granted({ ...FAY, iss: 'accounts.google.com', hd: 'Contoso.Example' }) }), [{ issued, tenants: ['contoso.example'], mayAllow: true }])
  t.strictSame(identify(TOKEN, { body: granted({ ...FAY, hd: undefined, email: 'pat@contoso.example' }) }), [{ issued, tenants: ['personal'], mayAllow: true }],
    'a consumer account with an address of the company')
  for (const path of ['www.googleapis.com/oauth2/v4/token', 'accounts.google.com/o/oauth2/token']) {
    t.equal(identify({ ...TOKEN, request: `POST ${path}` }, { body: granted(FAY) }).length, 1, path)
  }
})

t.test('a token answer without a sound id_token says nothing', async t => {
  const claims: readonly unknown[] = [
    { ...FAY, iss: 'https://accounts.example.com' }, { ...FAY, iss: undefined }, { ...FAY, hd: 7 }, { ...FAY, hd: '' }, { ...FAY, hd: 'not a domain' },
    { ...FAY, hd: null }, { iss: FAY.iss, sub: '1', email: 'x@project.iam.gserviceaccount.com' }, [], 'x', 7,
  ]
  for (const one of claims) t.strictSame(identify(TOKEN, { body: granted(one) }), [], JSON.stringify(one))
  const twice = `${jwt({}).split('.')[0]}.${Buffer.from('{"iss":"accounts.google.com","hd":"contoso.example","hd":"fabrikam.example"}').toString('base64url')}.FAKE`
  for (const id_token of [undefined, '', 'a.b', 'a.b.c.d.e', 7, twice]) {
    t.strictSame(identify(TOKEN, { body: { access_token: 'ya29.FAKE', expires_in: 3599, id_token } }), [])
  }
  // The answer to a service account that asked for an id_token alone would be taken for the request's own credential.
  t.strictSame(identify(TOKEN, { body: { id_token: jwt(FAY) } }), [])
})

t.test("the address of about denies only, and version 2 names the account's root", async t => {
  const about = (emailAddress: unknown) => identify(ABOUT, { body: { user: { emailAddress, displayName: 'Fay', me: true } } })
  t.strictSame(about('fay@Contoso.example'), [{ tenants: ['contoso.example'], mayAllow: false }])
  t.strictSame(about('pat@gmail.com'), [{ tenants: ['personal'], mayAllow: false }])
  t.strictSame(about('pat@googlemail.com'), [{ tenants: ['personal'], mayAllow: false }])
  t.strictSame(about('"@contoso.example"@fabrikam.example'), [{ tenants: ['fabrikam.example'], mayAllow: false }])
  for (const address of [undefined, '', 'fay', 7, 'fay@', 'fay@contoso', 'fay@-a.b']) t.strictSame(about(address), [], String(address))
  t.strictSame(identify({ request: 'GET www.googleapis.com/drive/v2/about' }, { body: { user: { emailAddress: 'pat@gmail.com' }, rootFolderId: '0FAKEroot' } }), [
    { tenants: ['personal'], mayAllow: false }, { places: ['0FAKEroot'], mayAllow: true },
  ])
})

t.test('files/root is the place of the credential itself', async t => {
  t.strictSame(identify(ROOT, { body: { id: '0FAKEroot' } }), [{ places: ['0FAKEroot'], mayAllow: true }])
  for (const body of [{}, { id: 7 }, { id: 'root' }, { id: '../x' }, { id: '0FAKE', driveId: '0FAKE' }]) t.strictSame(identify(ROOT, { body }), [])
})

t.test('what lies in a folder is learned with it, and allows only where the account is said to own it', async t => {
  const files = [
    { id: 'a', parents: ['R'], ownedByMe: true }, { id: 'b', parents: ['R'], owners: [{ me: true, emailAddress: 'fay@contoso.example' }] },
    { id: 'c', parents: ['S'], ownedByMe: true }, { id: 'd', parents: ['R'], mimeType: FOLDER, name: 'nobody says whose' }, { id: 'p', parents: ['R'], mimeType: 'text/plain' },
    // Moved below the own root by somebody who may share it, it is still another's.
    { id: 'e', parents: ['R'], ownedByMe: false }, { id: 'f', parents: ['R'], ownedByMe: true, owners: [{ me: true }, { me: false }] },
    { id: 'g', parents: ['R'], ownedByMe: true, driveId: 'D' }, { id: 'h', parents: ['R'], ownedByMe: true, teamDriveId: 'D' },
    { id: 'i', parents: ['R', 'S'], ownedByMe: true }, { id: 'j', ownedByMe: true }, { id: 'k', parents: [], ownedByMe: true }, { id: 'l', parents: ['l'], ownedByMe: true },
    { id: 'm', parents: ['R'], mimeType: FOLDER, ownedByMe: 'true' }, { id: 'n', parents: ['R'], mimeType: FOLDER, owners: [] },
    // What a user writes is not looked at.
    { id: 'o', properties: { parents: ['R'], ownedByMe: true }, appProperties: { driveId: '' }, description: '{"parents":["R"]}' },
  ]
  t.strictSame(identify(LIST, { body: { files } }), [
    { within: 'R', isMakers: true, places: ['a', 'b'], mayAllow: true }, { within: 'S', isMakers: true, places: ['c'], mayAllow: true },
    { within: 'R', places: ['d', 'm', 'n'], mayAllow: false },
  ])
  t.strictSame(identify(FILE, { body: files[0] }), [{ within: 'R', isMakers: true, places: ['a'], mayAllow: true }])
  const second = { request: 'GET www.googleapis.com/drive/v2/files' }
  t.strictSame(identify(second, { body: { items: [{ id: 'a', parents: [{ id: 'R', isRoot: true }], owners: [{ isAuthenticatedUser: true }] }] } }),
    [{ within: 'R', isMakers: true, places: ['a'], mayAllow: true }])
})

t.test('a bounded number of places is learned from one answer', async t => {
  const files = Array.from({ length: 5000 }, (_, i) => ({ id: `f${i}`, parents: [`p${i % 3}`], mimeType: FOLDER }))
  const learned = identify(LIST, { body: { files } }).flatMap(({ places }) => places ?? [])
  t.ok(learned.length > 900 && learned.length <= 1000, String(learned.length))
})

t.test('what a request creates is its own, within where it was put', async t => {
  for (const one of [CREATE, MULTIPART]) {
    t.strictSame(identify(one, { body: { id: 'n', parents: ['R'] } }), [{ within: 'R', isMakers: true, places: ['n'], mayAllow: true }])
    t.strictSame(identify(one, { body: { id: 'n' }, written: { is: 'own' } }), [{ places: ['n'], mayAllow: true }])
    t.strictSame(identify(one, { body: { id: 'n' }, written: { is: 'named', ids: ['R'] } }), [{ within: 'R', isMakers: true, places: ['n'], mayAllow: true }])
    // The answer knows better than the request.
    t.strictSame(identify(one, { body: { id: 'n', parents: ['S'] }, written: { is: 'own' } }), [{ within: 'S', isMakers: true, places: ['n'], mayAllow: true }])
    for (const written of [undefined, { is: 'unseen' }, { is: 'named', ids: ['R', 'S'] }, { is: 'named', ids: [] }] as const) {
      t.strictSame(identify(one, { body: { id: 'n' }, ...(written === undefined ? {} : { written }) }), [])
    }
    t.strictSame(identify(one, { body: { id: 'n', parents: ['R', 'S'] }, written: { is: 'own' } }), [])
    t.strictSame(identify(one, { body: { id: 'n', driveId: 'D' }, written: { is: 'own' } }), [])
  }
})

t.test('the last part of a session may have updated a file of others', async t => {
  t.strictSame(identify(LAST_PART, { body: { id: 'n', parents: ['R'] }, written: { is: 'own' } }), [])
  t.strictSame(identify(LAST_PART, { body: { id: 'n', parents: ['R'], ownedByMe: true } }), [{ within: 'R', isMakers: true, places: ['n'], mayAllow: true }])
  const posted: Case = { ...LAST_PART, request: LAST_PART.request.replace('PUT', 'POST') }
  t.strictSame(identify(posted, { body: { id: 'n' }, written: { is: 'own' } }), [])
  const called: Case = { ...posted, request: posted.request.replace('resumable', 'multipart') }
  t.strictSame(identify(called, { body: { id: 'n' }, written: { is: 'own' } }), [], 'whatever it calls itself')
})

t.test('only metadata is looked at, of the hosts that serve it', async t => {
  const others: readonly string[] = [
    // Content that anybody can write.
    'GET www.googleapis.com/drive/v3/files/1FAKE?alt=media', 'GET www.googleapis.com/drive/v3/files/1FAKE?fields=id&alt=media',
    'GET www.googleapis.com/drive/v3/files/1FAKE?%61lt=media', 'GET www.googleapis.com/drive/v3/files/1FAKE?ALT=media',
    'GET www.googleapis.com/drive/v3/files/1FAKE?$alt=media', 'GET www.googleapis.com/drive/v3/files/1FAKE?alt=json&alt=media',
    'GET www.googleapis.com/drive/v3/files/1FAKE?fields=id;alt=media', 'GET www.googleapis.com/drive/v3/files/1FAKE/export',
    'GET www.googleapis.com/drive/v3/files/root?callback=x', 'GET drive.usercontent.google.com/drive/v3/files/root',
    'GET doc-0-docs.googleusercontent.com/drive/v3/files/root', 'GET drive.google.com/drive/v3/files/root',
    // Another credential than the header's.
    'GET www.googleapis.com/drive/v3/files/root?access_token=FAKE', 'GET www.googleapis.com/drive/v3/about?oauth_token=FAKE',
    // Other methods and paths.
    'POST www.googleapis.com/drive/v3/files/root', 'PATCH www.googleapis.com/drive/v3/files/1FAKE', 'GET www.googleapis.com/drive/v3/files/root;x=1',
    'GET www.googleapis.com/drive/v3/drives', 'GET www.googleapis.com/drive/v3/files/1FAKE/revisions/1', 'GET www.googleapis.com/drive/v3/changes',
    'GET www.googleapis.com/drive/v3/files/1FAKE/comments', 'GET oauth2.googleapis.com/token', 'POST oauth2.googleapis.com/token?x=1',
    'POST oauth2.googleapis.com/tokeninfo', 'POST drive.google.com/token', 'POST www.googleapis.com/token',
  ]
  for (const request of others) t.equal(identifies({ request }), false, request)
  for (const name of ['x-http-method-override', 'x-http-method']) t.equal(identifies({ ...CREATE, headers: { [name]: 'PATCH' } }), false, name)
  t.equal(identifies({ request: 'POST www.googleapis.com/drive/v3/files?$httpMethod=PATCH' }), false)
})

t.test('an answer of another form, type or status teaches nothing', async t => {
  for (const one of [TOKEN, ABOUT, ROOT, FILE, LIST, CREATE, MULTIPART, LAST_PART]) {
    for (const body of NO_ANSWERS) t.strictSame(identify(one, { body, written: { is: 'own' } }), [], one.request)
    const all = { ...(granted(FAY) as object), id: 'n', parents: ['R'], ownedByMe: true, user: { emailAddress: 'pat@gmail.com' } }
    // A part of an answer may be a part of what a user wrote.
    for (const status of [204, 206, 304, 308, 403]) t.strictSame(identify(one, { body: all, status }), [], String(status))
    t.strictSame(identify(one, { body: all, type: 'text/html' }), [])
  }
  t.strictSame(identify(FILE, { body: '{"id":"a","parents":["R"],"ownedByMe":true,"ownedByMe":false}' }), [])
})
