/** What an origin may answer, and what it should not: the client gets what belongs to its request, whole or visibly not, and the next request its own. */
import t from 'tap'
import type { Test } from 'tap'
import { ENGINE } from '../engine.ts'
import { eventually, events, watchProcess } from './observe.ts'
import { startScriptedWorld } from './scripted-world.ts'
import type { Arrived } from './scripted-origin.ts'
import { CONTENT, openHttp } from './wire.ts'
import type { RawResponse, Wire } from './wire.ts'

const faults = watchProcess(t)
const { origin, world } = await startScriptedWorld(t, { drop: true })

const request = (method: string, path: string, body = ''): string => `${method} ${path} HTTP/1.1\r\nHost: ${CONTENT}\r\n${body === '' ? '' : `Content-Length: ${body.length}\r\n`}\r\n${body}`

/** The origin answers `/odd` with these bytes. */
function says(text: string, then: (socket: Arrived['socket']) => void = () => undefined): void {
  origin.answers.set('/odd', ({ socket }) => { socket.write(Buffer.from(text, 'latin1'), () => then(socket)) })
}

async function ask(wire: Wire, method: string, path = '/odd'): Promise<RawResponse> {
  wire.write(request(method, path))
  return wire.response({ head: method === 'HEAD' })
}

/** Another request, of the same client and of one who comes next, has its own answer. */
async function nextIsOwn(t: Test, wire: Wire, what: string): Promise<void> {
  if (!wire.over) t.equal((await ask(wire, 'GET', '/next')).body.toString(), '/next', what)
  wire.close()
  await otherIsOwn(t, what)
}

async function otherIsOwn(t: Test, what: string): Promise<void> {
  const other = await openHttp(world, CONTENT)
  t.equal((await ask(other, 'GET', '/other')).body.toString(), '/other', what)
  other.close()
}

t.test('answers without a body, whatever they say of one', async (t) => {
  for (const [method, head] of [
    ['GET', 'HTTP/1.1 204 No Content\r\n'], ['GET', 'HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n'], ['GET', 'HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n'],
    ['GET', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n'], ['GET', 'HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n'],
    ['HEAD', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n'], ['HEAD', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n'], ['HEAD', 'HTTP/1.1 200 OK\r\n'],
  ] as const) {
    says(`${head}\r\n`)
    const wire = await openHttp(world, CONTENT)
    const { status, headers } = await ask(wire, method)
    t.equal(String(status), head.slice(9, 12), head)
    if (status === 204) t.equal(headers.get('content-length'), undefined, head)
    await nextIsOwn(t, wire, head)
  }
})

t.test('answers before the answer', async (t) => {
  says('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\nContent-Length: 3\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
  const wire = await openHttp(world, CONTENT)
  wire.write(request('GET', '/odd'))
  const text = (await wire.take((bytes) => bytes.includes('\r\n\r\nok') ? bytes.length : -1)).toString('latin1')
  const lines = text.split('\r\n').filter((line) => line.startsWith('HTTP/'))
  t.strictSame(lines, [...ENGINE === 'relay' ? ['HTTP/1.1 102 Processing'] : [], 'HTTP/1.1 103 Early Hints', 'HTTP/1.1 200 OK'])
  t.notMatch(text, /content-length: 3/i, 'what follows is no content of them')
  await nextIsOwn(t, wire, 'behind informational answers')
})

t.test('a body that lasts as long as its connection', async (t) => {
  for (const line of ['HTTP/1.1 200 OK', 'HTTP/1.0 200 OK']) {
    says(`${line}\r\nX-A: 1\r\n\r\nall of it`, (socket) => { socket.end() })
    const wire = await openHttp(world, CONTENT)
    wire.write(request('GET', '/odd'))
    // The pipeline engine makes chunks of it, and the client may go on.
    const text = (await (ENGINE === 'relay' ? wire.rest() : wire.take((bytes) => bytes.includes('\r\n0\r\n\r\n') ? bytes.length : -1))).toString('latin1')
    t.match(text, /^HTTP\/1\.1 200 OK\r\n/)
    t.match(text, /all of it(?:\r\n0\r\n\r\n)?$/)
    t.match(text, ENGINE === 'relay' ? /^connection: close\r$/im : /^transfer-encoding: chunked\r$/im)
    await nextIsOwn(t, wire, line)
  }
})

t.test('an answer of HTTP/1.0 with a length', async (t) => {
  says('HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok')
  const wire = await openHttp(world, CONTENT)
  t.match(await ask(wire, 'GET'), { status: 200, whole: true })
  await nextIsOwn(t, wire, 'its connection carries no other')
})

t.test('trailers', async (t) => {
  says('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: 5\r\n\r\n')
  const wire = await openHttp(world, CONTENT)
  wire.write(request('GET', '/odd'))
  const text = (await wire.take((bytes) => bytes.includes('\r\n\r\n', bytes.indexOf('\r\n0\r\n')) ? bytes.length : -1)).toString('latin1')
  t.match(text, /\r\n0\r\n(?:X-Sum: 5\r\n)?\r\n$/)
  await nextIsOwn(t, wire, 'behind trailers')
})

t.test('what ends early, or is faulty within, is no whole answer to the client, and is held against the origin', async (t) => {
  const before = (await events(world)).length
  const cut = (socket: Arrived['socket']): void => { socket.end() }
  const all = [
    ['HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc', cut], ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n', cut], ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n', cut],
    ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nxyz\r\n', undefined], ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nContent-Length: 3\r\n\r\n', undefined],
  ] as const
  for (const [text, then] of all) {
    says(text, then)
    const wire = await openHttp(world, CONTENT)
    const { status, whole } = await ask(wire, 'GET')
    t.notOk(status === 200 && whole, text)
    // Nothing of it had left.
    if (ENGINE === 'relay' && then === undefined) t.equal(status, 502, text)
    await nextIsOwn(t, wire, text)
  }
  const found = async () => (await events(world)).slice(before).filter(({ url }) => url.path === '/odd')
  t.ok(await eventually(async () => (await found()).length === all.length))
  for (const { sluice } of await found()) t.ok(sluice.reasons.includes('upstream-failed'))
})

t.test('what is no answer', async (t) => {
  for (const text of [
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n', 'HTTP/1.1 101 X\r\n\r\n', 'HTTP/1.1 100 Continue\r\n\r\n'.repeat(250), 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc',
    'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 'HTTP/1.1 200 OK\r\nX: a\r\n folded\r\n\r\n', 'HTTP/2 200\r\n\r\n', 'SSH-2.0-OpenSSH\r\n\r\n', `HTTP/1.1 200 OK\r\nX: ${'a'.repeat(30_000)}\r\n\r\n`,
  ]) {
    says(text)
    const wire = await openHttp(world, CONTENT)
    t.equal((await ask(wire, 'GET')).status, 502, text.slice(0, 60))
    await nextIsOwn(t, wire, text.slice(0, 60))
  }
})

t.test('a head of many small fields', async (t) => {
  const fields = Array.from({ length: 1_100 }, (_, i) => `X-${i}: ${'a'.repeat(8)}\r\n`).join('')
  says(`HTTP/1.1 200 OK\r\n${fields}Content-Length: 2\r\n\r\nok`)
  const wire = await openHttp(world, CONTENT)
  const { status, headers } = await ask(wire, 'GET')
  t.equal(status, 200)
  t.equal([...headers.keys()].filter((name) => name.startsWith('x-')).length, 1_100)
  wire.close()
})

t.test('bytes behind an answer, at once or later, are no answer to the next request', async (t) => {
  const second = 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison'
  for (const [text, then] of [
    [`HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok${second}`, undefined], [`HTTP/1.1 204 No Content\r\n\r\n${second}`, undefined], [`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n${second}`, undefined],
    ['HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok', (socket: Arrived['socket']) => { socket.write(second) }], ['HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokX', undefined],
  ] as const) {
    says(text, then)
    const wire = await openHttp(world, CONTENT)
    const { body } = await ask(wire, 'GET')
    t.notMatch(body.toString(), /poison/)
    // What comes on an idle connection closes it.
    t.ok(await eventually(() => origin.sockets.size === 0), JSON.stringify(text))
    await nextIsOwn(t, wire, JSON.stringify(text))
  }
})

t.test('an answer while the request is still coming', async (t) => {
  origin.early.set('/early', ({ socket }) => { socket.write('HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno') })
  for (const more of ['', 'x'.repeat(100_000)]) {
    const wire = await openHttp(world, CONTENT)
    wire.write(`POST /early HTTP/1.1\r\nHost: ${CONTENT}\r\nContent-Type: text/plain\r\nContent-Length: 1000000\r\n\r\n${'x'.repeat(1_000)}`)
    const { status, headers, body } = await wire.response()
    t.strictSame([status, headers.get('connection'), body.toString()], [413, 'close', 'no'])
    wire.write(more)
    t.ok(await eventually(() => origin.sockets.size === 0), 'nobody else is sent on behind half a request')
    wire.close()
    await otherIsOwn(t, 'behind half a request')
  }
})

t.test('a kept connection that its origin closes as the next request comes', async (t) => {
  let closed = 0
  origin.answers.set('/race', ({ socket }) => {
    // The first time on a connection that carried another before.
    const isReused = origin.seen.filter((one) => one.socket === socket).length > 1
    if (isReused) {
      closed++
      socket.destroy()
    } else socket.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nagain')
  })
  const wire = await openHttp(world, CONTENT)
  t.equal((await ask(wire, 'GET', '/first')).body.toString(), '/first')
  t.equal((await ask(wire, 'GET', '/race')).body.toString(), 'again', 'what changes nothing is asked for once more')
  t.equal(closed, 1)
  t.equal((await ask(wire, 'GET', '/first')).body.toString(), '/first')
  wire.write(request('POST', '/race', '{}'))
  t.equal((await wire.response()).status, 502, 'what may have been done is not done again')
  t.equal(closed, 2)
  await nextIsOwn(t, wire, 'after the race')
})

t.test('a connection whose origin waits no longer than a second carries one request', async (t) => {
  says('HTTP/1.1 200 OK\r\nKeep-Alive: timeout=1\r\nContent-Length: 2\r\n\r\nok')
  const wire = await openHttp(world, CONTENT)
  for (let i = 0; i < 3; i++) t.equal((await ask(wire, 'GET')).status, 200)
  t.equal(new Set(origin.seen.map(({ socket }) => socket)).size, 3)
  wire.close()
})

t.test('nothing would have ended the process', async t => {
  t.strictSame(faults, [])
})
