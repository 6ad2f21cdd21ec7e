import t from 'tap'
import { makeCatalogue } from '../../../policy/providers/catalogue.ts'
import { webdavLike } from '../../../policy/providers/webdav.ts'
import { operationOf, verdictOf } from './cases.ts'
import type { Case } from './cases.ts'

const module = webdavLike({
  id: 'webdav', account: 'webdav', hosts: [{ pattern: 'cloud.example.com', role: 'storage' }], domains: ['example.com'],
})
const catalogue = makeCatalogue([module])
const verdict = (one: Case): string => verdictOf(catalogue, one)
const operation = (one: Case) => operationOf(catalogue, one)

t.test('plain WebDAV', async t => {
  for (const [request, wanted] of [
    ['PUT cloud.example.com/remote.php/dav/files/ada/d/a%20b.txt', 'upload single'],
    ['PUT cloud.example.com/nextcloud/remote.php/webdav/a.txt', 'upload single'],
    ['PUT cloud.example.com/public.php/webdav/a.txt', 'upload single'],
    ['PUT cloud.example.com/dav/a.txt', 'upload single'],
    ['MKCOL cloud.example.com/remote.php/dav/files/ada/d', 'change single'],
    ['MOVE cloud.example.com/remote.php/dav/files/ada/a', 'change single'],
    ['COPY cloud.example.com/remote.php/dav/files/ada/a', 'change single'],
    ['PROPFIND cloud.example.com/remote.php/dav/files/ada', 'list single'],
    ['PROPPATCH cloud.example.com/remote.php/dav/files/ada/a', 'change single'],
    ['DELETE cloud.example.com/remote.php/dav/files/ada/a', 'delete single'],
    ['GET cloud.example.com/remote.php/dav/files/ada/a', 'download single'],
    ['PUT cloud.example.com/remote.php/dav/calendars/ada/work/1.ics', 'change single'],
    ['POST cloud.example.com/ocs/v2.php/apps/files_sharing/api/v1/shares', 'share single'],
    ['POST cloud.example.com/index.php/login/v2', 'login single'],
    ['POST cloud.example.com/index.php/apps/files/ajax/upload.php', 'upload batch'],
    ['POST cloud.example.com/remote.php/dav/bulk', 'upload batch'],
    ['OPTIONS cloud.example.com/remote.php/dav', 'other single'],
    ['POST cloud.example.com/index.php/heartbeat', 'other single'],
  ] as const) t.equal(verdict({ request, length: 10 }), wanted, request)
  t.match(
    operation({ request: 'PUT cloud.example.com/remote.php/dav/files/ada/d/a%20b.txt', length: 70 }),
    { provider: 'webdav', fileName: 'a b.txt', size: { bytes: 70, is: 'exact' }, tenantHint: 'cloud.example.com' },
  )
  const form = { 'content-type': 'multipart/form-data; boundary=x', 'x-file-path': '/harmless.txt' }
  t.match(operation({ request: 'PUT cloud.example.com/dav/a.zip', headers: form, length: 70 }), { fileName: 'a.zip' }, 'whatever type it claims')
  t.equal(operation({ request: 'POST cloud.example.com/remote.php/dav/bulk', headers: form, length: 70 }).fileName, undefined, 'named within')
  t.equal(
    verdict({ request: 'PUT cloud.example.com/remote.php/dav/calendars/ada/work/1.ics', length: 50_000 }),
    'upload single unexplained-body',
  )
})

t.test('what Nextcloud answers behind its scripts', async t => {
  const rows = [
    ['PUT cloud.example.com/ocs/v2.php/apps/user_status/api/v1/heartbeat', 'change single'],
    ['PUT cloud.example.com/nextcloud/ocs/v1.php/cloud/users/ada', 'change single'],
    ['PUT cloud.example.com/index.php/apps/files/api/v1/config/show_hidden', 'change single'],
    ['PATCH cloud.example.com/index.php/apps/mail/api/accounts/1', 'change single'],
    ['PUT cloud.example.com/ocs/v2.php/apps/files_sharing/api/v1/shares/1', 'share single'],
    ['PUT cloud.example.com/index.php/apps/text/session/7/push', 'edit single'],
  ] as const
  for (const [request, wanted] of rows) {
    t.equal(verdict({ request, length: 10 }), wanted, request)
    for (const length of [16 * 1024 + 1, 50_000]) t.equal(verdict({ request, length }), 'upload single unexplained-body', `${request} ${length}`)
    t.equal(verdict({ request, headers: { 'content-encoding': 'gzip' }, length: 50_000 }), 'upload single unexplained-body')
  }
  for (const [request, wanted] of [
    ['GET cloud.example.com/status.php', 'list single'],
    ['GET cloud.example.com/owncloud/status.php', 'list single'],
    ['GET cloud.example.com/ocs/v2.php/apps/notifications/api/v2/notifications', 'list single'],
    ['HEAD cloud.example.com/index.php/apps/files', 'list single'],
    ['GET cloud.example.com/index.php/core/preview?fileId=1', 'download single'],
    ['GET cloud.example.com/index.php/s/AbC/download', 'download single'],
    ['GET cloud.example.com/remote.php/dav/files/ada/status.php', 'download single'],
  ] as const) t.equal(verdict({ request }), wanted, request)
})

t.test('a folder that is named as a script hides no file', async t => {
  for (const path of [
    '/remote.php/webdav/index.php/apps/a.txt', '/remote.php/dav/files/ada/index.php/apps/a.txt', '/dav/files/ada/index.php/apps/a.txt',
    '/webdav/index.php/apps/a.txt', '/d/ocs/v2.php/apps/a.txt', '/public.php/webdav/ocs/v2.php/apps/a.txt', '/apps/text/session/a.txt',
    '/apps/files_sharing/api/v1/a.txt', '/remote.php/apps/text/session/a.txt', '/index.php/a.txt', '/index.php', '/index.php/apps%2f..%2f..%2fa.txt',
    '/index.phpx/apps/a.txt', '/apps/a.txt', '/status.php', '/index.php/apps;/..;/a.txt',
  ]) t.equal(verdict({ request: `PUT cloud.example.com${path}`, length: 10 }), 'upload single', path)
})

t.test('an upload in chunks', async t => {
  const at = 'cloud.example.com/remote.php/dav/uploads/ada/rclone-chunked-upload-1'
  const destination = { destination: 'https://cloud.example.com/remote.php/dav/files/ada/d/a%20b.txt' }
  t.match(operation({ request: `MKCOL ${at}` }), { activity: 'upload', step: 'start', session: 'rclone-chunked-upload-1' })
  t.match(
    operation({ request: `PUT ${at}/000000000010485760-000000000020971519`, length: 100 }),
    { step: 'chunk', offset: 10_485_760, size: { bytes: 10_485_860, is: 'at-least' }, session: 'rclone-chunked-upload-1' },
  )
  t.equal(operation({ request: `PUT ${at}/000000000010485760-000000000020971519`, length: 100 }).part, undefined, 'it has a place')
  t.match(
    operation({ request: `PUT ${at}/2`, headers: { ...destination, 'oc-total-length': '300' }, length: 100 }),
    { step: 'chunk', part: '2', size: { bytes: 300, is: 'exact' }, fileName: 'a b.txt' },
  )
  t.match(
    operation({ request: `MOVE ${at}/.file`, headers: { ...destination, 'oc-total-length': '300' } }),
    { activity: 'upload', step: 'finish', fileName: 'a b.txt', size: { bytes: 300, is: 'exact' } },
  )
  t.equal(verdict({ request: `DELETE ${at}` }), 'other cancel')
  t.match(
    operation({ request: 'PUT cloud.example.com/remote.php/webdav/a.txt-chunking-77-3-1', headers: { 'oc-chunked': '1', 'oc-total-length': '300' }, length: 100 }),
    { step: 'chunk', session: '77', part: '1', fileName: 'a.txt', size: { bytes: 300, is: 'exact' } },
  )
  t.match(
    operation({ request: 'PATCH cloud.example.com/dav/a.txt', headers: { 'x-update-range': 'bytes=100-199' }, length: 100 }),
    { activity: 'upload', step: 'chunk', offset: 100, size: { bytes: 200, is: 'at-least' }, fileName: 'a.txt' },
  )
})

t.test('tus', async t => {
  const metadata = `filename ${Buffer.from('snö.txt').toString('base64')},mtime MTcw`
  t.match(
    operation({ request: 'POST cloud.example.com/remote.php/dav/files/ada/', headers: { 'tus-resumable': '1.0.0', 'upload-length': '300', 'upload-metadata': metadata } }),
    { activity: 'upload', step: 'start', size: { bytes: 300, is: 'exact' }, fileName: 'snö.txt' },
  )
  const chunk = { 'tus-resumable': '1.0.0', 'upload-offset': '100' }
  const wanted = { activity: 'upload', step: 'chunk', offset: 100, size: { bytes: 150, is: 'at-least' }, session: '/data/tus/1' }
  t.match(operation({ request: 'PATCH cloud.example.com/data/tus/1', headers: chunk, length: 50 }), wanted)
  t.match(operation({ request: 'POST cloud.example.com/data/tus/1', headers: { ...chunk, 'x-http-method-override': 'PATCH' }, length: 50 }), wanted)
  t.equal(verdict({ request: 'HEAD cloud.example.com/data/tus/1', headers: { 'tus-resumable': '1.0.0' } }), 'other status')
  t.equal(verdict({ request: 'DELETE cloud.example.com/data/tus/1', headers: { 'tus-resumable': '1.0.0' } }), 'other cancel')
  t.equal(verdict({ request: 'POST cloud.example.com/data/tus', headers: { 'tus-resumable': '1.0.0', 'upload-defer-length': '1' } }), 'upload start')
})
