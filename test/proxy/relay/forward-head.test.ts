/** The heads that leave the relay say what those of the pipeline engine say: the same fields in the same order. */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { RefusedError } from '../../../proxy/errors.ts'
import { requestHeaders, responseHeaders } from '../../../proxy/forward-headers.ts'
import { readHead } from '../../../proxy/head.ts'
import type { Head } from '../../../proxy/head.ts'
import { readAnswerHead } from '../../../proxy/relay/answer-head.ts'
import { composeAnswerHead, composeRequestHead } from '../../../proxy/relay/forward-head.ts'
import { readRequestHead } from '../../../proxy/relay/request-head.ts'
import type { RequestHeadBytes } from '../../../proxy/relay/request-head.ts'

const VIA = '1.1 sluice-test'
const RUNS = 2_000

type Fields = ReadonlyArray<readonly [name: string, value: string]>

const asLines = (fields: Fields): string => fields.map(([name, value]) => `${name}:${value}\r\n`).join('')

const NAMES = [
  'Connection', 'connection', 'Keep-Alive', 'Proxy-Connection', 'Proxy-Authorization', 'Proxy-Authenticate', 'TE', 'Trailer', 'Upgrade', 'HTTP2-Settings', 'Expect', 'X-Hop', 'X-Other', 'x-other', 'X_Kept', 'Via', 'User-Agent',
  'Forwarded', 'X-Original-URL', 'X_Forwarded_Host', 'content_length', 'Restrict-Access-To-Tenants', 'restrict_access_context', 'X-GoogApps-Allowed-Domains', 'Set-Cookie', 'Alt-Svc', 'ETag', 'Content-Type', 'Date', 'A',
]
const VALUES = ['', ' ', 'close', ' X-Hop', ' keep-alive, x-other ', 'content-length, transfer-encoding, host, via', 'host=b.example', ' for=10.0.0.1', '100-continue', '\ta\t', ' 1', '\xe4', ',', 'X-Hop,,close']
const fields = (names: readonly string[]): fc.Arbitrary<Fields> => fc.array(fc.tuple(fc.constantFrom(...names), fc.constantFrom(...VALUES)), { maxLength: 12 })
const restrictions = fc.constantFrom<ReadonlyArray<readonly [string, string]>>([], [['X-GoogApps-Allowed-Domains', 'contoso.com']], [['sec-Restrict-Tenant-Access-Policy', 'x'], ['Restrict-Access-Context', 'y']])

/** Null: the relay refuses it, or hands it on. */
function request(text: string): { came: RequestHeadBytes; head: Head } | null {
  try {
    const came = readRequestHead(Buffer.from(text, 'latin1'))
    return came === 'handed-on' ? null : { came, head: readHead(came, 'https', false) }
  } catch (error) {
    if (error instanceof RefusedError) return null
    throw error
  }
}

t.test('a request', async t => {
  let taken = 0
  fc.assert(fc.property(
    fc.constantFrom('GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'PROPFIND'), fc.constantFrom('/a?b', 'https://a.example/a?b', 'https://A.example:443?b', '/'),
    fields(NAMES), fields(NAMES), fc.constantFrom<Fields>([], [['Content-Length', ' 5']], [['Transfer-Encoding', 'chunked']], [['content-length', '0']]), restrictions,
    (method, target, before, behind, framing, own) => {
      const one = request(`${method} ${target} HTTP/1.1\r\n${asLines([...before, ['Host', ' a.example'], ...framing, ...behind])}\r\n`)
      if (one === null) return
      taken++
      const { came, head } = one
      const left = readRequestHead(composeRequestHead(came, head, own, VIA))
      if (left === 'handed-on') throw new Error('it asks for WebSocket')
      assert.equal(`${left.method} ${left.url}`, `${method} ${head.target.full}`)
      // The coding stays where it stood; Node is told of it behind the others.
      const [sent, told] = [left.rawHeaders, requestHeaders(came.rawHeaders, head, own, VIA)].map(pairsLess('transfer-encoding'))
      assert.deepEqual(sent, told)
      const again = readHead(left, 'https', false)
      assert.equal(again.contentLength, head.contentLength, 'its body reaches as far')
      assert.equal(again.framing === 'unknown', head.framing === 'unknown')
    }), { numRuns: RUNS })
  t.ok(taken > RUNS / 2)
})

t.test('an answer', async t => {
  let taken = 0
  fc.assert(fc.property(
    fc.constantFrom('HTTP/1.1 200 OK', 'HTTP/1.0 200 OK', 'HTTP/1.1 204', 'HTTP/1.1 304 Not \xe4', 'HTTP/1.1 103 Early Hints', 'HTTP/1.1 500 '), fc.constantFrom('GET', 'HEAD'),
    fields(NAMES), fields(NAMES), fc.constantFrom<Fields>([], [['Content-Length', ' 5']], [['Transfer-Encoding', 'chunked']], [['content-length', '0']]), fc.boolean(),
    (line, method, before, behind, framing, close) => {
      if (line.startsWith('HTTP/1.0') && framing[0]?.[0] === 'Transfer-Encoding') return
      taken++
      const came = readAnswerHead(Buffer.from(`${line}\r\n${asLines([...before, ...framing, ...behind])}\r\n`, 'latin1'), method)
      const bytes = composeAnswerHead(came, VIA, close)
      assert.equal(bytes.toString('latin1', 0, bytes.indexOf('\r\n')), line.replace('HTTP/1.0', 'HTTP/1.1'))
      const left = readAnswerHead(bytes, method)
      const told = [...responseHeaders(came.rawHeaders, came.status), 'Via', VIA, ...close ? ['Connection', 'close'] : []]
      assert.deepEqual(pairsLess('transfer-encoding')(left.rawHeaders), pairsLess()(told))
      assert.equal(left.framing, came.framing)
      assert.equal(left.rawHeaders.some((name) => name.toLowerCase() === 'transfer-encoding'), came.framing === 'chunked')
      if (came.framing === 'length') assert.equal(left.contentLength, came.contentLength)
    }), { numRuns: RUNS })
  t.ok(taken > RUNS / 2)
})

t.test('lines that stay are the very bytes, wherever others go', async t => {
  const compose = (text: string): string => {
    const one = request(text)
    return one === null ? '' : composeRequestHead(one.came, one.head, [], VIA).toString('latin1')
  }
  const kept = 'host:  a.example \r\nX-A:\t1\r\nCookie: a=b\r\nCookie: c=d\r\n'
  t.equal(compose(`GET /a HTTP/1.1\r\n${kept}\r\n`), `GET /a HTTP/1.1\r\n${kept}Via: ${VIA}\r\n\r\n`)
  t.equal(compose(`GET /a HTTP/1.1\r\nTE: x\r\n${kept}Expect: 100-continue\r\n\r\n`), `GET /a HTTP/1.1\r\n${kept}Via: ${VIA}\r\n\r\n`)
  t.equal(compose(`POST https://a.example/b HTTP/1.1\r\nConnection: X-A\r\n${kept}\r\n`), `POST /b HTTP/1.1\r\n${kept.replace('X-A:\t1\r\n', '')}Via: ${VIA}\r\nContent-Length: 0\r\n\r\n`)
})

t.test('an informational answer says nothing of a length', async t => {
  const compose = (head: string): string => composeAnswerHead(readAnswerHead(Buffer.from(`${head}\r\n\r\n`), 'GET'), VIA, false).toString()
  t.equal(compose('HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nTransfer-Encoding: chunked'), `HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nVia: ${VIA}\r\n\r\n`)
  t.equal(compose('HTTP/1.1 102 Processing\r\nContent-Length: 5'), `HTTP/1.1 102 Processing\r\nVia: ${VIA}\r\n\r\n`)
})

/** Flat fields as pairs, names as written, without those of the names. */
function pairsLess(...less: readonly string[]): (flat: readonly string[]) => string[] {
  return (flat) => {
    const out: string[] = []
    for (let i = 0; i + 1 < flat.length; i += 2) if (!less.includes((flat[i] ?? '').toLowerCase())) out.push(`${flat[i] ?? ''}: ${flat[i + 1] ?? ''}`)
    return out
  }
}
