import t from 'tap'
import { RefusedError } from '../../proxy/errors.ts'
import { readHead } from '../../proxy/head.ts'
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
