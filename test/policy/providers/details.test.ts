import t from 'tap'
import { explainBody, UNEXPLAINED_LIMIT } from '../../../policy/providers/index.ts'
import { operation, recognise } from './cases.ts'

const json = (value: unknown): string => JSON.stringify(value)
const arg = (value: unknown): Readonly<Record<string, string>> => ({ 'dropbox-api-arg': json(value) })

t.test('Dropbox: size and offset of a session', async t => {
  const append = 'POST content.dropboxapi.com/2/files/upload_session/append_v2'
  const cursor = { session_id: 's1', offset: 100 }
  t.match(
    operation({ request: append, headers: arg({ cursor, close: false }), length: 20 }),
    { size: { bytes: 120, is: 'at-least' }, offset: 100, session: 's1' },
  )
  t.match(
    operation({ request: append, headers: arg({ cursor, close: true }), length: 20 }),
    { size: { bytes: 120, is: 'exact' } },
  )
  t.match(
    operation({ request: append, headers: arg({ cursor, close: true }), length: null }),
    { size: { bytes: 100, is: 'at-least' } },
  )
  const finish = 'POST content.dropboxapi.com/2/files/upload_session/finish'
  t.match(
    operation({ request: finish, headers: arg({ cursor, commit: { path: '/d/a.txt' } }), length: 5 }),
    { size: { bytes: 105, is: 'exact' }, fileName: 'a.txt' },
  )
  t.match(
    operation({ request: append, headers: { 'dropbox-api-arg': '{' }, length: 20 }),
    { size: { bytes: 20, is: 'at-least' } },
    'unreadable arguments',
  )
  t.match(
    operation({ request: append, headers: arg({ cursor: { session_id: 7, offset: -1 } }), length: 20 }),
    { size: { bytes: 20, is: 'at-least' } },
  )
  t.match(
    operation({ request: 'POST content.dropboxapi.com/2/files/upload_session/start', headers: arg({ close: true }), length: 20 }),
    { size: { bytes: 20, is: 'exact' } },
  )
})

t.test('Dropbox: names in header, query and body', async t => {
  const upload = 'POST content.dropboxapi.com/2/files/upload'
  const raw = Buffer.from(json({ path: '/d/snö—文.txt' })).toString('latin1')
  t.equal(operation({ request: upload, headers: { 'dropbox-api-arg': raw } }).fileName, 'snö—文.txt', 'raw UTF-8 bytes')
  t.equal(operation({ request: upload, headers: { 'dropbox-api-arg': '{"path":"/d/sn\\u00f6.txt"}' } }).fileName, 'snö.txt')
  t.equal(operation({ request: `${upload}?arg=${encodeURIComponent(json({ path: '/d/sn ö.txt' }))}` }).fileName, 'sn ö.txt')
  t.equal(operation({ request: upload, headers: arg({ path: 'id:abc' }) }).fileName, undefined)
  t.equal(
    operation({ request: upload, headers: { 'dropbox-api-arg': '{"path":"/a.txt","path":"/b.txt"}' } }).fileName,
    undefined,
    'named twice',
  )
  t.match(
    operation({
      request: 'POST api.dropboxapi.com/2/files/upload_session/finish_batch_v2',
      body: json({ entries: [{ cursor: { session_id: 's', offset: 9 }, commit: { path: '/a.txt' } }] }),
    }),
    { step: 'finish', fileName: 'a.txt', size: { bytes: 9, is: 'exact' }, session: 's' },
  )
  t.match(
    operation({ request: 'POST www.dropbox.com/drops/commit_file_request_by_token?name=a%20b.txt&reported_total_size=7', body: '[]' }),
    { step: 'finish', fileName: 'a b.txt', size: { bytes: 7, is: 'exact' } },
  )
})

t.test('Google: sizes', async t => {
  const put = 'PUT www.googleapis.com/upload/drive/v3/files?uploadType=resumable&upload_id=u1'
  const range = (value: string): Readonly<Record<string, string>> => ({ 'content-range': value })
  t.match(
    operation({ request: put, headers: range('bytes 10-19/30'), length: 10 }),
    { size: { bytes: 30, is: 'exact' }, offset: 10, session: 'u1', step: 'chunk' },
  )
  t.match(operation({ request: put, headers: range('bytes 10-19/*'), length: 10 }), { size: { bytes: 20, is: 'at-least' } })
  t.match(
    operation({ request: put, headers: range('bytes 0-9/10'), length: 1000 }),
    { size: { bytes: 1000, is: 'exact' } },
    'a large body is not talked small',
  )
  t.match(
    operation({ request: put, length: 40 }),
    { size: { bytes: 40, is: 'exact' }, step: 'chunk' },
    'all of it, without a range',
  )
  t.match(operation({ request: put, headers: range('nonsense'), length: 40 }), { size: { bytes: 40 }, step: 'chunk' })
  const start = 'POST www.googleapis.com/upload/drive/v3/files?uploadType=resumable'
  t.match(operation({ request: start, headers: { 'x-upload-content-length': '9', 'x-upload-content-type': 'text/plain' }, body: '{"name":"a.txt"}' }),
    { step: 'start', size: { bytes: 9, is: 'exact' }, fileName: 'a.txt', contentType: 'text/plain' })
  t.match(
    operation({ request: start, headers: { 'x-upload-content-length': '9' }, length: 1e6 }),
    { size: { bytes: 1e6, is: 'at-least' } },
  )
  t.match(
    operation({ request: `${start}&uploadType=media`, headers: { 'x-upload-content-length': '9' }, length: 500 }),
    { step: 'single', size: { bytes: 500 } },
    'two kinds claimed',
  )
  t.match(
    operation({ request: 'POST www.googleapis.com/upload/drive/v3/files?uploadType=multipart', length: 500 }),
    { size: { bytes: 500, is: 'exact' } },
  )
})

t.test('Google: the type of a file that a start announces', async t => {
  const request = 'POST www.googleapis.com/upload/drive/v3/files?uploadType=resumable'
  const own = { 'content-type': 'application/json; charset=UTF-8' }
  t.equal(operation({ request, headers: own, body: json({ name: 'a.pdf' }) }).contentType, undefined)
  t.equal(operation({ request, headers: own, body: json({ name: 'a.pdf', mimeType: 'application/pdf' }) }).contentType, 'application/pdf')
  const zip = { ...own, 'x-upload-content-type': 'application/zip' }
  t.equal(operation({ request, headers: zip, body: '{}' }).contentType, 'application/zip')
  const web = { 'x-goog-upload-command': 'start', 'x-goog-upload-header-content-type': 'text/csv', ...own }
  t.equal(operation({ request, headers: web, body: '{}' }).contentType, 'text/csv')
  const media = request.replace('resumable', 'media')
  t.equal(operation({ request: media, headers: own, body: '{}' }).contentType, 'application/json', 'the file is the body')
})

t.test('Google: the name in the first part', async t => {
  const request = 'POST www.googleapis.com/upload/drive/v3/files?uploadType=multipart'
  const multipart = (first: string): string => `--b\r\nContent-Type: application/json\r\n\r\n${first}\r\n--b\r\n\r\ncontent\r\n--b--`
  const headers = { 'content-type': 'multipart/related; boundary="b"' }
  t.match(
    operation({ request, headers, body: multipart('{"name":"a.txt","mimeType":"text/csv"}') }),
    { fileName: 'a.txt', contentType: 'text/csv' },
  )
  t.match(operation({ request, headers, body: multipart('{"title":"b.txt"}') }), { fileName: 'b.txt' })
  t.equal(operation({ request, headers, body: multipart('{"name":1}') }).fileName, undefined)
  t.equal(operation({ request, headers, body: '--b\r\nno end' }).fileName, undefined)
})

t.test('Graph: names and sizes', async t => {
  const name = (path: string): string | undefined => operation({ request: `PUT graph.microsoft.com/v1.0${path}`, length: 3 }).fileName
  t.equal(name('/me/drive/root:/d/a%20b%C3%B6.txt:/content'), 'a bö.txt')
  t.equal(name('/drives/b!x/items/01A/children/a.txt/content'), 'a.txt')
  t.equal(name('/drives/b%21x/items/01A/content'), undefined, 'an id is no name')
  t.equal(name('/sites/contoso.sharepoint.com:/sites/eng:/drive/root:/d/a.txt:/content'), 'a.txt')
  t.equal(name('/sites/contoso.sharepoint.com:/sites/eng:/drive/items/01A/content'), undefined)
  const start = 'POST graph.microsoft.com/v1.0/me/drive/items/01A/createUploadSession'
  t.match(
    operation({ request: start, body: json({ item: { name: 'a.txt', fileSize: 12 } }) }),
    { fileName: 'a.txt', size: { bytes: 12, is: 'exact' }, step: 'start' },
  )
  t.match(operation({ request: start, body: json({ item: { size: '12' } }) }), { size: { bytes: 12, is: 'exact' } })
  t.match(operation({ request: start, body: json({ item: { size: 1e300 } }) }), { size: { is: 'unknown' } })
  const batch = operation({
    request: 'POST graph.microsoft.com/v1.0/$batch',
    body: json({
      requests: [
        { method: 'PUT', url: '/me/drive/root:/a.txt:/content', body: 'eHl6' },
        { method: 'PUT', url: '/me/drive/root:/b.txt:/content', body: 'eA==' },
      ],
    }),
  })
  t.match(batch, { fileName: 'a.txt', size: { bytes: 4, is: 'exact' } })
})

t.test('SharePoint REST: names, sessions, offsets', async t => {
  const site = 'POST contoso.sharepoint.com/sites/eng/_api/web'
  t.match(
    operation({ request: `${site}/GetFolderByServerRelativeUrl('/sites/eng/d')/Files/add(url='it''s.txt',overwrite=true)`, length: 3 }),
    { fileName: "it's.txt", size: { bytes: 3, is: 'exact' } },
  )
  t.match(
    operation({
      request: `${site}/GetFolderByServerRelativePath(decodedurl=@a)/Files/AddUsingPath(decodedurl=@b,overwrite=true)?@a=%27/d%27&@b=%27n%20m.txt%27`,
      length: 3,
    }),
    { fileName: 'n m.txt' },
  )
  const file = `${site}/GetFileByServerRelativeUrl('/sites/eng/d/a.txt')`
  t.match(
    operation({ request: `${file}/StartUpload(uploadId=guid'g1')`, length: 10 }),
    { step: 'start', session: 'g1', fileName: 'a.txt', size: { bytes: 10, is: 'at-least' } },
  )
  t.match(
    operation({ request: `${file}/ContinueUpload(uploadId=guid'g1',fileOffset=10)`, length: 10 }),
    { step: 'chunk', session: 'g1', offset: 10, size: { bytes: 20, is: 'at-least' } },
  )
  t.match(
    operation({ request: `${file}/FinishUpload(uploadId=guid'g1',fileOffset=20)`, length: 5 }),
    { step: 'finish', offset: 20, size: { bytes: 25, is: 'exact' } },
  )
  t.match(operation({ request: `${file}/CancelUpload(uploadId=guid'g1')` }), { activity: 'other', step: 'cancel' })
})

t.test('provider and place', async t => {
  const at = (hostAndPath: string): string => {
    const { provider, tenantHint } = operation({ request: `PUT ${hostAndPath}`, length: 1 })
    return `${provider} ${tenantHint ?? '-'}`
  }
  t.equal(at('contoso-my.sharepoint.com/personal/u/Documents/a.txt'), 'onedrive contoso')
  t.equal(at('contoso.sharepoint.com/sites/e/d/a.txt'), 'sharepoint contoso')
  t.equal(at('contoso-admin.sharepoint.com/a.txt'), 'sharepoint contoso')
  t.equal(at('a.contoso.sharepoint.com/a.txt'), 'sharepoint -', 'a deeper name is no tenant')
  t.equal(at('contoso-my.sharepoint.us/personal/u/Documents/a.txt'), 'onedrive contoso')
  t.equal(at('d.docs.live.net/0123456789abcdef/a.txt'), 'onedrive personal')
  t.equal(at('graph.microsoft.com/v1.0/me/drive/root:/a:/content'), 'onedrive -')
  t.equal(at('graph.microsoft.com/v1.0/drives/b!x/root:/a:/content'), 'onedrive -')
  t.equal(at('graph.microsoft.com/v1.0/drives/0123456789ABCDEF/root:/a:/content'), 'onedrive personal')
  t.equal(at('graph.microsoft.com/v1.0/sites/contoso.sharepoint.com,1,2/drive/root:/a:/content'), 'sharepoint contoso')
  t.equal(at('graph.microsoft.com/v1.0/sites/contoso-my.sharepoint.com,1,2/drive/root:/a:/content'), 'onedrive contoso')
  t.equal(at('graph.microsoft.com/v1.0/sites/evil.example,1,2/drive/root:/a:/content'), 'sharepoint -')
  t.equal(at('graph.microsoft.com/v1.0/groups/1/drive/root:/a:/content'), 'sharepoint -')
})

t.test('an untold length becomes an upload when the count passes the limit', async t => {
  const first = recognise({ request: 'POST www.googleapis.com/unknown', length: null })
  t.equal(first.operation.activity, 'other')
  t.equal(first.unexplainedOver, UNEXPLAINED_LIMIT)
  t.equal(explainBody(first, UNEXPLAINED_LIMIT), first)
  const over = explainBody(first, UNEXPLAINED_LIMIT + 1)
  t.match(
    over,
    { operation: { activity: 'upload', step: 'single', size: { bytes: UNEXPLAINED_LIMIT + 1, is: 'at-least' } }, reasons: ['unexplained-body'] },
  )
  const upload = recognise({ request: 'POST content.dropboxapi.com/2/files/upload', length: null })
  t.equal(upload.unexplainedOver, undefined)
  t.equal(explainBody(upload, 1e9), upload)
})

t.test('names are safe to print', async t => {
  const upload = 'POST content.dropboxapi.com/2/files/upload'
  const escaped = (text: string): string =>
    text.replace(/[^\x20-\x7e]/g, char => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
  const name = (path: string): string | undefined =>
    operation({ request: upload, headers: { 'dropbox-api-arg': escaped(json({ path })) } }).fileName
  t.equal(name('/a\u0000\n\u001b[31mb\u007f.txt'), 'a[31mb.txt')
  t.equal(name('/in\u202ecod.exe'), 'incod.exe', 'no reordering')
  t.equal(name('/\ud800x'), '\ufffdx', 'no half character')
  t.equal(name(`/${'n'.repeat(5000)}`)?.length, 1024)
  t.equal(name('/\u0007'), undefined)
})
