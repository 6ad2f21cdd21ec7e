/** Requests that two readers could understand differently are refused, and nothing of them reaches the origin. */
import t from 'tap'
import { eventually, watchProcess } from '../e2e/observe.ts'
import { ALLOW_ALL, BLOCK_UPLOADS, CONTENT, UPLOAD, openHttp, upload } from '../e2e/wire.ts'
import { startWorld } from '../e2e/world.ts'
import { ENGINE } from '../engine.ts'

const faults = watchProcess(t)
const world = await startWorld()
t.teardown(() => world.close())
t.beforeEach(async () => {
  await world.origin.reset()
  await world.setPolicy(ALLOW_ALL)
})

const post = (fields: readonly string[], body = '', version = '1.1'): string =>
  [`POST ${UPLOAD} HTTP/${version}`, `Host: ${CONTENT}`, 'Dropbox-API-Arg: {"path":"/a"}', ...fields, '', body].join('\r\n')
const get = (...fields: readonly string[]): string => [`GET / HTTP/1.1`, `Host: ${CONTENT}`, ...fields, '', ''].join('\r\n')
const CHUNK = '5\r\nhello\r\n0\r\n\r\n'
const INNER = `GET /smuggled HTTP/1.1\r\nHost: ${CONTENT}\r\n\r\n`
const many = (count: number): string[] => Array.from({ length: count }, (_, i) => `X-${i}: ${i}`)

const REFUSED: Readonly<Record<string, string>> = {
  'Content-Length and Transfer-Encoding': post(['Content-Length: 5', 'Transfer-Encoding: chunked'], CHUNK),
  'Transfer-Encoding and Content-Length': post(['Transfer-Encoding: chunked', 'Content-Length: 5'], `0\r\n\r\n${INNER}`),
  'two lengths that differ': post(['Content-Length: 5', 'Content-Length: 6'], 'hello!'),
  'two lengths that agree': post(['Content-Length: 5', 'Content-Length: 5'], 'hello'),
  'a list of lengths': post(['Content-Length: 5, 5'], 'hello'),
  'a signed length': post(['Content-Length: +5'], 'hello'),
  'a negative length': post(['Content-Length: -5'], 'hello'),
  'a hexadecimal length': post(['Content-Length: 0x5'], 'hello'),
  'a length of two numbers': post(['Content-Length: 5 5'], 'hello'),
  'a length too large': post(['Content-Length: 99999999999999999999'], 'hello'),
  'an empty length': post(['Content-Length: '], ''),
  'a length behind a space': post(['Content-Length : 5'], 'hello'),
  'a coding behind a space': post(['Transfer-Encoding : chunked'], CHUNK),
  'a coding that is unknown': post(['Transfer-Encoding: xchunked'], CHUNK),
  'a coding after chunked': post(['Transfer-Encoding: chunked, identity'], CHUNK),
  'a coding before chunked': post(['Transfer-Encoding: gzip, chunked'], CHUNK),
  'chunked twice': post(['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'], CHUNK),
  'chunked in quotes': post(['Transfer-Encoding: "chunked"'], CHUNK),
  'chunked with a vertical tab': post(['Transfer-Encoding: \x0bchunked'], CHUNK),
  'chunked over a folded line': post(['Transfer-Encoding:', ' chunked'], CHUNK),
  'identity': post(['Transfer-Encoding: identity'], ''),
  'chunked in HTTP/1.0': post(['Transfer-Encoding: chunked'], CHUNK, '1.0'),
  'a chunk size in hexadecimal notation': post(['Transfer-Encoding: chunked'], '0x5\r\nhello\r\n0\r\n\r\n'),
  'a negative chunk size': post(['Transfer-Encoding: chunked'], '-5\r\nhello\r\n0\r\n\r\n'),
  'a chunk size behind a space': post(['Transfer-Encoding: chunked'], ' 5\r\nhello\r\n0\r\n\r\n'),
  'a chunk size too large': post(['Transfer-Encoding: chunked'], `FFFFFFFFFFFFFFFF1\r\nhello\r\n0\r\n\r\n`),
  'a chunk size that ends in a bare line feed': post(['Transfer-Encoding: chunked'], '5\nhello\r\n0\r\n\r\n'),
  'a chunk extension with a bare line feed': post(['Transfer-Encoding: chunked'], '5;a\nhello\r\n0\r\n\r\n'),
  'a length in the trailers': post(['Transfer-Encoding: chunked'], '0\r\nContent-Length: 1\r\n\r\n'),
  'a folded line': get('X-One: 1', ' folded'),
  'a line that is folded first': `GET / HTTP/1.1\r\n Host: ${CONTENT}\r\nHost: ${CONTENT}\r\n\r\n`,
  'bare line feeds': get('X-One: 1').replaceAll('\r\n', '\n'),
  'a bare line feed between fields': get('X-One: 1\nX-Two: 2'),
  'a bare carriage return': get('X-One: 1\rX-Two: 2'),
  'a NUL': get('X-One: a\0b'),
  'a space in a name': get('X One: 1'),
  'a field without a colon': get('X-One'),
  'an empty name': get(': 1'),
  'a method in lower case': get().replace('GET', 'get'),
  'a method that is none': get().replace('GET', 'G<T'),
  'a tab for a space': get().replace('GET ', 'GET\t'),
  'a target with a space': get().replace('/ HTTP', '/a b HTTP'),
  'a target with a fragment': get().replace('/ HTTP', '/#a HTTP'),
  'a target with a backslash': get().replace('/ HTTP', '/2\\files\\upload HTTP'),
  'a target that is no path': get().replace('/ HTTP', '2/files/upload HTTP'),
  'HTTP/0.9': 'GET /\r\n\r\n',
  'HTTP/1.2': get().replace('HTTP/1.1', 'HTTP/1.2'),
  'HTTP/3.0': get().replace('HTTP/1.1', 'HTTP/3.0'),
  'CONNECT within': `CONNECT ${CONTENT}:443 HTTP/1.1\r\nHost: ${CONTENT}\r\n\r\n`,
  'the preface of HTTP/2': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  'an unknown expectation': get('Expect: 200-ok'),
  'two media types': post(['Content-Type: text/plain', 'Content-Type: application/json', 'Content-Length: 5'], 'hello'),
  'two credentials': get('Authorization: Bearer a', 'Authorization: Bearer b'),
  '201 fields': get(...many(200)),
  '2,000 fields': get(...many(2_000)),
  'a field of 100 KB': get(`X-Large: ${'x'.repeat(100_000)}`),
}

for (const [name, request] of Object.entries(REFUSED)) {
  t.test(name, async t => {
    const wire = await openHttp(world, CONTENT)
    wire.write(request)
    const { status, headers } = await wire.response()
    const tooLarge = /[0-9] fields|KB/.test(name)
    t.ok(tooLarge ? status === 431 : [400, 405, 417].includes(status), `refused with ${status}`)
    t.notOk(headers.has('via'), 'here, not by the origin')
    wire.close()
    t.strictSame(world.origin.requests(), [], 'the origin saw nothing')
    t.strictSame(faults, [])
  })
}

t.test('200 fields pass, none of them lost', async t => {
  const wire = await openHttp(world, CONTENT)
  wire.write(get(...many(199)))
  t.equal((await wire.response()).status, 200)
  wire.close()
  const [seen] = world.origin.requests()
  t.ok(many(199).every((_, i) => seen?.headers[`x-${i}`] === String(i)))
})

t.test('a chunk that breaks after a good one never completes at the origin', async t => {
  for (const bad of ['zz\r\n', '5\nhello', '-1\r\n', '5hello\r\n']) {
    await world.origin.reset()
    const wire = await openHttp(world, CONTENT)
    wire.write(post(['Transfer-Encoding: chunked'], `5\r\nhello\r\n${bad}`))
    t.notMatch((await wire.response()).status, 200, JSON.stringify(bad))
    wire.close()
    t.ok(await eventually(() => world.origin.requests().every(({ aborted, complete }) => aborted && !complete)))
    t.strictSame(world.origin.stored(), [])
  }
})

t.test('what follows a body is a request of its own, and is decided as one', async t => {
  await world.setPolicy(BLOCK_UPLOADS)
  const wire = await openHttp(world, CONTENT)
  wire.write(Buffer.concat([
    Buffer.from(get()), Buffer.from(get().replace('/ HTTP', '/second HTTP')),
    Buffer.from(`POST /2/files/get_metadata HTTP/1.1\r\nHost: ${CONTENT}\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}`), upload('hidden'),
  ]))
  const statuses: number[] = []
  for (let i = 0; i < 4; i++) statuses.push((await wire.response()).status)
  t.equal(statuses[0], 200)
  t.equal(statuses[3], 403)
  wire.close()
  t.strictSame(world.origin.requests().map(({ path }) => path).sort(), ['/', '/2/files/get_metadata', '/second'])
  t.equal(world.origin.fileBytes(), 0)
})

t.test('trailers cannot carry what was judged in the head', async t => {
  const wire = await openHttp(world, CONTENT)
  wire.write(post(['Transfer-Encoding: chunked', 'Trailer: Dropbox-API-Arg'], '5\r\nhello\r\n0\r\nDropbox-API-Arg: {"path":"/other"}\r\n\r\n'))
  // The pipeline leaves them behind; the relay, which changes nothing, takes no part of such a request.
  t.equal((await wire.response()).status, ENGINE === 'relay' ? 400 : 200)
  wire.close()
  t.match(world.origin.stored(), ENGINE === 'relay' ? [] : [{ name: 'a', size: 5 }])
})
