/** An insider with a sanctioned and a personal account, and what he tries so that an upload to the one passes as the other's. */
import { createSecretKey, randomBytes } from 'node:crypto'
import t from 'tap'
import { catalogue } from '../../policy/providers/index.ts'
import type { KnownSession } from '../../policy/sessions.ts'
import { indexTenants } from '../../policy/tenant/allowlist.ts'
import { attribute } from '../../policy/tenant/attribute.ts'
import { bindIdentities } from '../../policy/tenant/bind-identities.ts'
import { Bindings } from '../../policy/tenant/bindings.ts'
import { gather } from '../../policy/tenant/gather.ts'
import { makeHead } from '../policy/providers/recording.ts'

const index = indexTenants([
  { account: 'microsoft', id: 'contoso' }, { account: 'google', id: 'contoso.com' }, { account: 'dropbox', id: 'dbtid:contoso' },
  { account: 'box', id: '42' }, { account: 'gcp', id: 'contoso-data', aliases: ['contoso-more'] },
])

interface Request {
  /** `PUT https://host/path?query`. */
  readonly request: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  readonly session?: Partial<KnownSession>
}

/** Sluice as it learns: whose the account's own credential (`OWN`) is, is known; of `EVIL` and all places nothing is. */
async function world(account: 'microsoft' | 'google' | 'dropbox' | 'box' | 'gcp', tenant: string) {
  const bindings = new Bindings({ key: createSecretKey(randomBytes(32)) })
  const knowledge = {
    digest: bindings.digest.bind(bindings), get: (digest: string) => bindings.get(digest), signature: () => undefined,
  }
  const judge = ({ request, headers = {}, body, session }: Request) => {
    const [method = '', url = ''] = request.split(' ')
    const { host, pathname: path, search } = new URL(url)
    const module = catalogue.find(host, path)?.module
    if (module === undefined) throw new Error(`${host} is not in the catalogue`)
    const bytes = Buffer.from(body ?? '')
    const head = makeHead({ method, host, path, query: search.slice(1), headers: Object.entries(headers), contentLength: bytes.length })
    const first = module.recognise(head)
    const { operation } = module.refine === undefined || first.peek === 0 ? first : module.refine(head, first, bytes, true)
    const known = session === undefined ? undefined : { bytes: 0, sent: 0, startedAt: 1, updatedAt: 1, ...session }
    const { question } = gather(module, head, operation, { bytes, complete: true }, index, known, knowledge, false)
    return { module, head, question, operation, attribution: attribute(question) }
  }
  const tell = async (credential: string, identities: Parameters<typeof bindIdentities>[2]) => bindIdentities(bindings, {
    account, credential: bindings.digest(account, 'credential', credential), lifetimeMs: 3_600_000, how: 'learned', at: 1,
  }, identities)
  await tell('OWN', [{ tenants: [tenant], mayAllow: true }])
  return {
    tell,
    place: (id: string) => bindings.get(bindings.digest(account, 'place', id)),
    standing: (one: Request) => judge(one).attribution.standing,
    question: (one: Request) => judge(one).question,
    operation: (one: Request) => judge(one).operation,
    /** The provider answers a request; what that tells is learned. */
    answer: async (one: Request, body: unknown): Promise<void> => {
      const { module, head, question } = judge(one)
      const token = question.credential.is === 'one' ? question.credential.token : ''
      const header = (name: string) => name === 'content-type' ? 'application/json' : undefined
      const response = { status: 200, header, body: Buffer.from(JSON.stringify(body)) }
      await tell(token, module.identify?.(head, response, question.place ?? undefined) ?? [])
    },
  }
}

const OWN = { authorization: 'Bearer OWN' }

t.test('a decoy token in the query beside a header that is not read', async t => {
  const { standing } = await world('microsoft', 'contoso')
  const request = 'PUT https://graph.microsoft.com/v1.0/me/drive/root:/plans.zip:/content'
  t.equal(standing({ request, headers: OWN }), 'sanctioned')
  for (const authorization of ['Basic ZXZpbDp4', 'Bearer EwEVIL$"x', 'MSAuth1.0 usertoken="EVIL"', 'WLID1.0 t=EVIL', 'Bearer', '']) {
    t.not(standing({ request: `${request}?access_token=OWN`, headers: { authorization } }), 'sanctioned', authorization)
  }
})

t.test('a resumable upload to a foreign bucket or drive, continued under a path of one\'s own', async t => {
  const { standing, operation } = await world('gcp', 'contoso-data')
  for (const request of [
    'PUT https://www.googleapis.com/upload/storage/v1/b/contoso-data/o?uploadType=resumable&upload_id=FOREIGN',
    'PUT https://storage.googleapis.com/upload/storage/v1/b/contoso-data/o?uploadType=resumable&upload_id=FOREIGN',
    'PUT https://storage.googleapis.com/contoso-data/x?upload_id=FOREIGN',
    'PUT https://contoso-data.storage.googleapis.com/x?upload_id=FOREIGN',
  ]) {
    t.match(operation({ request, body: 'content' }), { activity: 'upload', tenantHint: 'contoso-data' }, request)
    t.equal(standing({ request, body: 'content' }), 'unknown', 'its start was not seen')
    t.equal(standing({ request, body: 'content', session: { startedAt: 0 } }), 'unknown', 'only parts of it were')
    t.not(standing({ request, body: 'content', session: { tenantId: 'evil', tenantIs: 'sure' } }), 'sanctioned')
    t.equal(standing({ request, body: 'content', session: { tenantId: 'contoso-data', tenantIs: 'sure' } }), 'sanctioned')
  }
  const alias = 'PUT https://storage.googleapis.com/contoso-more/x?upload_id=OWN'
  t.equal(standing({ request: alias, body: 'x', session: { tenantId: 'contoso-data', tenantIs: 'sure' } }), 'sanctioned', 'kept by its id')
  t.equal(standing({ request: 'PUT https://storage.googleapis.com/contoso-data/x?partNumber=1&uploadId=S3', body: 'x' }), 'sanctioned',
    'the parts of S3 are kept by bucket')
})

t.test('a personal account\'s files in a folder of the organisation\'s that was shared with it', async t => {
  const { tell, answer, place, standing } = await world('google', 'contoso.com')
  const evil = { authorization: 'Bearer EVIL' }
  await tell('OWN', [{ places: ['shared'], mayAllow: true }])
  const upload = (parent: string): Request => ({
    request: 'POST https://www.googleapis.com/upload/drive/v3/files?uploadType=resumable', body: `{"name":"x","parents":["${parent}"]}`,
  })
  t.equal(standing({ ...upload('shared'), headers: OWN }), 'sanctioned')
  t.equal(standing({ ...upload('shared'), headers: evil }), 'unknown', 'Google makes whoever uploads the owner')
  t.equal(standing(upload('shared')), 'unknown')
  const create: Request = {
    request: 'POST https://www.googleapis.com/drive/v3/files', headers: evil, body: '{"name":"d","parents":["shared"]}',
  }
  const list: Request = { request: 'GET https://www.googleapis.com/drive/v3/files?fields=files(id,parents)', headers: evil }
  for (const known of [false, true]) {
    if (known) await tell('EVIL', [{ tenants: ['personal'], mayAllow: true }])
    await answer(create, { id: 'made', parents: ['shared'] })
    await answer(create, { id: 'named' })
    await answer(list, { files: [{ id: 'listed', parents: ['shared'], ownedByMe: true }] })
    for (const id of ['made', 'named', 'listed']) {
      t.not(place(id)?.mayAllow, true, id)
      t.not(standing({ ...upload(id), headers: OWN }), 'sanctioned', `${id}: nor with the own account`)
    }
  }
  await answer({ ...create, headers: OWN }, { id: 'ours', parents: ['shared'] })
  t.equal(standing({ ...upload('ours'), headers: OWN }), 'sanctioned')
})

t.test('a decoy token beside the cookie of a web page\'s session', async t => {
  const box = await world('box', '42')
  const google = await world('google', 'contoso.com')
  for (const [{ standing }, api, page, body] of [
    [box, 'https://upload.box.com/api/2.0/files/upload_sessions', 'https://upload.app.box.com/api/2.0/files/upload_sessions',
      '{"folder_id":"0","file_size":9,"file_name":"x"}'],
    [google, 'https://www.googleapis.com/upload/drive/v3/files?uploadType=resumable',
      'https://clients6.google.com/upload/drive/v2internal/files?uploadType=resumable', '{"title":"x"}'],
  ] as const) {
    t.equal(standing({ request: `POST ${api}`, headers: OWN, body }), 'sanctioned', api)
    t.equal(standing({ request: `POST ${page}`, headers: { ...OWN, cookie: 'SID=EVIL' }, body }), 'unknown', page)
  }
})

t.test('a move whose destination is told in a way that is not read', async t => {
  const { question } = await world('microsoft', 'contoso')
  const request = 'PATCH https://graph.microsoft.com/v1.0/me/drive/items/1'
  t.match(question({ request, headers: OWN, body: '{"name":"x"}' }).place, { is: 'own' })
  t.match(question({ request, headers: OWN, body: '{"parentReference":{"id":"2"}}' }).place, { is: 'own' })
  for (const body of [
    '{"ParentReference":{"driveId":"b!EVIL"}}', '{"parentReference":{"path":"/drives/b!EVIL/root:"}}',
    '{"parentReference":{"DriveId":"b!EVIL"}}',
    '{"parentReference":{"siteId":"evil.sharepoint.com,1,2"}}', 'parentReference', '',
  ]) t.match(question({ request, headers: OWN, body }).place, { is: 'unseen' }, body)
})

t.test('an id that is another number here than there', async t => {
  const { tell, standing } = await world('box', '42')
  await tell('OWN', [{ places: ['folder:9007199254740992'], mayAllow: true }])
  const start = (id: string): Request => ({
    request: 'POST https://upload.box.com/api/2.0/files/upload_sessions', headers: OWN,
    body: `{"folder_id":${id},"file_size":9,"file_name":"x"}`,
  })
  t.equal(standing(start('"9007199254740992"')), 'sanctioned')
  t.equal(standing(start('9007199254740993')), 'unknown')
})

t.test('foreign places that are named beside the own one', async t => {
  const graph = 'https://graph.microsoft.com/v1.0'
  const google = 'https://www.googleapis.com'
  const dropbox = 'https://content.dropboxapi.com/2/files'
  const arg = (value: unknown) => ({ ...OWN, 'dropbox-api-arg': JSON.stringify(value) })
  const batch = (...requests: unknown[]) => JSON.stringify({ requests })
  const own = { id: '1', method: 'PUT', url: '/me/drive/root:/a:/content', body: 'YQ==' }
  const json = { ...OWN, 'content-type': 'application/json' }
  const attacks: Readonly<Record<string, readonly [tenant: string, own: Request, ...others: Request[]]>> = {
    dropbox: ['dbtid:contoso', { request: `POST ${dropbox}/upload`, headers: arg({ path: '/a' }), body: 'x' },
      { request: `POST ${dropbox}/upload`, body: 'x',
        headers: { ...arg({ path: '/a' }), 'dropbox-api-path-root': '{".tag":"namespace_id","namespace_id":"9"}' } },
      { request: `POST ${dropbox}/upload?arg=%7B%22path%22:%22ns:9/a%22%7D`, headers: arg({ path: '/a' }), body: 'x' },
      { request: `POST ${dropbox}/upload?authorization=Bearer%20EVIL`, headers: arg({ path: '/a' }), body: 'x' },
      { request: `POST ${dropbox}/upload`, headers: { ...OWN, 'dropbox-api-arg': '{"path":"/a","path":"ns:9/a"}' }, body: 'x' },
      { request: 'POST https://api.dropboxapi.com/2/files/upload_session/finish_batch_v2', headers: json,
        body: '{"entries":[{"commit":{"path":"/a"}},{"commit":{"path":"ns:9/a"}}]}' }],
    microsoft: ['contoso', { request: `POST ${graph}/$batch`, headers: json, body: batch(own) },
      { request: `POST ${graph}/$batch`, headers: json, body: batch(own, { ...own, url: '/drives/b!EVIL/root:/a:/content' }) },
      { request: `POST ${graph}/$batch`, headers: json, body: batch({ ...own, headers: { Authorization: 'Bearer EVIL' } }) },
      { request: `POST ${graph}/$batch`, headers: json, body: batch({ ...own, url: '/me/drive/../../drives/b!EVIL/root:/a:/content' }) },
      { request: `PUT ${graph}/me%2fdrive/root:/a:/content`, headers: OWN, body: 'x' },
      { request: `PUT ${graph}/me/drive/items/1/createdByUser/drive/root:/a:/content`, headers: OWN, body: 'x' },
      { request: `PUT ${graph}/me/drives/b!EVIL/root:/a:/content`, headers: OWN, body: 'x' }],
    google: ['contoso.com', { request: `POST ${google}/upload/drive/v3/files?uploadType=media`, headers: OWN, body: 'x' },
      { request: `POST ${google}/upload/drive/v3/files?uploadType=media&uploadType=multipart`, headers: OWN, body: 'x' },
      { request: `POST ${google}/upload/drive/v3/files?uploadType=media&upload_id=EVIL`, headers: OWN, body: 'x' },
      { request: `POST ${google}/upload/drive/v3/files?uploadType=media&access_token=EVIL`, headers: OWN, body: 'x' },
      { request: `POST ${google}/upload/drive/v3/files?uploadType=resumable`, headers: OWN, body: '{"parents":[],"Parents":["evil"]}' },
      { request: `PATCH ${google}/upload/drive/v3/files/root?uploadType=media&addParents=root,evil`, headers: OWN, body: 'x' }],
  }
  for (const [account, [tenant, own, ...others]] of Object.entries(attacks)) {
    const { standing } = await world(account as 'dropbox' | 'microsoft' | 'google', tenant)
    t.equal(standing(own), 'sanctioned', `${account}: as it should be`)
    for (const one of others) t.not(standing(one), 'sanctioned', `${one.request} ${one.body ?? ''}`)
  }
})
