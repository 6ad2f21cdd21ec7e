import t from 'tap'
import { UNEXPLAINED_LIMIT } from '../../../policy/providers/index.ts'
import { recognise, verdict } from './cases.ts'

const json = (value: unknown): string => JSON.stringify(value)
const KIB = 1024

/** Request, verdict, body, headers. */
type Row = readonly [string, string, (string | undefined)?, Readonly<Record<string, string>>?]

t.test('requests that look like uploads and are none', async t => {
  const cases: readonly Row[] = [
    ['POST content.dropboxapi.com/2/files/download', 'download single', undefined, { 'dropbox-api-arg': '{"path":"/a"}' }],
    ['POST content.dropboxapi.com/2/files/download_zip', 'download single'],
    ['POST content.dropboxapi.com/2/files/get_thumbnail_v2', 'download single'],
    ['POST content.dropboxapi.com/2/files/export', 'download single'],
    ['POST api.dropboxapi.com/2/files/list_folder', 'list single', '{"path":""}'],
    ['POST api.dropboxapi.com/2/files/list_folder/continue', 'list single', '{"cursor":"x"}'],
    ['POST notify.dropboxapi.com/2/files/list_folder/longpoll', 'list single', '{"cursor":"x"}'],
    ['POST api.dropboxapi.com/2/files/search_v2', 'list single', '{"query":"x"}'],
    ['POST api.dropboxapi.com/2/files/save_url/check_job_status', 'list single', '{"async_job_id":"x"}'],
    ['POST api.dropboxapi.com/2/files/upload_session/finish_batch/check', 'list single', '{"async_job_id":"x"}'],
    ['POST api.dropboxapi.com/2/sharing/check_share_job_status', 'list single', '{"async_job_id":"x"}'],
    ['POST api.dropboxapi.com/2/sharing/check_remove_member_job_status', 'list single', '{"async_job_id":"x"}'],
    ['POST api.dropboxapi.com/2/paper/docs/download', 'download single'],
    ['POST api.dropboxapi.com/2/paper/docs/users/add', 'share single', '{"doc_id":"x"}'],
    ['POST api.dropboxapi.com/2/team_log/get_events/continue', 'list single', '{"cursor":"x"}'],
    ['POST api.dropboxapi.com/2/files/delete_batch', 'delete single', '{"entries":[]}'],
    ['POST api.dropboxapi.com/2/files/move_batch_v2', 'change single', '{"entries":[]}'],
    ['POST api.dropboxapi.com/oauth2/token', 'token single', 'grant_type=refresh_token'],
    ['GET www.dropbox.com/oauth2/authorize?client_id=x', 'login single'],
    ['OPTIONS content.dropboxapi.com/2/files/upload', 'other single'],
    ['POST oauth2.googleapis.com/token', 'token single', 'grant_type=refresh_token'],
    ['GET accounts.google.com/o/oauth2/v2/auth?client_id=x', 'login single'],
    ['POST www.googleapis.com/drive/v3/files', 'change single', json({ name: 'new', mimeType: 'application/vnd.google-apps.folder' })],
    ['PATCH www.googleapis.com/drive/v3/files/1abc', 'change single', json({ name: 'other' })],
    ['PATCH www.googleapis.com/drive/v3/files/1abc', 'delete single', json({ trashed: true })],
    ['PUT www.googleapis.com/drive/v2/files/1abc', 'delete single', json({ labels: { trashed: true } })],
    ['PATCH www.googleapis.com/drive/v3/files/1abc', 'change single', json({ trashed: false })],
    ['PUT www.googleapis.com/upload/drive/v3/files?uploadType=resumable&upload_id=x', 'other status', undefined, { 'content-range': 'bytes */13' }],
    ['DELETE www.googleapis.com/upload/drive/v3/files?uploadType=resumable&upload_id=x', 'other cancel'],
    ['OPTIONS www.googleapis.com/upload/drive/v3/files?uploadType=media', 'other single'],
    ['POST login.microsoftonline.com/common/oauth2/v2.0/token', 'token single', 'grant_type=refresh_token'],
    ['GET login.microsoftonline.com/common/oauth2/v2.0/authorize', 'login single'],
    ['PATCH graph.microsoft.com/v1.0/me/drive/items/01A', 'change single', json({ fileSystemInfo: {} })],
    ['POST graph.microsoft.com/v1.0/me/drive/root/children', 'change single', json({ name: 'new', folder: {} })],
    ['POST graph.microsoft.com/v1.0/$batch', 'list batch', json({ requests: [{ id: '1', method: 'GET', url: '/me/drive' }] })],
    ['GET contoso-my.sharepoint.com/personal/x/_api/v2.0/drives/b!x/items/y/uploadSession?guid=%27z%27', 'other status'],
    ['DELETE contoso-my.sharepoint.com/personal/x/_api/v2.0/drives/b!x/items/y/uploadSession?guid=%27z%27', 'other cancel'],
    ['GET contoso.sharepoint.com/_api/v2.0/monitor/x', 'list single'],
    ['POST graph.microsoft.com/v1.0/me/drive/items/01A/copy', 'change single', json({ name: 'b' })],
    ['POST graph.microsoft.com/v1.0/me/drive/items/01A/checkout', 'change single'],
    ['POST graph.microsoft.com/v1.0/me/sendMail', 'other single', json({ message: {} })],
    ['POST contoso.sharepoint.com/sites/eng/_api/contextinfo', 'other single'],
    ['PROPFIND contoso.sharepoint.com/sites/eng/Shared%20Documents/', 'list single', '<propfind/>'],
    ['MKCOL contoso.sharepoint.com/sites/eng/Shared%20Documents/new', 'change single'],
    ['POST contoso.sharepoint.com/_api/web/GetFileByServerRelativeUrl(\'/a.txt\')/recycle()', 'delete single'],
    ['POST contoso.sharepoint.com/_api/web/GetFileByServerRelativeUrl(\'/a.txt\')', 'delete single', undefined, { 'x-http-method': 'DELETE' }],
    ['GET contoso.sharepoint.com/_api/web/GetFolderByServerRelativeUrl(\'/d\')/Files/add(url=\'a\')', 'list single'],
    ['OPTIONS contoso-my.sharepoint.com/personal/x/Documents/a.txt', 'other single'],
  ]
  for (const [request, wanted, body, headers] of cases) {
    t.equal(
      verdict({ request, ...(body === undefined ? {} : { body }), ...(headers === undefined ? {} : { headers }) }),
      wanted,
      request,
    )
  }
})

t.test('requests that look harmless and are uploads', async t => {
  const cases: readonly Row[] = [
    ['POST api.dropboxapi.com/2/files/upload_session/finish_batch_v2', 'upload finish', json({ entries: [] })],
    ['POST api.dropboxapi.com/2/files/upload_session/start_batch', 'upload start', json({ num_sessions: 2 })],
    ['POST content.dropboxapi.com/2//files/upload/', 'upload single'],
    ['POST content.dropboxapi.com/2/files/%75pload', 'upload single'],
    ['POST dl-web.dropbox.com/put_block_returning_token_unauth?owner_id=1', 'upload chunk', 'x'],
    ['POST www.googleapis.com/resumable/upload/drive/v2/files?uploadType=resumable', 'upload start', '{}'],
    ['PUT www.googleapis.com/upload/drive/v3/files?upload_id=x', 'upload chunk', 'content', { 'content-range': 'bytes */7' }],
    ['POST clients6.google.com/upload/drive/v2internal/files?uploadType=multipart', 'upload single', 'x'],
    ['POST clients6.google.com/upload/drive/v3/files', 'upload start', '', { 'x-goog-upload-command': 'start', 'x-goog-upload-protocol': 'resumable' }],
    ['POST graph.microsoft.com/v1.0/me/drive/root/children', 'upload copy-in', json({ name: 'a', '@microsoft.graph.sourceUrl': 'https://x' })],
    ['POST graph.microsoft.com/v1.0/me/drive/root/children', 'upload copy-in', json({ name: 'a', '@content.sourceUrl': 'https://x' })],
    ['POST api.onedrive.com/v1.0/drive/root/children', 'upload single', '--b\r\n', { 'content-type': 'multipart/related; boundary=b' }],
    ['PUT graph.microsoft.com/V1.0/ME/DRIVE/ROOT:/A.TXT:/CONTENT', 'upload single', 'x'],
    ['PUT graph.microsoft.com/beta/me/drive/root%3A/a.txt%3A/content', 'upload single', 'x'],
    ['POST graph.microsoft.com/v1.0/me/drive/items/x/microsoft.graph.createUploadSession', 'upload start', '{}'],
    ['PUT graph.microsoft.com/v1.0/me/drive/root:/a.bin', 'upload finish', json({ '@microsoft.graph.sourceUrl': 'https://x' })],
    ['PUT sn3302.up.1drv.com/up/fe6987415ace7X4e1eF866337', 'upload chunk', 'x', { 'content-range': 'bytes 0-0/9' }],
    ['PUT d.docs.live.net/0123456789abcdef/a.txt', 'upload single', 'x'],
    ['PUT contoso.sharepoint.com/sites/eng/Shared%20Documents/a.txt', 'upload single'],
    ['PUT contoso.sharepoint.com/v1.0/a.txt', 'upload single', 'x'],
    [`POST contoso.sharepoint.com/sites/eng/_api/web/GetFolderByServerRelativeUrl('/d')/Files/add(url='a',overwrite=true)`, 'upload single', 'x'],
    ['POST contoso.sharepoint.com/_api/web/getfolderbyid(guid\'1\')/FILES/AddUsingPath(DecodedUrl=@u)/ListItemAllFields?@u=%27a%27', 'upload single', 'x'],
    ['POST contoso.sharepoint.com/_api/web/GetFileByServerRelativeUrl(\'/a.txt\')/$value', 'upload single', 'x', { 'x-http-method': 'PUT' }],
    ['POST contoso.sharepoint.com/_api/web/lists/getbytitle(\'l\')/items(1)/AttachmentFiles/add(FileName=\'a.txt\')', 'upload single', 'x'],
  ]
  for (const [request, wanted, body, headers] of cases) {
    t.equal(
      verdict({ request, ...(body === undefined ? {} : { body }), ...(headers === undefined ? {} : { headers }) }),
      wanted,
      request,
    )
  }
})

t.test('a method override is read as the stricter of both', async t => {
  const target = 'www.googleapis.com/upload/drive/v3/files/1?uploadType=media'
  t.equal(verdict({ request: `GET ${target}`, headers: { 'x-http-method-override': 'PUT' } }), 'upload single')
  t.equal(verdict({ request: `GET ${target}&%24httpMethod=put` }), 'upload single')
  t.equal(verdict({ request: `POST ${target}`, headers: { 'x-http-method-override': 'GET' }, body: 'x' }), 'upload single')
  t.equal(
    verdict({ request: 'POST graph.microsoft.com/v1.0/me/drive/root:/a:/content', headers: { 'x-http-method': 'GET, PUT' }, body: 'x' }),
    'upload single',
  )
  t.equal(
    verdict({ request: 'GET graph.microsoft.com/v1.0/me/drive/items/1', headers: { 'x-method-override': 'PATCH' } }),
    'change single',
  )
})

t.test('a method override does not stop the count of an unexplained body', async t => {
  const request = 'POST contoso.sharepoint.com/_vti_bin/client.svc/ProcessQuery'
  const { operation, unexplainedOver } = recognise({ request, headers: { 'x-http-method': 'MERGE' }, length: null })
  t.equal(operation.activity, 'change')
  t.equal(unexplainedOver, UNEXPLAINED_LIMIT)
})

t.test('a body that nothing explains is an upload above 16 KiB', async t => {
  const small = Buffer.alloc(16 * KIB)
  const large = Buffer.alloc(16 * KIB + 1)
  for (const request of [
    'POST content.dropboxapi.com/2/files/not_yet_known', 'POST content.dropboxapi.com/2/files/download',
    'POST www.googleapis.com/upload/youtube/v3/videos', 'GET www.googleapis.com/drive/v3/files', 'POST drive.google.com/log',
    'POST graph.microsoft.com/v1.0/me/sendMail', 'POST contoso.sharepoint.com/_vti_bin/unheard.svc',
    'POST my.microsoftpersonalcontent.com/x',
  ]) {
    t.notMatch(verdict({ request, body: small }), /upload/, request)
    t.equal(verdict({ request, body: large }), 'upload single unexplained-body', request)
  }
  t.notMatch(
    verdict({ request: 'POST login.microsoftonline.com/common/login', body: large }),
    /upload/,
    'sign-in hosts are not storage',
  )
})

t.test('an encoded body cannot be looked into', async t => {
  const headers = { 'content-encoding': 'gzip' }
  t.equal(verdict({ request: 'POST graph.microsoft.com/v1.0/$batch', headers, body: 'x' }), 'upload batch unexplained-body')
  t.equal(
    verdict({ request: 'POST graph.microsoft.com/v1.0/me/drive/root/children', headers, body: 'x' }),
    'upload copy-in unexplained-body',
  )
  t.equal(
    verdict({ request: 'PATCH www.googleapis.com/drive/v3/files/1', headers, body: Buffer.alloc(20 * KIB) }),
    'upload single unexplained-body',
  )
})

t.test('a batch is the strictest of what it holds', async t => {
  const request = 'POST graph.microsoft.com/v1.0/$batch'
  const batch = (...requests: readonly unknown[]): string => json({ requests })
  const get = { id: '1', method: 'GET', url: '/me/drive' }
  const put = { id: '2', method: 'PUT', url: '/me/drive/root:/a.txt:/content', body: 'eHl6' }
  t.equal(verdict({ request, body: batch(get, put) }), 'upload batch')
  t.equal(verdict({ request, body: batch(get, { id: '2', method: 'DELETE', url: '/me/drive/items/1' }) }), 'delete batch')
  t.equal(
    verdict({ request, body: batch(get, { id: '2', method: 'POST', url: 'me/drive/items/1/createLink', body: {} }) }),
    'share batch',
  )
  t.equal(
    verdict({ request, body: batch({ id: '1', method: 'POST', url: '/me/drive/root/children', body: { '@microsoft.graph.sourceUrl': 'x' } }) }),
    'upload batch',
  )
  t.equal(
    verdict({ request, body: batch({ id: '1', method: 'POST', url: '/me/drive/root/children', body: { name: 'n', folder: {} } }) }),
    'change batch',
  )
  for (const [why, body] of [
    ['not JSON', '{'], ['no requests', '{}'], ['empty', batch()], ['a request without a method', batch({ url: '/me' })],
    ['a batch in a batch', batch({ method: 'POST', url: '/$batch', body: { requests: [get] } })],
    ['two lists', '{"requests":[{"method":"PUT","url":"/me/drive/root:/a:/content"}],"requests":[{"method":"GET","url":"/me"}]}'],
    ['two lists in different case', '{"Requests":[],"requests":[{"method":"GET","url":"/me"}]}'],
    ['too long', batch(get, { ...get, headers: { pad: 'x'.repeat(64 * KIB) } })],
    ['an unexplained body within', batch({ method: 'POST', url: '/me/sendMail', body: { pad: 'x'.repeat(17 * KIB) } })],
  ] as const) t.equal(verdict({ request, body }), 'upload batch unexplained-body', why)
})

t.test('a multipart batch is read by its request lines', async t => {
  const mixed = (...lines: readonly string[]): string =>
    lines.map(line => `--b\r\nContent-Type: application/http\r\n\r\n${line}\r\n\r\n`).join('') + '--b--'
  const headers = { 'content-type': 'multipart/mixed; boundary=b' }
  const google = 'POST www.googleapis.com/batch/drive/v3'
  t.equal(
    verdict({ request: google, headers, body: mixed('GET /drive/v3/files HTTP/1.1', 'DELETE /drive/v3/files/1 HTTP/1.1') }),
    'delete batch',
  )
  t.equal(
    verdict({ request: google, headers, body: mixed('POST /upload/drive/v3/files?uploadType=media HTTP/1.1') }),
    'upload batch',
  )
  t.equal(verdict({ request: google, headers, body: mixed('nothing') }), 'upload batch unexplained-body')
  const site = 'POST contoso.sharepoint.com/_api/$batch'
  t.equal(
    verdict({ request: site, headers, body: mixed('GET https://contoso.sharepoint.com/_api/web HTTP/1.1') }),
    'list batch',
  )
  t.equal(
    verdict({ request: site, headers, body: mixed(`POST https://contoso.sharepoint.com/_api/web/GetFolderById(guid'1')/Files/add(url='a') HTTP/1.1`) }),
    'upload batch',
  )
})
