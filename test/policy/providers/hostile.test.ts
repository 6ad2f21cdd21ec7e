import t from 'tap'
import { ACTIVITIES, REASONS, STEPS } from '../../../policy/operation.ts'
import { PROVIDERS } from '../../../policy/providers/index.ts'
import { catalogue } from '../../../policy/providers/index.ts'
import { readJson } from '../../../policy/providers/json.ts'
import type { Recognition, RequestHead } from '../../../policy/providers/provider.ts'
import { webdav } from '../../../policy/providers/webdav.ts'
import { verdict } from './cases.ts'
import { makeHead, recordings } from './recording.ts'

/** mulberry32: small, seeded, the same everywhere. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed
  return below => {
    state = (state + 0x6d2b79f5) | 0
    let x = Math.imul(state ^ (state >>> 15), 1 | state)
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x
    return ((x ^ (x >>> 14)) >>> 0) % below
  }
}

const SPLINTERS = [
  '%', '%2', '%2f', '%00', '%ff', '%c3', "'", "''", '(', ')', ':', ':/', '/', '//', '@', '=', '&', '?', '"', '{', '}', '[', ']', ',', '\\',
  '\\u0000', '\ud800', '\u202e', '\u0000', '\r\n', '-1', '1e999', '99999999999999999999', 'null', '__proto__', 'constructor', '$batch', '/content',
  '/_api/', "/files/add(url='", 'uploadSession', 'bytes */', 'bytes 9-1/0', 'multipart/related; boundary=', 'PUT', 'x'.repeat(3000),
]

function mutate(text: string, random: (below: number) => number): string {
  const at = random(text.length + 1)
  const splinter = SPLINTERS[random(SPLINTERS.length)] ?? ''
  return random(3) === 0 ? text.slice(0, at) + text.slice(at + 1 + random(8)) : text.slice(0, at) + splinter + text.slice(at)
}

const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u202a-\u202e]/

/** Why a recognition is not well formed; undefined when it is. */
function fault({ operation, reasons, peek, unexplainedOver }: Recognition): string | undefined {
  const { provider, activity, step, size, fileName, session, offset, part } = operation
  if (!PROVIDERS.some(known => known === provider) || !ACTIVITIES.includes(activity) || !STEPS.includes(step)) return 'vocabulary'
  if (!Number.isFinite(size.bytes) || size.bytes < 0 || !['exact', 'at-least', 'unknown'].includes(size.is)) return 'size'
  if (size.is === 'unknown' && size.bytes !== 0) return 'unknown size with bytes'
  if (fileName !== undefined && (fileName === '' || fileName.length > 1024 || UNPRINTABLE.test(fileName))) return `name ${fileName}`
  if (session !== undefined && (session === '' || session.length > 512)) return 'session'
  if (offset !== undefined && !(Number.isSafeInteger(offset) && offset >= 0)) return 'offset'
  if (part !== undefined && (part === '' || part.length > 128 || UNPRINTABLE.test(part))) return 'part'
  if (!reasons.every(reason => REASONS.includes(reason))) return 'reasons'
  if (Object.values(operation).includes(undefined)) return 'an undefined member'
  return peek >= 0 && peek <= 64 * 1024 && (unexplainedOver ?? 1) > 0 ? undefined : 'peek'
}

t.test('no mutation of a recorded request throws or yields something malformed', async t => {
  const random = randomFrom(20261124)
  const headers = [
    'content-type', 'content-range', 'dropbox-api-arg', 'content-encoding',
    'x-http-method', 'x-upload-content-length', 'x-goog-upload-command',
  ]
  const faults: string[] = []
  let rounds = 0
  for (const row of recordings()) {
    for (let i = 0; i < 40; i++) {
      const { head } = row
      const extra = headers.map(name => [name, head.headers.get(name) ?? ''] as const).filter(([, value]) => value !== '' || random(8) === 0)
      const mutant: RequestHead = makeHead({
        method: random(6) === 0 ? ['GET', 'PUT', 'POST', 'PATCH', 'DELETE', 'OPTIONS', 'X'][random(7)] ?? '' : head.method,
        host: head.host,
        path: random(2) === 0 ? mutate(mutate(head.path, random), random) : head.path,
        query: random(2) === 0 ? mutate(head.query, random) : head.query,
        headers: extra.map(([name, value]) => [name, random(3) === 0 ? mutate(value, random) : value] as const),
        contentLength: random(4) === 0 ? null : head.contentLength,
      })
      const module = catalogue.find(head.host)?.module
      const first = module?.recognise(mutant)
      const body = Buffer.from(mutate(mutate(row.body.toString(), random), random))
      const second = first === undefined ? undefined : module?.refine?.(mutant, first, body, random(4) !== 0)
      for (const one of [first, second]) {
        const found = one === undefined ? 'nothing' : fault(one)
        if (found !== undefined) faults.push(`${row.name}, round ${i}: ${found}`)
      }
      rounds++
    }
  }
  t.equal(rounds, 646 * 40)
  t.strictSame(faults.slice(0, 10), [])
})

t.test('hostile JSON is read or refused, and never believed twice', async t => {
  t.equal(readJson('{"a":1,"a":2}'), undefined, 'a member named twice')
  t.equal(readJson('{"a":1,"\\u0061":2}'), undefined, 'and in disguise')
  t.equal(readJson('{"a":{"b":1,"B":2}}'), undefined, 'and in another case')
  t.strictSame(readJson('{"a":{"a":"\\"a\\":"},"b":[{"a":1}]}'), { a: { a: '"a":' }, b: [{ a: 1 }] })
  t.same(readJson('{"__proto__":{"trashed":true}}'), JSON.parse('{"__proto__":{"trashed":true}}'))
  t.doesNotThrow(() => readJson('['.repeat(65536)))
  t.doesNotThrow(() => readJson('['.repeat(32768) + ']'.repeat(32768)))
  const patch = 'PATCH www.googleapis.com/drive/v3/files/1'
  t.equal(verdict({ request: patch, body: '{"__proto__":{"trashed":true}}' }), 'change single')
  t.equal(verdict({ request: patch, body: '{"trashed":"true"}' }), 'change single')
})

t.test('hostile paths, queries and headers are read in linear time', async t => {
  const n = 60_000
  const started = process.cpuUsage()
  for (const path of [
    '/'.repeat(n), '/_api/' + "'".repeat(n), '/_api/' + '/files/add('.repeat(n / 11), '/_api/web/Files/add(' + 'url='.repeat(n / 4),
    '/2/' + 'check/'.repeat(n / 6),
    '%'.repeat(n), '%c3'.repeat(n / 3), '/v1.0/me/drive/root:' + ':/'.repeat(n / 2) + 'content', '/drive/v3/files/' + 'a'.repeat(n),
    '/_api/web/Files/add(' + 'url = '.repeat(n / 6), `/_api/web/GetFile('${'a'.repeat(n)}')/StartUpload(uploadId=guid'1')`,
    `/_api/web/GetFile(${"'".repeat(n + 1)})/StartUpload(uploadId=guid'1')`, '/_api/web/Files/add(' + ",url='".repeat(n / 6),
  ]) {
    for (const host of ['content.dropboxapi.com', 'www.googleapis.com', 'graph.microsoft.com', 'contoso.sharepoint.com',
      'upload.box.com', 'gfs1.userstorage.mega.co.nz', 'p1-docws.icloud.com', 'wetransfer.com', 'b.s3.eu-west-1.amazonaws.com',
      's3.amazonaws.com', 'a.blob.core.windows.net', 'storage.googleapis.com', 'b.storage.googleapis.com', 'cloud.example',
    ]) {
      const headers = [['content-type', `multipart/related; ${'boundary='.repeat(1000)}`], ['content-range', 'bytes ' + '1'.repeat(8000)]] as const
      const head = makeHead({ method: 'POST', host, path, query: '&'.repeat(n), headers, contentLength: 5 })
      const module = host === 'cloud.example' ? webdav : catalogue.find(host)?.module
      const first = module?.recognise(head)
      if (first !== undefined) module?.refine?.(head, first, Buffer.from("--b\n'".repeat(13_000)), true)
    }
  }
  const { user } = process.cpuUsage(started)
  // Quadratic time takes minutes here.
  t.ok(user < 4e6, `${Math.round(user / 1000)} ms`)
})
