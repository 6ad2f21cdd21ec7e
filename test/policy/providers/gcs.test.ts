import t from 'tap'
import { catalogue } from '../../../policy/providers/index.ts'
import { operation, verdict } from './cases.ts'

t.test('Drive and Storage share hosts and are told apart by the path', async t => {
  const id = (host: string, path: string): string | undefined => catalogue.find(host, path)?.module.id
  t.equal(id('www.googleapis.com', '/upload/storage/v1/b/x/o'), 'gcs')
  t.equal(id('www.googleapis.com', '//upload//Storage/v1/b/x/o'), 'gcs')
  t.equal(id('www.googleapis.com', '/upload/drive/v3/files'), 'google-drive')
  t.equal(id('www.googleapis.com', '/storagex'), 'google-drive')
  t.equal(catalogue.find('www.googleapis.com')?.module.id, 'google-drive', 'without a path')
  for (const host of ['storage.googleapis.com', 'b.storage.googleapis.com', 'storage.europe-west3.rep.googleapis.com', 'storage.cloud.google.com']) {
    t.equal(id(host, '/'), 'gcs', host)
  }
})

t.test('the JSON API', async t => {
  const at = 'storage.googleapis.com/upload/storage/v1/b/Mine/o'
  for (const [request, wanted] of [
    [`POST ${at}?uploadType=media&name=d%2Fa.txt`, 'upload single'],
    [`POST ${at}?uploadType=multipart`, 'upload single'],
    [`POST ${at}?uploadType=resumable&name=d/a.txt`, 'upload start'],
    [`PUT ${at}?uploadType=resumable&upload_id=U`, 'upload chunk'],
    [`DELETE ${at}?uploadType=resumable&upload_id=U`, 'other cancel'],
    ['POST www.googleapis.com/resumable/upload/storage/v1/b/mine/o?uploadType=resumable', 'upload start'],
    ['POST storage.googleapis.com/storage/v1/b/mine/o/a/rewriteTo/b/mine/o/b', 'change single'],
    ['POST storage.googleapis.com/storage/v1/b/theirs/o/a/rewriteTo/b/mine/o/b', 'upload copy-in'],
    ['POST storage.googleapis.com/storage/v1/b/theirs/o/a/copyTo/b/mine/o/b', 'upload copy-in'],
    ['POST storage.googleapis.com/storage/v1/b/mine/o/a/compose', 'change single'],
    ['PATCH storage.googleapis.com/storage/v1/b/mine/o/a', 'change single'],
    ['POST storage.googleapis.com/storage/v1/b?project=p', 'change single'],
    ['POST storage.googleapis.com/storage/v1/b/mine/o/a/acl', 'share single'],
    ['PUT storage.googleapis.com/storage/v1/b/mine/iam', 'share single'],
    ['DELETE storage.googleapis.com/storage/v1/b/mine/o/a', 'delete single'],
    ['GET storage.googleapis.com/storage/v1/b/mine/o?prefix=d', 'list single'],
    ['GET storage.googleapis.com/storage/v1/b/mine/o/d%2Fa?alt=media', 'download single'],
    ['GET storage.googleapis.com/download/storage/v1/b/mine/o/a?alt=media', 'download single'],
    ['POST storage.googleapis.com/storage/v1/b/mine/o/watch', 'other single'],
  ] as const) t.equal(verdict({ request, length: 50 }), wanted, request)
  t.match(
    operation({ request: `POST ${at}?uploadType=media&name=d%2Fa.txt`, length: 70 }),
    { provider: 'gcs', tenantHint: 'mine', fileName: 'a.txt', size: { bytes: 70, is: 'exact' } },
  )
  const multipart = { 'content-type': 'multipart/related; boundary=b' }
  const body = '--b\r\nContent-Type: application/json\r\n\r\n{"name":"d/b.txt","bucket":"mine"}\r\n--b\r\n\r\nx\r\n--b--'
  t.match(operation({ request: `POST ${at}?uploadType=multipart`, headers: multipart, body }), { fileName: 'b.txt', tenantHint: 'mine' })
  t.match(
    operation({ request: `PUT ${at}?upload_id=U`, headers: { 'content-range': 'bytes 10-19/30' }, length: 10 }),
    { provider: 'gcs', session: 'U', offset: 10, size: { bytes: 30, is: 'exact' }, tenantHint: 'mine' },
  )
  t.equal(verdict({ request: 'POST storage.googleapis.com/upload/storage/v2/other', length: 50_000 }), 'upload single unexplained-body')
})

t.test('the XML API', async t => {
  for (const [request, wanted, headers] of [
    ['PUT storage.googleapis.com/mine/d/a.txt', 'upload single', {}],
    ['PUT mine.storage.googleapis.com/d/a.txt?X-Goog-Signature=x', 'upload single', {}],
    ['POST mine.storage.googleapis.com/d/a.txt', 'upload start', { 'x-goog-resumable': 'start' }],
    ['PUT mine.storage.googleapis.com/d/a.txt?upload_id=U', 'upload chunk', { 'content-range': 'bytes 0-9/30' }],
    ['POST mine.storage.googleapis.com/d/a.txt?uploads', 'upload start', {}],
    ['PUT mine.storage.googleapis.com/b.txt', 'upload copy-in', { 'x-goog-copy-source': 'theirs/a.txt' }],
    ['PUT mine.storage.googleapis.com/b.txt', 'change single', { 'x-goog-copy-source': '/mine/a.txt' }],
    ['DELETE mine.storage.googleapis.com/a.txt?upload_id=U', 'other cancel', {}],
    ['GET storage.cloud.google.com/mine/a.txt', 'download single', {}],
    ['GET mine.storage.googleapis.com/a.txt', 'download single', {}],
  ] as const) t.equal(verdict({ request, headers, length: 10 }), wanted, request)
  t.equal(verdict({ request: 'PUT mine.storage.googleapis.com/a?upload_id=U', headers: { 'content-range': 'bytes */30' } }), 'other status')
  t.match(operation({ request: 'PUT mine.storage.googleapis.com/a?partNumber=7&uploadId=U', length: 10 }), { session: 'U', part: '7' })
  t.match(operation({ request: 'PUT mine.storage.googleapis.com/d/a.txt', length: 10 }), { tenantHint: 'mine', fileName: 'a.txt' })
})

t.test('calls by gRPC', async t => {
  const at = 'storage.googleapis.com/google.storage.v2.Storage'
  const start = { 'x-goog-resumable': 'start' }
  for (const [request, wanted, length, headers] of [
    [`POST ${at}/WriteObject`, 'upload single', null, {}],
    [`POST ${at}/BidiWriteObject`, 'upload single', 10, {}],
    [`POST ${at}/StartResumableWrite`, 'upload start', 10, {}],
    [`POST ${at}/ReadObject`, 'download single', 10, {}],
    [`POST ${at}/ListObjects`, 'list single', 10, {}],
    [`POST ${at}/ListObjects`, 'upload single unexplained-body', 20_000, {}],
    [`POST ${at}/RewriteObject`, 'other single', 10, {}],
    ['POST mine.storage.googleapis.com/google.storage.v2.Storage/ListObjects', 'upload start', 10, start],
    ['POST mine.storage.googleapis.com/google.storage.v2.Storage/ListObjects?uploads', 'upload start', 10, {}],
  ] as const) t.equal(verdict({ request, length, headers }), wanted, `${request} ${length}`)
})

t.test('whoever gives a session up brings nothing: a body that comes along has no explanation', async t => {
  for (const request of ['DELETE mine.storage.googleapis.com/a.txt?upload_id=U', 'DELETE storage.googleapis.com/upload/storage/v1/b/mine/o?uploadType=resumable&upload_id=U']) {
    t.equal(verdict({ request, length: 10 }), 'other cancel', request)
    t.equal(verdict({ request, length: 20_000 }), 'upload single unexplained-body', `${request}, large`)
  }
})
