import t from 'tap'
import { catalogue } from '../../../policy/providers/index.ts'
import { operation, verdict } from './cases.ts'

t.test('hosts: files and photos, and nothing else of the service', async t => {
  for (const host of ['p12-docws.icloud.com', 'p1-drivews.icloud.com.cn', 'cvws.icloud-content.com', 'p30-uploadphotosws.icloud.com']) {
    t.equal(catalogue.find(host)?.module.id, 'icloud', host)
  }
  for (const host of ['www.icloud.com', 'p12-mailws.icloud.com', 'imap.mail.me.com', 'p-docws.icloud.com.evil.example', 'xp12-docws.icloud.com']) {
    t.equal(catalogue.find(host), undefined, host)
  }
})

t.test('an upload of three requests', async t => {
  const start = operation({
    request: 'POST p12-docws.icloud.com/ws/com.apple.CloudDocs/upload/web?token=x',
    body: '{"filename":"a b.txt","type":"FILE","size":"70","content_type":"text/plain"}',
  })
  t.match(start, { activity: 'upload', step: 'start', size: { bytes: 70, is: 'exact' }, fileName: 'a b.txt' })
  t.match(
    operation({ request: 'POST cvws.icloud-content.com/B/key/name?x=y', headers: { 'content-type': 'multipart/form-data; boundary=b' }, length: 300 }),
    { activity: 'upload', step: 'single', size: { bytes: 300, is: 'exact' } },
  )
  const finish = 'POST p12-docws.icloud.com/ws/com.apple.CloudDocs/update/documents'
  t.match(
    operation({ request: finish, body: '{"command":"add_file","data":{"size":70},"path":{"path":"a b.txt"}}' }),
    { activity: 'upload', step: 'finish', size: { bytes: 70, is: 'exact' }, fileName: 'a b.txt' },
  )
  t.equal(verdict({ request: finish, body: '{"command":"update_flags"}' }), 'change single')
  t.equal(verdict({ request: 'POST p30-uploadphotosws.icloud.com/upload?filename=a.jpg', length: 9 }), 'upload single')
})

t.test('near-misses', async t => {
  for (const [request, wanted] of [
    ['GET cvws.icloud-content.com/B/key/name', 'download single'],
    ['POST p12-drivews.icloud.com/retrieveItemDetailsInFolders', 'list single'],
    ['POST p12-drivews.icloud.com/createFolders', 'change single'],
    ['POST p12-drivews.icloud.com/moveItemsToTrash', 'delete single'],
    ['GET p12-docws.icloud.com/ws/com.apple.CloudDocs/download/by_id?document_id=x', 'download single'],
    ['GET p12-drivews.icloud.com/retrieveAppLibraries', 'list single'],
    ['POST p12-drivews.icloud.com/retrieveItemDetails', 'list single'],
    ['GET p12-docws.icloud.com/v1/enumerate/FOLDER::com.apple.CloudDocs::root?limit=100', 'list single'],
    ['GET p12-docws.icloud.com/v1/item/x', 'list single'],
    ['POST p12-docws.icloud.com/v1/item/copy/x', 'change single'],
    ['POST p12-docws.icloud.com/ws/unknown', 'other single'],
  ] as const) t.equal(verdict({ request, length: 50 }), wanted, request)
  t.equal(verdict({ request: 'POST p12-docws.icloud.com/ws/unknown', length: 20_000 }), 'upload single unexplained-body')
})
