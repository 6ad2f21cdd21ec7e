import t from 'tap'
import { RefusedError } from '../../proxy/errors.ts'
import { HeaderTable, readHead } from '../../proxy/head.ts'
import type { RawRequest } from '../../proxy/head.ts'

const h1 = (method: string, url: string, rawHeaders: string[], minor = 1): RawRequest => ({ method, url, rawHeaders, httpVersionMajor: 1, httpVersionMinor: minor })
const h2 = (method: string, url: string, rawHeaders: string[]): RawRequest => ({ method, url, rawHeaders, httpVersionMajor: 2, httpVersionMinor: 0 })

function refusal(raw: RawRequest, scheme: 'http' | 'https' = 'https', ends = false): string {
  try {
    readHead(raw, scheme, ends)
    return 'accepted'
  } catch (error) {
    if (error instanceof RefusedError) return error.code
    throw error
  }
}

t.test('a plain request', async (t) => {
  const head = readHead(h1('POST', '/2/files/upload?x=1', ['Host', 'Content.Dropboxapi.com', 'Content-Length', '5', 'X-A', '1', 'x-a', '2']), 'https', false)
  t.match(head, { method: 'POST', host: 'content.dropboxapi.com', path: '/2/files/upload', query: 'x=1', contentLength: 5, framing: 'length', http2: false })
  t.equal(head.authority.port, 443)
  t.equal(head.headers.get('x-a'), '1, 2')
})

t.test('a table of fields: names in any case, repeated ones joined, each name once', async (t) => {
  const table = new HeaderTable(['X-A', '1', 'Cookie', 'a=b', 'x-b', '', 'COOKIE', 'c=d', 'x-A', '2', 'X_a', '3', 'te', 't'])
  t.equal(table.get('x-a'), '1, 2')
  t.equal(table.get('cookie'), 'a=b; c=d')
  t.equal(table.get('x-b'), '')
  t.equal(table.get('te'), 't')
  t.equal(table.get('x-c'), undefined)
  t.equal(table.get('x_a'), '3')
  t.strictSame([...table.names()], ['x-a', 'cookie', 'x-b', 'x_a', 'te'])
  t.strictSame(['x-a', 'cookie', 'x-b', 'x-c'].map(name => table.count(name)), [2, 2, 1, 0])
  t.strictSame([0, 3, 5].map(field => table.nameOf(field)), ['x-a', 'cookie', 'x_a'])
})

t.test('what was read of an authority once holds for that text and scheme only', async (t) => {
  for (let i = 0; i < 2; i++) {
    t.match(readHead(h1('GET', '/', ['Host', 'A.example']), 'https', false).authority, { host: 'a.example', port: 443 })
    t.match(readHead(h1('GET', '/', ['Host', 'A.example']), 'http', false).authority, { host: 'a.example', port: 80 })
    t.match(readHead(h1('GET', '/', ['Host', 'a.example:8443']), 'https', false).authority, { host: 'a.example', port: 8443 })
    t.equal(refusal(h1('GET', '/', ['Host', 'a.example:0'])), 'request.malformed')
  }
  for (let i = 0; i < 1200; i++) t.equal(readHead(h1('GET', '/', ['Host', `n${i % 600}.example`]), 'https', false).host, `n${i % 600}.example`)
})

t.test('framing', async (t) => {
  t.match(readHead(h1('POST', '/', ['Host', 'a.example', 'Transfer-Encoding', 'chunked']), 'https', false), { framing: 'unknown', contentLength: null })
  t.match(readHead(h1('GET', '/', ['Host', 'a.example']), 'https', false), { framing: 'none', contentLength: 0 })
  t.match(readHead(h2('POST', '/', [':authority', 'a.example']), 'https', false), { framing: 'unknown', contentLength: null })
  t.match(readHead(h2('GET', '/', [':authority', 'a.example']), 'https', true), { framing: 'none', contentLength: 0 })
})

t.test('what two readers could understand differently is refused', async (t) => {
  const bad = 'request.malformed'
  t.equal(refusal(h1('GET', '/', [])), bad, 'no Host')
  t.equal(refusal(h1('GET', '/', ['Host', 'a.example', 'Host', 'b.example'])), bad, 'two Hosts')
  t.equal(refusal(h1('GET', '/', ['Host', 'a.example', 'host', 'a.example'])), bad, 'the same Host twice')
  t.equal(refusal(h1('GET', '/', ['Host', 'user@a.example'])), bad)
  t.equal(refusal(h1('get', '/', ['Host', 'a.example'])), bad, 'a lower-case method')
  t.equal(refusal(h1('GET', '/a b', ['Host', 'a.example'])), bad)
  t.equal(refusal(h1('POST', '/', ['Host', 'a.example', 'Content-Length', '1', 'Content-Length', '1'])), bad)
  t.equal(refusal(h1('POST', '/', ['Host', 'a.example', 'Content-Length', '+1'])), bad)
  t.equal(refusal(h1('POST', '/', ['Host', 'a.example', 'Content-Length', '9007199254740993'])), bad)
  t.equal(refusal(h1('POST', '/', ['Host', 'a.example', 'Transfer-Encoding', 'gzip, chunked'])), bad)
  t.equal(refusal(h1('POST', '/', ['Host', 'a.example', 'Transfer-Encoding', 'chunked'], 0)), bad, 'a coding in HTTP/1.0')
  t.equal(refusal(h1('POST', '/', ['Host', 'a.example', 'Authorization', 'a', 'Authorization', 'b'])), bad)
  t.equal(refusal(h1('GET', 'http://b.example/', ['Host', 'a.example']), 'http'), 'identity.mismatch')
  t.equal(refusal(h1('GET', 'https://a.example/', ['Host', 'a.example']), 'http'), bad, 'another scheme')
  t.equal(refusal(h1('GET', 'http://a.example', ['Host', 'a.example']), 'http'), 'accepted')
  t.equal(refusal(h2('GET', '/', [':authority', 'a.example', 'host', 'b.example'])), 'identity.misdirected')
  t.equal(refusal(h2('GET', '/', [])), bad)
  t.equal(refusal(h2('POST', '/', [':authority', 'a.example', 'content-length', '5']), 'https', true), bad)
  t.equal(refusal(h1('POST', '/', ['Host', 'a.example', 'Expect', 'something'])), 'request.expectation')
})

t.test('too many fields are refused, none is dropped', async (t) => {
  const fields = Array.from({ length: 199 }, (_, i) => [`x-${i}`, '1']).flat()
  t.equal(refusal(h1('GET', '/', ['Host', 'a.example', ...fields])), 'accepted')
  t.equal(refusal(h1('GET', '/', ['Host', 'a.example', ...fields, 'x', '1'])), 'request.too-large-header')
})

t.test('header names that look like prototypes are only names', async (t) => {
  const head = readHead(h1('GET', '/', ['Host', 'a.example', '__proto__', 'x', 'constructor', 'y']), 'https', false)
  t.equal(head.headers.get('__proto__'), 'x')
  t.equal(head.headers.get('tostring'), undefined)
})
