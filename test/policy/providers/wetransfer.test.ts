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
    ['POST wetransfer.com/api/v4/events', 'other single'],
    ['POST auth.wetransfer.com/authorize', 'login single'],
  ] as const) t.equal(verdict({ request, length: 50 }), wanted, request)
})
