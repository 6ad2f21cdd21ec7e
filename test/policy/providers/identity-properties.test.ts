/**
 * What holds for every answer and every request:
 * 1. Any JSON is read without an error, teaches a bounded number of short names and places, and none that the provider's
 *    own members do not say.
 * 2. Whatever is in the members that users write, the answer teaches what it would without them.
 * 3. Any request has a place, without an error.
 */
import fc from 'fast-check'
import t from 'tap'
import { catalogue } from '../../../policy/providers/index.ts'
import type { Case } from './cases.ts'
import { identify, jwt, writtenBy } from './identity-cases.ts'
import { recordings } from './recording.ts'

const SEED = 20261124
t.comment(`seed ${SEED}`)

const CONTOSO = '11111111-aaaa-4bbb-8ccc-0000000000c0'
const graph = (path: string): Case => ({ request: `GET graph.microsoft.com/v1.0${path}`, headers: { authorization: `Bearer ${jwt({ tid: CONTOSO })}` } })
const requests: readonly Case[] = [
  { request: 'POST api.dropboxapi.com/2/users/get_current_account' }, { request: 'POST api.dropboxapi.com/2/team/get_info' }, { request: 'POST api.dropboxapi.com/oauth2/token' },
  { request: 'POST oauth2.googleapis.com/token' }, { request: 'GET www.googleapis.com/drive/v3/about' }, { request: 'GET www.googleapis.com/drive/v3/files/root' },
  { request: 'GET www.googleapis.com/drive/v3/files' }, { request: 'GET www.googleapis.com/drive/v2/files/1FAKE' }, { request: 'POST www.googleapis.com/upload/drive/v3/files?uploadType=multipart' },
  { request: 'POST login.microsoftonline.com/common/oauth2/v2.0/token' }, { request: 'POST login.live.com/oauth20_token.srf' },
  ...['/me', '/organization', '/me/drive', '/me/drives', '/drives/b!F', '/drives/b!F/root', '/sites/x', '/sites/root/drives'].map(graph),
  { request: 'GET api.box.com/2.0/users/me?fields=enterprise' }, { request: 'GET api.box.com/2.0/folders/7' }, { request: 'POST api.box.com/2.0/folders' },
]

/** The names that readers look for, so that random answers come near them. */
const NAMES = [
  'access_token', 'expires_in', 'account_id', 'team_id', 'team', 'id', 'account_type', '.tag', 'root_info', 'root_namespace_id', 'id_token', 'user', 'emailAddress', 'rootFolderId', 'files', 'items',
  'parents', 'owners', 'me', 'ownedByMe', 'driveId', 'value', 'verifiedDomains', 'name', 'webUrl', 'driveType', 'parentReference', 'enterprise', 'type', 'is_externally_owned', 'entries', '__proto__',
] as const
const { json } = fc.letrec(tie => ({
  json: fc.oneof({ maxDepth: 4 }, leaf(), fc.array(tie('json'), { maxLength: 4 }), fc.dictionary(fc.constantFrom(...NAMES), tie('json'), { maxKeys: 6 })),
}))
function leaf() {
  return fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.constant(null), fc.constantFrom('personal', 'dbid:F', 'EwF', 'a@b.example', 'root', 'https://x.sharepoint.com/', 'enterprise', '7', 'basic'))
}

t.test('any answer is read, into little', async () => {
  fc.assert(fc.property(fc.constantFrom(...requests), fc.dictionary(fc.constantFrom(...NAMES), json, { maxKeys: 12 }), (one, body) => {
    for (const { tenants = [], places = [], issued = [], person, within } of identify(one, { body, written: { is: 'own' } })) {
      const texts = [...tenants, ...places, ...(person === undefined ? [] : [person]), ...(within === undefined ? [] : [within])]
      if (texts.some(text => text === '' || text.length > 256 || /[\s\u0000-\u001f]/.test(text))) throw new Error(JSON.stringify(texts))
      if (tenants.some(name => name !== name.toLowerCase()) || tenants.length > 16) throw new Error(JSON.stringify(tenants))
      if (issued.some(({ seconds }) => !(seconds > 0))) throw new Error('a life of nothing')
    }
  }), { seed: SEED, numRuns: 1500 })
})

t.test('an answer that has nothing but what it should not be learned from never allows', async () => {
  const words = ['name', 'title', 'description', 'displayName', 'mail', 'properties', 'appProperties', 'fields', 'tags', 'comment', 'login', 'email'] as const
  const told = fc.dictionary(fc.constantFrom(...words), json, { maxKeys: 8 })
  // Graph proves the token by answering at all, and the end points of consumers by being theirs.
  const others = requests.filter(({ request }) => !/graph\.microsoft|login\.live/.test(request))
  fc.assert(fc.property(fc.constantFrom(...others), told, (one, body) => {
    const found = identify(one, { body })
    if (found.length > 0) throw new Error(`${one.request}: ${JSON.stringify(found)}`)
  }), { seed: SEED, numRuns: 1000 })
  fc.assert(fc.property(fc.constantFrom(...requests.filter(({ request }) => /graph\.microsoft/.test(request))), told, (one, body) => {
    const found = identify(one, { body }).flatMap(({ tenants = [], places = [] }) => [...tenants, ...places])
    if (found.some(name => name !== CONTOSO)) throw new Error(`${one.request}: ${JSON.stringify(found)}`)
  }), { seed: SEED, numRuns: 600 })
})

t.test('any request has a place', async () => {
  const hosts = ['content.dropboxapi.com', 'api.dropboxapi.com', 'www.dropbox.com', 'www.googleapis.com', 'docs.googleapis.com', 'clients6.google.com', 'graph.microsoft.com', 'upload.box.com', 'api.box.com']
  const segments = ['2', 'files', 'upload', 'upload_session', 'finish', 'finish_batch', 'drive', 'v3', 'v1.0', 'me', 'drives', 'b!F', 'root:', 'items', 'content', 'copy', '$batch', 'batch', 'api', '2.0', '%2f', '..', ':', '', 'x;y', '%', '%zz']
  const path = fc.array(fc.constantFrom(...segments), { maxLength: 8 }).map(list => `/${list.join('/')}`)
  const query = fc.constantFrom('', '?uploadType=multipart', '?uploadType=resumable', '?arg=%7B', '?addParents=x,%', '?&&=&%=1')
  const type = fc.constantFrom('application/json', 'multipart/related; boundary=B', 'multipart/form-data; boundary="B"', 'multipart/mixed; boundary=B', '')
  const body = fc.oneof(fc.string(), fc.json(), json.map(value => JSON.stringify(value)), fc.string().map(text => `--B\r\n\r\n${text}\r\n--B\r\n`))
  fc.assert(fc.property(fc.constantFrom('POST', 'PUT', 'PATCH', 'GET'), fc.constantFrom(...hosts), path, query, type, body, fc.nat(99), (method, host, where, search, contentType, text, seen) => {
    const one: Case = { request: `${method} ${host}${where}${search}`, headers: { 'content-type': contentType, 'dropbox-api-arg': text, 'dropbox-api-path-root': text }, body: text }
    const place = writtenBy(one, seen)
    if (place.is === 'named' && (place.ids.length === 0 || place.ids.some(id => id === '' || id.length > 256))) throw new Error(JSON.stringify(place))
  }), { seed: SEED, numRuns: 1500 })
})

t.test('the place of every recorded upload is seen, where the whole request is at hand', async t => {
  const unseen = recordings().filter(({ head, body, complete }) => {
    const module = catalogue.find(head.host, head.path)?.module
    const operation = module?.recognise(head).operation
    if (!complete || operation?.activity !== 'upload' || operation.tenantHint !== undefined) return false
    return module?.placeOf?.(head, operation, { bytes: body, complete }).is === 'unseen'
  })
  t.strictSame(unseen.map(({ name }) => name), ['msgraph.jsonl:12'], 'but for a batch that only reads')
})
