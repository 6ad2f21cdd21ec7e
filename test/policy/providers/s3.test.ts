import t from 'tap'
import { catalogue } from '../../../policy/providers/index.ts'
import { operation, verdict } from './cases.ts'

t.test('hosts of all regions, and nothing else of Amazon', async t => {
  for (const host of [
    's3.amazonaws.com', 'b.s3.amazonaws.com', 'a.b.s3.amazonaws.com', 's3.eu-west-1.amazonaws.com', 'b.s3.eu-west-1.amazonaws.com',
    's3-us-west-2.amazonaws.com', 'b.s3-us-west-2.amazonaws.com', 's3.dualstack.eu-west-1.amazonaws.com', 'b.s3.dualstack.eu-west-1.amazonaws.com',
    'b.s3-accelerate.amazonaws.com', 'b.s3-accelerate.dualstack.amazonaws.com', 'ap-123.s3-accesspoint.eu-west-1.amazonaws.com',
    's3.cn-north-1.amazonaws.com.cn', 'b--use1-az4--x-s3.s3express-use1-az4.us-east-1.amazonaws.com', 's3-fips.us-gov-west-1.amazonaws.com',
  ]) t.equal(catalogue.find(host)?.module.id, 's3', host)
  for (const host of [
    'ec2.eu-west-1.amazonaws.com', 'x.execute-api.eu-west-1.amazonaws.com', 'amazonaws.com', 'eu-west-1.amazonaws.com', 'xs3.amazonaws.com',
    's3.amazonaws.com.evil.example', 'console.aws.amazon.com',
  ]) t.equal(catalogue.find(host), undefined, host)
})

t.test('the bucket stands in the host or in the path', async t => {
  for (const request of [
    'PUT mine.s3.amazonaws.com/d/a%20b.txt', 'PUT s3.amazonaws.com/Mine/d/a%20b.txt', 'PUT mine.s3.eu-west-1.amazonaws.com//d/a%20b.txt',
    'PUT s3.eu-west-1.amazonaws.com/mine/d/a%20b.txt', 'PUT mine.s3-accelerate.dualstack.amazonaws.com/d/a%20b.txt',
    'PUT s3-us-west-2.amazonaws.com/mine/d/a%20b.txt', 'PUT s3.dualstack.eu-west-1.amazonaws.com/mine/a%20b.txt',
    'PUT mine.s3.cn-north-1.amazonaws.com.cn/a%20b.txt?X-Amz-Signature=x&X-Amz-Expires=900',
  ]) {
    t.match(
      operation({ request, length: 70 }),
      { provider: 's3', activity: 'upload', step: 'single', tenantHint: 'mine', fileName: 'a b.txt', size: { bytes: 70, is: 'exact' } },
      request,
    )
  }
  t.equal(operation({ request: 'PUT my.s3.data.s3.amazonaws.com/a', length: 1 }).tenantHint, 'my.s3.data')
})

t.test('uploads in parts', async t => {
  for (const [request, wanted] of [
    ['POST b.s3.amazonaws.com/k?uploads', 'upload start'],
    ['POST b.s3.amazonaws.com/k?uploads=', 'upload start'],
    ['PUT b.s3.amazonaws.com/k?partNumber=2&uploadId=U', 'upload chunk'],
    ['POST b.s3.amazonaws.com/k?uploadId=U', 'upload finish'],
    ['DELETE b.s3.amazonaws.com/k?uploadId=U', 'other cancel'],
    ['GET b.s3.amazonaws.com/k?uploadId=U', 'other status'],
    ['GET b.s3.amazonaws.com/?uploads', 'list single'],
  ] as const) t.equal(verdict({ request, length: 50 }), wanted, request)
  t.match(
    operation({ request: 'PUT b.s3.amazonaws.com/d/k.bin?partNumber=2&uploadId=U', length: 50 }),
    { session: 'U', part: '2', fileName: 'k.bin', size: { bytes: 50, is: 'at-least' } },
  )
  for (const query of ['uploadId=U', 'partNumber=2&partNumber=3&uploadId=U', `partNumber=${'2'.repeat(129)}&uploadId=U`, 'partNumber=2%00&uploadId=U']) {
    t.equal(operation({ request: `PUT b.s3.amazonaws.com/d/k.bin?${query}`, length: 50 }).part, undefined, query)
  }
  t.equal(operation({ request: 'POST b.s3.amazonaws.com/d/k.bin?partNumber=2&uploadId=U', length: 50 }).part, undefined, 'only a part has one')
})

t.test('the size of signed chunks is that of their content', async t => {
  const put = (decoded: string, length: number | null) => operation({
    request: 'PUT b.s3.amazonaws.com/k', length,
    headers: { 'content-encoding': 'aws-chunked', 'x-amz-decoded-content-length': decoded },
  }).size
  t.strictSame(put('65536', 65_709), { bytes: 65_536, is: 'exact' })
  t.strictSame(put('65536', null), { bytes: 65_536, is: 'at-least' }, 'the framing is not told: counted as it comes')
  t.strictSame(put('10', 65_709), { bytes: 65_709, is: 'exact' }, 'a large body is not talked small')
  t.strictSame(put('x', 65_709), { bytes: 65_709, is: 'exact' })
})

t.test('a copy is a change within a bucket, an upload from another', async t => {
  const copy = (source: string) => ({ request: 'PUT s3.amazonaws.com/mine/b.txt', headers: { 'x-amz-copy-source': source } })
  t.equal(verdict(copy('/mine/a.txt')), 'change single')
  t.equal(verdict(copy('mine%2Fa.txt?versionId=1')), 'change single')
  t.equal(verdict(copy('/theirs/a.txt')), 'upload copy-in')
  t.equal(verdict({ ...copy('/mine/a.txt'), length: 20_000 }), 'upload single unexplained-body', 'with a body')
})

t.test('forms', async t => {
  const headers = { 'content-type': 'multipart/form-data; boundary=b' }
  const part = (head: string, text: string): string => `--b\r\nContent-Disposition: form-data; ${head}\r\n\r\n${text}\r\n`
  const body = part('name="key"', 'up/${filename}') + part('name="policy"', 'x') + part('name="file"; filename="c.txt"', 'x') + '--b--'
  t.match(operation({ request: 'POST b.s3.amazonaws.com/', headers, body }), { activity: 'upload', step: 'single', fileName: 'c.txt', tenantHint: 'b' })
  t.equal(verdict({ request: 'POST b.s3.amazonaws.com/', length: 50 }), 'other single', 'no form')
  t.equal(verdict({ request: 'POST b.s3.amazonaws.com/', length: 50_000 }), 'upload single unexplained-body')
})

t.test('near-misses', async t => {
  for (const [request, wanted] of [
    ['POST b.s3.amazonaws.com/?delete', 'delete single'],
    ['DELETE b.s3.amazonaws.com/k', 'delete single'],
    ['GET b.s3.amazonaws.com/k', 'download single'],
    ['HEAD b.s3.amazonaws.com/k', 'list single'],
    ['GET b.s3.amazonaws.com/?list-type=2&prefix=d', 'list single'],
    ['GET s3.amazonaws.com/', 'list single'],
    ['PUT b.s3.amazonaws.com/', 'change single'],
    ['PUT s3.amazonaws.com/b', 'change single'],
    ['PUT b.s3.amazonaws.com/?policy', 'share single'],
    ['PUT b.s3.amazonaws.com/k?acl', 'share single'],
    ['PUT b.s3.amazonaws.com/k?tagging', 'change single'],
    ['OPTIONS b.s3.amazonaws.com/k', 'other single'],
  ] as const) t.equal(verdict({ request, length: 50 }), wanted, request)
  t.equal(verdict({ request: 'PUT b.s3.amazonaws.com/k?acl', length: 20_000 }), 'upload single unexplained-body')
})

t.test('settings of an account are no objects', async t => {
  const at = '123456789012.s3-control.us-east-1.amazonaws.com/v20180820/accesspoint/ap'
  for (const [request, wanted] of [
    [`PUT ${at}`, 'change single'], [`PUT ${at}/policy`, 'share single'], [`GET ${at}`, 'list single'], [`DELETE ${at}`, 'delete single'],
    [`PUT 123456789012.s3-control-fips.dualstack.us-gov-west-1.amazonaws.com/v20180820/accesspoint/ap`, 'change single'],
    ['PUT mine.s3-control.s3.us-east-1.amazonaws.com/a.txt', 'upload single'],
    ['PUT 123456789012.s3-control.s3.us-east-1.amazonaws.com/a.txt', 'upload single'],
    ['PUT 123456789012.s3.us-east-1.amazonaws.com/v20180820/accesspoint/ap', 'upload single'],
    ['DELETE b.s3.amazonaws.com/?lifecycle', 'change single'],
    ['DELETE b.s3.amazonaws.com/', 'delete single'],
  ] as const) t.equal(verdict({ request, length: 50 }), wanted, request)
  t.equal(verdict({ request: `PUT ${at}`, length: 20_000 }), 'upload single unexplained-body')
})

t.test('an empty object that stands for a folder is a change, and nothing else is', async t => {
  const elsewhere = { 'x-amz-copy-source': '/theirs/a.txt' }
  for (const [request, wanted, length, headers] of [
    ['PUT b.s3.amazonaws.com/d/', 'change single', 0, {}],
    ['PUT s3.amazonaws.com/b/d/', 'change single', 0, {}],
    ['PUT storage.googleapis.com/b/d/', 'change single', 0, {}],
    ['PUT b.s3.amazonaws.com/d', 'upload single', 0, {}],
    ['PUT b.s3.amazonaws.com/d/', 'upload single', 1, {}],
    ['PUT b.s3.amazonaws.com/d/', 'upload single', null, {}],
    ['PUT b.s3.amazonaws.com/d/', 'upload copy-in', 0, elsewhere],
    ['PUT storage.googleapis.com/b/d/', 'upload single', 0, elsewhere],
    ['PUT b.s3.amazonaws.com/d/?partNumber=1&uploadId=U', 'upload chunk', 0, {}],
  ] as const) t.equal(verdict({ request, length, headers }), wanted, `${request} ${length}`)
})

t.test('a copy from another bucket has the name of its key', async t => {
  const headers = { 'x-amz-copy-source': '/theirs/a.txt' }
  t.match(operation({ request: 'PUT s3.amazonaws.com/mine/d/b.zip', headers }), { step: 'copy-in', fileName: 'b.zip' })
})

t.test('what is appended to an object adds to its size', async t => {
  const request = 'PUT b--use1-az4--x-s3.s3express-use1-az4.us-east-1.amazonaws.com/d/a.log'
  t.match(
    operation({ request, headers: { 'x-amz-write-offset-bytes': '100' }, length: 20 }),
    { activity: 'upload', step: 'chunk', offset: 100, size: { bytes: 120, is: 'at-least' }, fileName: 'a.log' },
  )
  t.match(operation({ request, headers: { 'x-amz-write-offset-bytes': 'x' }, length: 20 }),
    { step: 'single', size: { bytes: 20, is: 'exact' } })
})
