/** Each account has files of its own at the stand-in, and some that another shares with it. */
import t from 'tap'
import { AccountCalls, bearer, DRIVE, GRAPH, NAMES, SYSTEMS } from './account-calls.ts'
import { ACCOUNTS, SHARED } from './accounts.ts'
import type { AccountName } from './accounts.ts'
import { startOrigin } from './origin.ts'
import { ask } from './requests.ts'
import type { Answered } from './requests.ts'

const origin = await startOrigin({ requireCredentials: true })
t.teardown(() => origin.close())
t.beforeEach(() => origin.reset())
const calls = new AccountCalls(origin)

t.test('each account has files of its own, which the others do not reach', async t => {
  for (const name of NAMES) {
    const [dropbox, google, microsoft, box] = await Promise.all(SYSTEMS.map(system => calls.tokenOf(name, system)))
    t.equal((await calls.dropboxUpload(String(dropbox), '/a.txt')).status, 200)
    t.equal((await calls.driveUpload(String(google), { name: 'a.txt' })).status, 200)
    t.equal((await calls.graphPut(String(microsoft), '/me/drive/root:/a.txt:/content')).status, 201)
    t.equal((await calls.boxUpload(String(box), '0')).status, 201)
  }
  const stored = origin.stored().map(({ provider, account, path }) => `${account ?? ''} ${provider} ${path}`)
  t.strictSame(stored.sort(), NAMES.flatMap(name =>
    ['dropbox', 'google-drive', 'onedrive', 'box'].map(provider => `${name} ${provider} /a.txt`)).sort())

  const [dropbox, google, microsoft, box] = await Promise.all(SYSTEMS.map(system => calls.tokenOf('contoso', system)))
  const foreign = async (name: AccountName): Promise<readonly number[]> => {
    const [otherDropbox = '', otherGoogle = '', , otherBox = ''] = await Promise.all(SYSTEMS.map(system => calls.tokenOf(name, system)))
    const id: unknown = JSON.parse((await calls.dropbox(otherDropbox, 'files/get_metadata', { path: '/a.txt' })).text).id
    const files: unknown = JSON.parse((await ask(origin, `${DRIVE}/files?q=name='a.txt'`, bearer(otherGoogle))).text).files[0].id
    const entry: unknown = JSON.parse((await ask(origin, 'https://api.box.com/2.0/folders/0/items', bearer(otherBox))).text).entries[0].id
    return [
      (await calls.dropboxUpload(String(dropbox), String(id))).status,
      (await calls.dropboxUpload(String(dropbox), `ns:${ACCOUNTS[name].dropbox.namespace}/b.txt`)).status,
      (await calls.dropboxUpload(String(dropbox), '/b.txt', ACCOUNTS[name].dropbox.namespace)).status,
      (await calls.driveUpload(String(google), { name: 'b.txt', parents: [`1FAKEdrive000001-${name}`] })).status,
      (await ask(origin, `${DRIVE}/files/${String(files)}`, bearer(String(google)))).status,
      (await calls.graphPut(String(microsoft), `/drives/${ACCOUNTS[name].microsoft.drive}/root:/b.txt:/content`)).status,
      (await ask(origin, `https://api.box.com/2.0/files/${String(entry)}`, bearer(String(box)))).status,
    ]
  }
  t.strictSame(await foreign('fabrikam'), [409, 409, 422, 404, 404, 403, 404])
  t.strictSame(await foreign('consumer'), [409, 409, 422, 404, 404, 403, 404])
  t.equal(origin.stored().length, 12, 'nothing came of it')
})

t.test('what fabrikam shares takes the files of contoso\'s person, and stays fabrikam\'s', async t => {
  const dropbox = await calls.tokenOf('contoso', 'dropbox')
  t.equal((await calls.dropboxUpload(dropbox, '/joint/mounted.txt')).status, 200)
  t.equal((await calls.dropboxUpload(dropbox, `ns:${SHARED.dropbox}/ns.txt`)).status, 200)
  t.equal((await calls.dropboxUpload(dropbox, '/root.txt', SHARED.dropbox)).status, 200)
  t.match(JSON.parse((await calls.dropbox(dropbox, 'files/list_folder', { path: '', recursive: true })).text), {
    entries: ['/Joint', '/Joint/mounted.txt', '/Joint/ns.txt', '/Joint/root.txt'].map(path_display => ({ path_display })),
  })
  t.equal((await calls.dropboxUpload(await calls.tokenOf('consumer', 'dropbox'), `ns:${SHARED.dropbox}/no.txt`)).status, 409)

  const google = await calls.tokenOf('contoso', 'google')
  const made: { id: string } = JSON.parse((await calls.driveUpload(google, { name: 'a.txt', parents: [SHARED.google] })).text)
  const file = (id: string): Promise<Record<string, unknown>> => calls.json(`${DRIVE}/files/${id}`, bearer(google))
  const joint = await file(SHARED.google)
  t.match(joint, { ownedByMe: false, owners: [{ emailAddress: 'finn@fabrikam.example' }] })
  t.notOk('parents' in joint, 'what is above is not told')
  t.match(await file(made.id), { ownedByMe: true, parents: [SHARED.google] }, 'a file is its maker\'s')
  t.match(await calls.json(`${DRIVE}/files?q=sharedWithMe=true`, bearer(google)), { files: [{ id: SHARED.google }] })
  t.equal((await calls.driveUpload(await calls.tokenOf('consumer', 'google'), { name: 'no.txt', parents: [SHARED.google] })).status, 404)

  const microsoft = await calls.tokenOf('contoso', 'microsoft')
  t.equal((await calls.graphPut(microsoft, `/drives/${SHARED.microsoft}/root:/a.txt:/content`)).status, 201)
  const drive = await calls.json(`${GRAPH}/drives/${SHARED.microsoft}`, bearer(microsoft))
  t.match(drive, { webUrl: /^https:\/\/fabrikam\.sharepoint\.com\/sites\/joint\// })
  const casey = await calls.tokenOf('consumer', 'microsoft')
  t.equal((await calls.graphPut(casey, `/drives/${SHARED.microsoft}/root:/no.txt:/content`)).status, 403)

  const box = await calls.tokenOf('contoso', 'box')
  t.equal((await calls.boxUpload(box, SHARED.box)).status, 201)
  t.match(await calls.json('https://api.box.com/2.0/folders/0/items', bearer(box)), {
    entries: [{ id: SHARED.box, name: 'Joint', owned_by: { login: 'finn@fabrikam.example' }, parent: { id: '0' } }],
  })
  t.equal((await calls.boxUpload(await calls.tokenOf('consumer', 'box'), SHARED.box)).status, 404)

  const stored = origin.stored().map(({ provider, account, path, drive = '' }) => `${account ?? ''} ${provider} ${drive}${path}`)
  t.strictSame(stored.sort(), [
    'fabrikam box /Joint/a.txt',
    'fabrikam dropbox /Joint/mounted.txt', 'fabrikam dropbox /Joint/ns.txt', 'fabrikam dropbox /Joint/root.txt',
    'fabrikam google-drive /Joint/a.txt', `fabrikam sharepoint ${SHARED.microsoft}/a.txt`,
  ])
})

t.test('an upload session is of who began it', async t => {
  const begin = { method: 'POST', body: '{}', ...bearer(await calls.tokenOf('fabrikam', 'microsoft')) }
  const started = await calls.json(`${GRAPH}/me/drive/root:/s.bin:/createUploadSession`, begin)
  const range = (token: string): Promise<Answered> =>
    ask(origin, String(started.uploadUrl), { method: 'PUT', body: 'hello', ...bearer(token, { 'content-range': 'bytes 0-4/5' }) })
  t.equal((await range(await calls.tokenOf('contoso', 'microsoft'))).status, 401)
  t.equal((await range(await calls.tokenOf('fabrikam', 'microsoft'))).status, 201, 'older clients send their token for Graph')

  const opened = await calls.dropboxContent(await calls.tokenOf('fabrikam', 'dropbox'), 'upload_session/start', {})
  const { session_id } = JSON.parse(opened.text)
  const cursor = { session_id, offset: 5 }
  t.equal((await calls.dropboxContent(await calls.tokenOf('contoso', 'dropbox'), 'upload_session/append_v2', { cursor })).status, 409)
  t.equal((await calls.dropboxContent(await calls.tokenOf('fabrikam', 'dropbox'), 'upload_session/append_v2', { cursor })).status, 200)
})
