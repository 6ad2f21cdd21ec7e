import t from 'tap'
import { operation, verdict } from './cases.ts'

const form = (...parts: readonly (readonly [string, string])[]): string =>
  parts.map(([head, text]) => `--b\r\nContent-Disposition: form-data; ${head}\r\n\r\n${text}\r\n`).join('') + '--b--\r\n'
const headers = { 'content-type': 'multipart/form-data; boundary=b' }

t.test('every way in is an upload', async t => {
  for (const [request, wanted] of [
    ['POST upload.box.com/api/2.0/files/content', 'upload single'],
    ['POST upload.app.box.com/api/2.1/files/content', 'upload single'],
    ['POST fupload.app.box.com/api/2.0/files/123/content', 'upload single'],
    ['POST upload.box.com/api/2.0/files/123/content', 'upload single'],
    ['POST upload.box.com/api/2.0/files/upload_sessions', 'upload start'],
    ['POST upload.box.com/api/2.0/files/123/upload_sessions', 'upload start'],
    ['PUT upload.box.com/api/2.0/files/upload_sessions/F9/', 'upload chunk'],
    ['POST upload.box.com/API/2.0/files/upload_sessions/F9/commit', 'upload finish'],
  ] as const) t.equal(verdict({ request, length: 100 }), wanted, request)
})

t.test('near-misses are not', async t => {
  for (const [request, wanted] of [
    ['OPTIONS api.box.com/2.0/files/content/', 'other single'],
    ['GET upload.box.com/api/2.0/files/upload_sessions/F9/parts', 'other status'],
    ['DELETE upload.box.com/api/2.0/files/upload_sessions/F9', 'other cancel'],
    ['GET api.box.com/2.0/files/1/content', 'download single'],
    ['GET dl.boxcloud.com/d/1/abc/download', 'download single'],
    ['GET api.box.com/2.0/folders/0/items', 'list single'],
    ['POST api.box.com/2.0/folders', 'change single'],
    ['POST api.box.com/2.0/files/1/copy', 'change single'],
    ['PUT api.box.com/2.0/files/1', 'change single'],
    ['POST api.box.com/2.0/collaborations', 'share single'],
    ['DELETE api.box.com/2.0/files/1', 'delete single'],
    ['POST api.box.com/oauth2/token', 'token single'],
    ['GET account.box.com/api/oauth2/authorize', 'login single'],
    ['POST account.box.com/login/credentials', 'login single'],
    ['POST app.box.com/app-api/log', 'other single'],
  ] as const) t.equal(verdict({ request, length: 100 }), wanted, request)
  t.equal(verdict({ request: 'PUT api.box.com/2.0/files/1', body: '{"shared_link":{"access":"open"}}' }), 'share single')
  t.equal(verdict({ request: 'OPTIONS api.box.com/2.0/files/content', length: 20_000 }), 'upload single unexplained-body')
  t.equal(verdict({ request: 'POST app.box.com/app-api/log', length: 20_000 }), 'upload single unexplained-body')
})

t.test('settings, shares and lists beside files', async t => {
  for (const [request, wanted] of [
    ['POST api.box.com/2.0/files/1/versions/current', 'change single'],
    ['PUT api.box.com/2.0/folders/1/watermark', 'change single'],
    ['POST api.box.com/2.0/tasks', 'change single'],
    ['PUT api.box.com/2.0/web_links/1', 'change single'],
    ['POST api.box.com/2.0/file_requests/1/copy', 'share single'],
    ['POST api.box.com/2.0/metadata_queries/execute_read', 'list single'],
    ['GET api.box.com/2.0/collections/1/items', 'list single'],
    ['GET api.box.com/2.0/recent_items', 'list single'],
  ] as const) {
    t.equal(verdict({ request, length: 100 }), wanted, request)
    t.equal(verdict({ request, length: 20_000 }), 'upload single unexplained-body', request)
  }
  t.equal(verdict({ request: 'POST upload.box.com/api/2.0/files/1/content', length: 100 }), 'upload single')
})

t.test('names and sizes', async t => {
  const request = 'POST upload.box.com/api/2.0/files/content'
  const file = ['name="file"; filename="other.txt"', 'x'] as const
  t.equal(operation({ request, headers, body: form(['name="attributes"', '{"name":"snö.txt","parent":{"id":"0"}}'], file) }).fileName, 'snö.txt')
  t.equal(operation({ request, headers, body: form(file) }).fileName, 'other.txt', 'without attributes')
  t.equal(operation({ request, headers, body: form(['name="attributes"', '{"name":"a","name":"b"}'], file) }).fileName, 'other.txt')
  t.match(operation({ request, headers, length: 500 }), { size: { bytes: 500, is: 'exact' } })
  t.match(operation({ request, headers, length: null }), { size: { is: 'unknown' } })
  const start = operation({ request: 'POST upload.box.com/api/2.0/files/upload_sessions', body: '{"file_size":70,"file_name":"a.bin"}' })
  t.match(start, { step: 'start', size: { bytes: 70, is: 'exact' }, fileName: 'a.bin' })
  t.match(
    operation({ request: 'PUT upload.box.com/api/2.0/files/upload_sessions/F9', headers: { 'content-range': 'bytes 8-15/70' }, length: 8 }),
    { size: { bytes: 70, is: 'exact' }, offset: 8, session: 'F9' },
  )
  const commit = operation({
    request: 'POST upload.box.com/api/2.0/files/upload_sessions/F9/commit', body: '{"parts":[{"size":40},{"size":30}]}',
  })
  t.match(commit, { size: { bytes: 70, is: 'exact' }, session: 'F9' })
})
