import t from 'tap'
import { operation, verdict } from './cases.ts'

t.test('a transfer is told by the files that it names', async t => {
  const body = '{"message":"","files":[{"name":"a.txt","size":30},{"name":"b.txt","size":40}]}'
  for (const kind of ['link', 'email']) {
    t.match(
      operation({ request: `POST wetransfer.com/api/v4/transfers/${kind}`, body }),
      { activity: 'upload', step: 'start', size: { bytes: 70, is: 'exact' }, fileName: 'a.txt' },
    )
  }
  t.match(
    operation({ request: 'POST acme.wetransfer.com/api/v4/transfers/T1/files', body: '{"name":"c.txt","size":5}' }),
    { step: 'start', size: { bytes: 5 }, fileName: 'c.txt', session: 'T1' },
  )
  t.match(
    operation({ request: 'POST wetransfer.com/api/v4/transfers/link', body: '{"files":[{"size":1},{"size":"x"}]}' }),
    { size: { is: 'unknown' } },
    'a part of a sum is not told',
  )
})

t.test('parts, ends and near-misses', async t => {
  for (const [request, wanted] of [
    ['POST wetransfer.com/api/v4/transfers/T1/files/F1/part-put-url', 'upload link'],
    ['PUT wetransfer.com/api/v4/transfers/T1/files/F1/finalize-mpp', 'upload finish'],
    ['PUT wetransfer.com/api/v4/transfers/T1/finalize', 'upload finish'],
    ['PUT storm-eu-west-1.wetransfer.net/blob/1', 'upload single'],
    ['POST wetransfer.com/api/v4/transfers/T1/download', 'download single'],
    ['GET wetransfer.com/api/v4/transfers/T1', 'list single'],
    ['DELETE wetransfer.com/api/v4/transfers/T1', 'delete single'],
    ['POST wetransfer.com/api/v4/transfers/T1/prepare-download', 'list single'],
    ['POST wetransfer.com/api/v4/transfers/T1/verify', 'change single'],
    ['GET dev.wetransfer.com/v2/transfers/T1/files/F1/upload-url/1', 'upload link'],
    ['GET dev.wetransfer.com/v2/transfers/T1', 'list single'],
    ['GET dev.wetransfer.com/v2/boards/B1', 'list single'],
    ['POST dev.wetransfer.com/v2/boards', 'change single'],
    ['POST dev.wetransfer.com/v2/boards/B1/links', 'change single'],
    ['POST wetransfer.com/api/v4/events', 'other single'],
    ['POST auth.wetransfer.com/authorize', 'login single'],
  ] as const) t.equal(verdict({ request, length: 50 }), wanted, request)
})

t.test('blocks and boards tell sizes and names in lists', async t => {
  const host = 'storm-eu-west-1.wetransfer.net'
  t.match(
    operation({
      request: `POST ${host}/api/v2/batch/preflight`,
      body: '{"items":[{"path":"d/a.bin","blocks":[{"content_length":30},{"content_length":4}]},'
        + '{"path":"b.bin","blocks":[{"content_length":6}]}]}',
    }),
    { activity: 'upload', step: 'start', size: { bytes: 40, is: 'exact' }, fileName: 'a.bin' },
  )
  t.match(
    operation({ request: `POST ${host}/api/v2/batch`, body: '{"items":[{"path":"a.bin","item_type":"file","block_ids":["x"]}]}' }),
    { activity: 'upload', step: 'start', size: { is: 'unknown' }, fileName: 'a.bin' },
  )
  t.match(
    operation({ request: `POST ${host}/api/v2/blocks`, body: '{"blocks":[{"content_length":30},{"content_length":4}]}' }),
    { activity: 'upload', step: 'link', size: { bytes: 34, is: 'exact' } },
  )
  t.match(
    operation({ request: 'POST dev.wetransfer.com/v2/boards/B1/files', body: '[{"name":"kitty.jpg","size":19},{"name":"x.jpg","size":1}]' }),
    { activity: 'upload', step: 'start', size: { bytes: 20, is: 'exact' }, fileName: 'kitty.jpg', session: 'B1' },
  )
})
