/** What the providers' web pages, editors and older clients send; nothing here was recorded from them. */
import t from 'tap'
import { operation, verdict } from './cases.ts'

const json = (value: unknown): string => JSON.stringify(value)

type Row = readonly [request: string, wanted: string, (string | Buffer)?, Readonly<Record<string, string>>?]

function check(rows: readonly Row[]): void {
  for (const [request, wanted, body, headers] of rows) {
    const one = { request, ...(body === undefined ? {} : { body }), ...(headers === undefined ? {} : { headers }) }
    t.equal(verdict(one), wanted, `${request} ${headers === undefined ? '' : json(headers)}`)
  }
}

t.test('Dropbox', async t => {
  check([
    ['POST dl-web.dropbox.com/put_block_returning_token?reported_block_size=9', 'upload chunk', 'x'],
    ['POST www.dropbox.com/put_block_returning_token_unauth', 'upload chunk', 'x'],
    ['POST www.dropbox.com/drops/commit_file_request_by_token?name=a.txt', 'upload finish', '[]'],
    ['POST www.dropbox.com/commit_web_upload_by_token?name=a.txt', 'upload finish', '[]'],
    ['POST www.dropbox.com/2/files/upload_session/finish_batch', 'upload finish', '{}'],
    ['POST dl-web.dropbox.com/upload', 'upload single', '--b\r\n', { 'content-type': 'multipart/form-data; boundary=b' }],
    ['POST api.dropboxapi.com/2/files/copy_reference/save', 'upload copy-in', json({ copy_reference: 'x', path: '/a.txt' })],
    ['POST api.dropboxapi.com/2/files/copy_reference/get', 'share single', json({ path: '/a.txt' })],
    ['POST api.dropboxapi.com/2/files/paper/create', 'upload single', '# text', { 'dropbox-api-arg': json({ path: '/a.paper' }) }],
    ['POST api.dropboxapi.com/2/files/paper/update', 'upload single', '# text', { 'dropbox-api-arg': json({ path: '/a.paper' }) }],
    ['POST www.dropbox.com/log/ux_analytics', 'other single', '{}'],
    ['GET www.dropbox.com/upload', 'other single'],
  ])
  t.match(operation({ request: 'POST dl-web.dropbox.com/put_block_x?reported_block_size=9&reported_block_size=90', length: 20 }),
    { size: { bytes: 90, is: 'at-least' } }, 'told twice, the larger counts')
  t.match(operation({ request: 'POST dl-web.dropbox.com/put_block_returning_token?reported_block_size=4194304&num_blocks=6', length: 4194304 }),
    { size: { bytes: 5 * 4194304, is: 'at-least' } }, 'every block but the last is as long as the others')
  t.match(operation({ request: 'POST www.dropbox.com/commit_web_upload_by_token?name=a%20b.txt&reported_total_size=90', body: '[]' }),
    { size: { bytes: 90, is: 'exact' }, fileName: 'a b.txt' })
  t.match(operation({
    request: 'POST content.dropboxapi.com/2/files/upload_session/append_batch', length: 30,
    headers: { 'dropbox-api-arg': json({ entries: [{ cursor: { session_id: 's', offset: 100 }, length: 30 }] }) },
  }), { step: 'chunk', session: 's', offset: 100, size: { bytes: 130, is: 'at-least' } })
  t.match(operation({
    request: 'POST content.dropboxapi.com/2/files/upload_session/append_batch', length: 30,
    headers: { 'dropbox-api-arg': json({ entries: [{ length: 10 }, { length: 20 }] }) },
  }), { size: { bytes: 30, is: 'at-least' } })
  t.match(operation({
    request: 'POST dl-web.dropbox.com/upload', headers: { 'content-type': 'multipart/form-data; boundary=b' },
    body: '--b\r\nContent-Disposition: form-data; name="dest"\r\n\r\n/\r\n--b\r\nContent-Disposition: form-data; name="file"; filename="a b.txt"\r\n\r\nx\r\n--b--',
  }), { step: 'single', fileName: 'a b.txt' })
})

t.test('Google', async t => {
  const command = (value: string, more: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> =>
    ({ 'x-goog-upload-protocol': 'resumable', 'x-goog-upload-command': value, ...more })
  const upload = 'POST clients6.google.com/upload/drive/v2internal/files'
  const mixed = (line: string): string => `--b\r\nContent-Type: application/http\r\n\r\n${line}\r\n\r\n--b--`
  const multipart = { 'content-type': 'multipart/mixed; boundary=b' }
  check([
    [`${upload}?uploadType=multipart&convert=true`, 'upload single', 'x'],
    [`${upload}?uploadType=resumable`, 'upload start', '{}'],
    [`${upload}?upload_id=u`, 'upload chunk', 'x', command('upload, finalize', { 'x-goog-upload-offset': '0' })],
    [`${upload}?upload_id=u`, 'upload finish', '', command('finalize')],
    [`${upload}?upload_id=u`, 'other status', '', command('query')],
    [`${upload}?upload_id=u`, 'other cancel', '', command('cancel')],
    [`${upload}?upload_id=u`, 'upload chunk', 'content', command('query')],
    ['POST docs.google.com/picker/unheard', 'upload start', '', command('start')],
    ['POST docs.google.com/upload/document/images', 'upload single', 'x'],
    ['POST docs.google.com/_/upload/photos/resumable?authuser=0', 'upload single', 'x'],
    ['POST drive.google.com/u/0/upload/drive/resumable?upload_id=u', 'upload chunk', 'x'],
    ['POST drive.google.com/a/contoso.example/upload/drive/resumable', 'upload single', 'x'],
    ['PUT content.googleapis.com/upload/drive/v3/files/1', 'upload single', 'x'],
    ['POST clients6.google.com/upload/drive/v2internal/batch', 'list batch', mixed('GET /drive/v2internal/files/1 HTTP/1.1'), multipart],
    ['POST clients6.google.com/batch/drive/v2internal', 'upload batch', mixed('POST /upload/drive/v2internal/files HTTP/1.1'), multipart],
    ['POST www.googleapis.com/batch/drive/v3', 'upload batch',
      mixed('POST /upload/drive/v3/files/1?uploadType=media HTTP/1.1\r\nX-HTTP-Method-Override: PATCH\r\n\r\nx'), multipart],
    ['POST www.googleapis.com/batch', 'upload batch unexplained-body', mixed('POST /batch HTTP/1.1'), multipart],
    ['POST docs.google.com/document/d/1/save?id=1', 'edit single', 'bundles=x'],
    ['POST docs.google.com/a/contoso.example/spreadsheets/u/0/d/1/save', 'edit single', 'bundles=x'],
    ['POST docs.google.com/document/d/1/save', 'edit single', Buffer.alloc(100_000, 'x')],
    ['POST docs.google.com/forms/d/e/1/formResponse', 'edit single', 'entry.1=x'],
    ['POST docs.googleapis.com/v1/documents/1:batchUpdate', 'edit single', '{}'],
    ['POST slides.googleapis.com/v1/presentations/1:batchUpdate', 'edit single', '{}'],
    ['POST sheets.googleapis.com/v4/spreadsheets/1:batchUpdate', 'edit single', '{}'],
    ['POST sheets.googleapis.com/v4/spreadsheets', 'edit single', '{}'],
    ['PUT sheets.googleapis.com/v4/spreadsheets/1/values/A1:B2', 'edit single', '{}'],
    ['POST sheets.googleapis.com/v4/spreadsheets/1/values/A1:append', 'edit single', '{}'],
    ['POST sheets.googleapis.com/v4/spreadsheets/1/values:batchUpdate', 'edit single', '{}'],
    ['POST sheets.googleapis.com/v4/spreadsheets/1/values:batchClear', 'edit single', '{}'],
    ['POST sheets.googleapis.com/v4/spreadsheets/1/developerMetadata:search', 'list single', '{}'],
    ['POST sheets.googleapis.com/v4/spreadsheets/1/values:batchGetByDataFilter', 'list single', '{}'],
    ['GET sheets.googleapis.com/v4/spreadsheets/1/values/A1', 'list single'],
    ['POST www.googleapis.com/drive/v3/files', 'change single', json({ name: 'a', mimeType: 'application/vnd.google-apps.document' })],
    ['POST www.googleapis.com/drive/v3/files/1/comments', 'change single', json({ content: 'x' })],
    ['PATCH www.googleapis.com/drive/v3/files/1/revisions/2', 'change single', json({ keepForever: true })],
    ['PATCH www.googleapis.com/drive/v3/files/1/revisions/2', 'share single', json({ published: true })],
    ['GET doc-0c-1k-docs.googleusercontent.com/docs/securesc/x', 'download single'],
    ['POST drive.google.com/punctual/multi-watch/channel', 'other single', 'x'],
  ])
  t.match(operation({
    request: `${upload}?upload_id=u`, length: 10, headers: command('upload, finalize', { 'x-goog-upload-offset': '20' }),
  }), { size: { bytes: 30, is: 'exact' }, offset: 20, session: 'u' })
  t.match(operation({
    request: upload, length: 0,
    headers: command('start', { 'x-goog-upload-header-content-length': '7', 'x-goog-upload-file-name': 'sn%C3%B6.txt' }),
  }), { step: 'start', size: { bytes: 7, is: 'exact' }, fileName: 'snö.txt' })
})

t.test('OneDrive', async t => {
  const item = 'my.microsoftpersonalcontent.com/personal/1/_api/v2.1/drives/1/items/1'
  const bits = (packet: string): Readonly<Record<string, string>> => ({ 'x-http-method-override': 'BITS_POST', 'bits-packet-type': packet })
  const cid = 'POST cid-0123456789abcdef.users.storage.live.com/items/1/a%20b.bin'
  check([
    [`PUT ${item}:/a.txt:/content`, 'upload single', 'x'],
    [`POST ${item}:/a.txt:/oneDrive.createUploadSession`, 'upload start', '{}'],
    [`POST onedrive.live.com/_api/v2.0/drive/items/1:/a.txt:/createUploadSession`, 'upload start', '{}'],
    [`POST ${item}/children`, 'change single', json({ name: 'new', folder: {} })],
    [cid, 'upload start', '', bits('Create-Session')],
    [cid, 'upload chunk', 'x', { ...bits('fragment'), 'content-range': 'bytes 10-10/20' }],
    [cid, 'upload finish', '', bits('Close-Session')],
    [cid, 'other cancel', '', bits('Cancel-Session')],
    [cid, 'other status', '', bits('Ping')],
    [cid, 'upload single unexplained-body', Buffer.alloc(20_000), bits('Ping')],
    [cid, 'upload chunk', 'x', { 'x-http-method-override': 'BITS_POST' }],
    ['PUT d.docs.live.net/0123456789abcdef/d/a.txt', 'upload single', 'x'],
    ['PATCH graph.microsoft.com/v1.0/me/drive/items/1/workbook/worksheets/s/range(address=\'A1\')', 'edit single', '{}'],
    ['POST graph.microsoft.com/v1.0/me/drive/items/1/workbook/createSession', 'other single', '{}'],
    ['POST graph.microsoft.com/v1.0/me/onenote/sections/1/pages', 'edit single', '<html/>'],
    ['POST graph.microsoft.com/v1.0/me/onenote/sections/1/pages', 'upload single unexplained-body', Buffer.alloc(20_000)],
  ])
  t.match(operation({ request: cid, length: 5, headers: { ...bits('Fragment'), 'content-range': 'bytes 10-14/20', 'bits-session-id': '{g}' } }),
    { size: { bytes: 20, is: 'exact' }, offset: 10, session: '{g}', fileName: 'a b.bin' })
})

t.test('SharePoint', async t => {
  const site = 'POST contoso.sharepoint.com/sites/eng'
  const query = `${site}/_vti_bin/client.svc/ProcessQuery`
  const actions = (inner: string): string => `<Request><Actions>${inner}</Actions></Request>`
  const folder = `GetFolderByServerRelativePath(DecodedUrl=@a1)/Files`
  check([
    [`${site}/_api/web/${folder}/AddUsingPath(DecodedUrl=@a2,overwrite=@a3)?@a1=%27/d%27&@a2=%27a.txt%27&@a3=true`, 'upload single', 'x'],
    [`${site}/_api/web/${folder}/AddStubUsingPath(DecodedUrl=@a2)?@a2=%27a.txt%27`, 'change single'],
    [`${site}/_api/web/${folder}/GetByPathOrAddStub(DecodedUrl=@a2)/StartUpload(uploadId=@a3)?@a2=%27a.txt%27&@a3=guid%27g%27`, 'upload start', 'x'],
    [`${site}/_vti_bin/client.svc/web/${folder}/add(url='a.txt')`, 'upload single', 'x'],
    [`${site}/_api/sitepages/AddImage(pageName=@p,imageFileName=@n)?@n=%27a.png%27`, 'upload single', 'x'],
    [`${site}/_api/sitepages/AddImageFromExternalUrl(pageName=@p,externalUrl=@u)`, 'upload copy-in'],
    [`${site}/_api/web/lists/getbytitle('l')/items(1)/AttachmentFiles/add(FileName='a.txt')`, 'upload single', 'x'],
    [`${site}/_api/web/UploadImage(listTitle=@l,imageName=@i)?@i=%27a.png%27`, 'upload single', 'x'],
    [`${site}/_api/v2.1/drive/items/1:/a.txt:/uploadSession`, 'upload start', '{}'],
    [`${site}/_api/site/CreateCopyJobs`, 'change single', '{}'],
    [`${site}/_layouts/15/UploadEx.aspx?List=1`, 'upload single', 'x'],
    [`${site}/_layouts/15/UploadMultiple.aspx?List=1`, 'upload single', 'x'],
    [`${site}/_layouts/15/AttachFile.aspx?ListId=1`, 'upload single', 'x'],
    [`${site}/_vti_bin/copy.asmx`, 'upload single', '<x/>', { soapaction: '"http://schemas.microsoft.com/sharepoint/soap/CopyIntoItems"' }],
    [`${site}/_vti_bin/copy.asmx`, 'download single', '<x/>', { soapaction: '"http://schemas.microsoft.com/sharepoint/soap/GetItem"' }],
    [`${site}/_vti_bin/lists.asmx`, 'upload single', '<x/>', { soapaction: 'http://schemas.microsoft.com/sharepoint/soap/AddAttachment' }],
    [`${site}/_vti_bin/lists.asmx`, 'other single', '<x/>', { soapaction: 'http://schemas.microsoft.com/sharepoint/soap/GetList' }],
    [`${site}/_vti_bin/listdata.svc/Documents`, 'upload single', 'x', { slug: '/d/a.txt' }],
    [`${site}/_vti_bin/wopi.ashx/files/1/contents`, 'upload single', 'x', { 'x-wopi-override': 'PUT' }],
    [`${site}/_vti_bin/wopi.ashx/files/1`, 'other single', '', { 'x-wopi-override': 'LOCK' }],
    [`${site}/_vti_bin/cellstorage.svc/CellStorageService`, 'edit single', 'x'],
    [`${site}/_vti_bin/cellstorage.svc/CellStorageService`, 'upload single unexplained-body', Buffer.alloc(20_000)],
    [query, 'other single', actions('<Query Id="1"/>')],
    [query, 'change single', actions('<Method Name="Update" Id="1"/>')],
    [query, 'delete single', actions('<Method Name="Recycle" Id="1"/>')],
    [query, 'share single', actions('<StaticMethod Name="ShareObject"/>')],
    [query, 'upload single', actions("<Method Name = 'Add'><Property Name='Content' Type = 'Base64Binary'>eA==</Property></Method>")],
    [query, 'upload single', actions('<Method Name="StartUpload"/>')],
    [query, 'upload single unexplained-body', actions('<Method Name="&#83;tartUpload"/>')],
    [query, 'upload single unexplained-body', `<!DOCTYPE r [<!ENTITY a "x">]>${actions('')}`],
    [query, 'upload single unexplained-body', Buffer.from(actions('<Method Name="StartUpload"/>'), 'utf16le')],
    [query, 'upload single unexplained-body', actions('<Query/>'.repeat(3000))],
    [query, 'upload single unexplained-body', 'x', { 'content-encoding': 'gzip' }],
  ])
  t.equal(operation({ request: `${site}/_api/sitepages/AddImage(imageFileName=@n)?@n=%27a.png%27`, length: 1 }).activity, 'upload')
  t.match(operation({ request: `${site}/_vti_bin/listdata.svc/Documents`, length: 1, headers: { slug: '/d/a%20b.txt' } }), { fileName: 'a b.txt' })
  for (const call of [`GetByPathOrAddStub(DecodedUrl=@a2)/StartUpload(uploadId=@a3)`, `AddStubUsingPath(DecodedUrl=@a2)/StartUpload(uploadId=@a3)`]) {
    t.match(operation({ request: `${site}/_api/web/${folder}/${call}?@a1=%27/d%27&@a2=%27a.txt%27&@a3=guid%27g%27`, length: 1 }),
      { step: 'start', fileName: 'a.txt', session: 'g' }, 'the file, and not its folder')
  }
  t.match(operation({
    request: `${site}/_layouts/15/UploadEx.aspx?List=1`, headers: { 'content-type': 'multipart/form-data; boundary=b' },
    body: '--b\r\nContent-Disposition: form-data; name="__VIEWSTATE"\r\n\r\n/\r\n--b\r\nContent-Disposition: form-data; name="f"; filename="a b.txt"\r\n\r\nx\r\n--b--',
  }), { activity: 'upload', step: 'single', fileName: 'a b.txt' })
  // A method in an inner request's header counts in a batch as well.
  const batch = ['--b', 'Content-Type: application/http', '', "POST https://contoso.sharepoint.com/_api/web/GetFileByServerRelativeUrl('/a')/$value HTTP/1.1",
    'X-HTTP-Method: PUT', '', 'x', '--b--'].join('\r\n')
  t.equal(verdict({ request: `${site}/_api/$batch`, headers: { 'content-type': 'multipart/mixed; boundary=b' }, body: batch }), 'upload batch')
})

t.test('FrontPage calls are told by the first line of their body', async t => {
  const author = 'POST contoso.sharepoint.com/sites/eng/_vti_bin/_vti_aut/author.dll'
  const put = 'method=put+document%3a12.0.0.6520&document=%5bdocument_name%3dd%2fa+b.docx%3bmeta_info%3d%5b%5d%5d&put_option=overwrite\n'
  check([
    [author, 'list single', 'method=getDocsMetaInfo%3a12.0.0.6520&url_list=%5b%5d\n'],
    [author, 'list single', 'method=list+documents:6.0.2.5420&service_name='],
    [author, 'download single', 'method=get+document%3a12.0\n'],
    [author, 'other single', 'method=open+service%3a12.0\n'],
    [author, 'change single', 'method=checkout+document%3a12.0\n'],
    [author, 'delete single', 'method=remove+documents%3a12.0\n'],
    [author, 'upload single', `${put}x`],
    [author, 'upload single', 'method=put+documents%3a12.0\nx'],
    [author, 'upload single', 'method=unheard+of%3a12.0\n'],
    [author, 'upload single', 'method=list+documents&method=put+document\n'],
    [author, 'upload single', 'method=list+documents;method=put+document\n'],
    [author, 'upload single', 'method=list+documents%3a12.0\ncontent'],
    [author, 'upload single', '\nmethod=list+documents'],
    [author, 'upload single', 'method=list+documents\n', { 'content-encoding': 'gzip' }],
    [`${author}?method=put+document`, 'upload single', 'method=list+documents\n'],
    [author, 'upload single unexplained-body', `method=list+documents&x=${'x'.repeat(20_000)}\n`],
    [author, 'upload single', `method=list+documents&x=${'x'.repeat(70_000)}\n`],
  ])
  t.match(operation({ request: author, body: `${put}content` }), { fileName: 'a b.docx', size: { bytes: 7, is: 'exact' } })
  const long = `method=put+document&x=${'x'.repeat(20_000)}\nx`
  t.match(operation({ request: author, body: long }), { size: { bytes: long.length, is: 'exact' } })
})
