/** What the answers to session starts tell, each as the provider documents it, and what hostile ones do not. */
import t from 'tap'
import type { Operation } from '../../../policy/operation.ts'
import { catalogue } from '../../../policy/providers/index.ts'
import type { Learned } from '../../../policy/providers/provider.ts'
import { operation } from './cases.ts'
import type { Case } from './cases.ts'
import { makeHead } from './recording.ts'

interface Answer {
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
}

function learn(start: Case, { headers = {}, body }: Answer): Learned | undefined {
  const { module, head, is } = parts(start)
  const where = module.learns?.(is) ?? null
  if (where === null || module.learn === undefined) throw new Error(`${start.request} is not looked at`)
  const bytes = body === undefined ? null : Buffer.isBuffer(body) ? body : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
  return module.learn(head, is, { status: 200, header: (name) => headers[name], body: where === 'body' ? bytes : null })
}

function parts(start: Case) {
  const [, method = '', host = '', path = '', query = ''] = /^(\S+) ([^/\s]+)(\/[^?]*)(?:\?(.*))?$/s.exec(start.request) ?? []
  const module = catalogue.find(host, path)?.module
  if (module === undefined) throw new Error(`${host} is not in the catalogue`)
  return { module, head: makeHead({ method, host, path, query, headers: Object.entries(start.headers ?? {}) }), is: operation(start) }
}

/** Whether a request belongs to what was learned. */
function belongs(start: Case, answer: Answer, part: Case): Operation {
  const learned = learn(start, answer)
  const is = operation(part)
  t.equal(learned?.session, is.session, part.request)
  t.equal(learned?.provider ?? operation(start).provider, is.provider, part.request)
  t.type(is.session, 'string')
  return is
}

const DROPBOX_START: Case = { request: 'POST content.dropboxapi.com/2/files/upload_session/start', headers: { 'dropbox-api-arg': '{"close":false}' }, length: 4 }
const DROPBOX_LINK: Case = {
  request: 'POST api.dropboxapi.com/2/files/get_temporary_upload_link', body: '{"commit_info":{"path":"/d/a.txt"},"duration":3600}',
}
const GRAPH_START: Case = { request: 'POST graph.microsoft.com/v1.0/me/drive/root:/d/a.docx:/createUploadSession', body: '{"item":{}}' }
const SITE_START: Case = { request: 'POST graph.microsoft.com/v1.0/drives/b!abc/items/root:/d/a.docx:/createUploadSession', body: '{}' }
const DRIVE_START: Case = {
  request: 'POST www.googleapis.com/upload/drive/v3/files?uploadType=resumable', headers: { 'x-upload-content-length': '70' }, body: '{"name":"a.docx"}',
}
const GCS_START: Case = { request: 'POST storage.googleapis.com/upload/storage/v1/b/bucket/o?uploadType=resumable&name=a.docx', body: '{}' }
const XML_START: Case = { request: 'POST storage.googleapis.com/bucket/a.docx', headers: { 'x-goog-resumable': 'start' } }
const BOX_START: Case = { request: 'POST upload.box.com/api/2.0/files/upload_sessions', body: '{"file_name":"a.docx","file_size":70}' }

t.test('Dropbox: a start names the session of its appends, and carried the first bytes', async t => {
  const answer = { body: { session_id: 'pid_upload_session:AAA' } }
  belongs(DROPBOX_START, answer, {
    request: 'POST content.dropboxapi.com/2/files/upload_session/append_v2',
    headers: { 'dropbox-api-arg': '{"cursor":{"session_id":"pid_upload_session:AAA","offset":4}}' }, length: 4,
  })
  t.equal(learn(DROPBOX_START, answer)?.carries, true)
})

t.test('Dropbox: a temporary link is the session of what is sent to it, whatever the sender says', async t => {
  const answer = { body: { link: 'https://content.dropboxapi.com/apitul/1/bNi2uIYF51cVBND' } }
  t.match(operation(DROPBOX_LINK), { step: 'link', fileName: 'a.txt' })
  const sent = belongs(DROPBOX_LINK, answer, {
    request: 'POST content.dropboxapi.com/apitul/1/bNi2uIYF51cVBND', length: 9,
    headers: { 'dropbox-api-arg': '{"path":"/harmless.txt","cursor":{"session_id":"another"}}' },
  })
  t.equal(sent.fileName, undefined)
  t.equal(learn(DROPBOX_LINK, answer)?.carries, false)
})

t.test('Microsoft: the upload address is read as the chunks to it will be, with their provider', async t => {
  const addresses: [Case, string, string][] = [
    [GRAPH_START, 'https://contoso-my.sharepoint.com/personal/fay/_api/v2.0/drives/b!abc/items/01X/uploadSession?guid=\'0f-1\'&overwrite=True&tempauth=FAKE', 'onedrive'],
    // Graph does not tell a site's drive from a person's; the address does.
    [SITE_START, 'https://contoso.sharepoint.com/sites/eng/_api/v2.0/drives/b!abc/items/01X/uploadSession?guid=\'0f-2\'&tempauth=FAKE', 'sharepoint'],
    [GRAPH_START, 'https://my.microsoftpersonalcontent.com/personal/1a/_api/v2.0/drives/b!x/items/root/uploadSession?guid=%270f-3%27', 'onedrive'],
    [GRAPH_START, 'https://sn3302.up.1drv.com/up/fe6987415ace7X4e1eF866337', 'onedrive'],
    [GRAPH_START, 'https://api.onedrive.com/rup/8f00/KEY/items', 'onedrive'],
  ]
  for (const [start, uploadUrl, provider] of addresses) {
    const is = belongs(start, { body: { uploadUrl, expirationDateTime: '2030-01-01T00:00:00Z' } }, {
      request: `PUT ${uploadUrl.slice('https://'.length)}`, headers: { 'content-range': 'bytes 0-9/70' }, length: 10,
    })
    t.equal(is.provider, provider)
  }
})

t.test('Google: the Location of a start names the session, on Drive and on Cloud Storage', async t => {
  const chunk = { headers: { 'content-range': 'bytes 0-9/70' }, length: 10 }
  const drive = 'www.googleapis.com/upload/drive/v3/files?uploadType=resumable&upload_id=ADPycdv%2B1'
  belongs(DRIVE_START, { headers: { location: `https://${drive}` } }, { request: `PUT ${drive}`, ...chunk })
  belongs(DRIVE_START, { headers: { location: '/upload/drive/v3/files?upload_id=R1' } }, { request: 'PUT www.googleapis.com/upload/drive/v3/files?upload_id=R1', ...chunk })
  const gcs = 'storage.googleapis.com/upload/storage/v1/b/bucket/o?uploadType=resumable&name=a.docx&upload_id=G1'
  belongs(GCS_START, { headers: { location: `https://${gcs}` } }, { request: `PUT ${gcs}`, ...chunk })
  const xml = 'storage.googleapis.com/bucket/a.docx?upload_id=X1'
  belongs(XML_START, { headers: { location: `https://${xml}` } }, { request: `PUT ${xml}`, ...chunk })
  t.equal(learn(DRIVE_START, { headers: { 'x-goog-upload-url': 'https://drive.google.com/upload/x?upload_id=W1' } })?.session, 'W1')
})

t.test('Box: a start names the session of its parts', async () => {
  belongs(BOX_START, { body: { type: 'upload_session', id: 'F971964745', part_size: 1024 } }, {
    request: 'PUT upload.box.com/api/2.0/files/upload_sessions/F971964745', headers: { 'content-range': 'bytes 0-9/70' }, length: 10,
  })
})

t.test('only starts are looked at', async t => {
  const others: Case[] = [
    { request: 'POST content.dropboxapi.com/2/files/upload', length: 4 },
    { request: 'POST content.dropboxapi.com/2/files/upload_session/finish', length: 4 },
    { request: 'POST api.dropboxapi.com/2/files/list_folder', body: '{}' },
    { request: 'GET graph.microsoft.com/v1.0/me/drive/root/children' },
    { request: 'PUT graph.microsoft.com/v1.0/me/drive/root:/a.txt:/content', length: 4 },
    { request: 'POST www.googleapis.com/upload/drive/v3/files?uploadType=media', length: 4 },
    { request: 'PUT www.googleapis.com/upload/drive/v3/files?upload_id=R1', length: 4 },
    { request: 'PUT upload.box.com/api/2.0/files/upload_sessions/F9', length: 4 },
  ]
  for (const one of others) {
    const { module, is } = parts(one)
    t.equal(module.learns?.(is) ?? null, null, one.request)
  }
})

t.test('an answer of any other form teaches nothing and throws nothing', async t => {
  const texts: unknown[] = [
    undefined, '', '{', 'null', '[]', '7', '"x"', Buffer.from([0xff, 0xfe, 0]), '['.repeat(60_000), '{"a":'.repeat(9_000),
    { __proto__: null, session_id: {}, uploadUrl: [], link: 7, id: null },
    { session_id: '', uploadUrl: '', link: '', id: '' },
    { uploadUrl: 'http://contoso-my.sharepoint.com/_api/v2.0/drives/b!a/items/1/uploadSession?guid=1', link: 'ftp://x', session_id: ['a'], id: 7 },
    { uploadUrl: 'https://', link: 'https://content.dropboxapi.com/apitul/', session_id: true, id: {} },
    { uploadUrl: `https://contoso.${'a.'.repeat(150)}sharepoint.com/_api/v2.0/drives/b!a/items/1/uploadSession?guid=1` },
    { uploadUrl: 'https://[::1', link: '//content.dropboxapi.com/apitul/1/x', session_id: 1e400, id: false },
    '{"session_id":"a","session_id":"b","uploadUrl":"x","uploadUrl":"y","link":"x","link":"y","id":"1","ID":"2"}',
  ]
  for (const start of [DROPBOX_START, DROPBOX_LINK, GRAPH_START, SITE_START, BOX_START]) {
    for (const body of texts) t.equal(learn(start, { body }), undefined, `${start.request} ${String(JSON.stringify(body)).slice(0, 60)}`)
  }
  for (const location of ['', 'https://', 'x', '?', '?upload_id', '?upload_id=', 'https://[', `https://x/?${'&'.repeat(60_000)}`, '%',
    'odd://www.googleapis.com/upload/?upload_id=1', `https://${'a.'.repeat(150)}example/?upload_id=1`]) {
    for (const start of [DRIVE_START, GCS_START, XML_START]) t.equal(learn(start, { headers: { location } }), undefined, location.slice(0, 40))
  }
  t.equal(learn(DROPBOX_START, { body: { session_id: `a\u0000${'x'.repeat(9_000)}` } })?.session.length, 512, 'bounded and printable')
})
