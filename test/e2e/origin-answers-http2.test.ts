/** What an origin may answer in HTTP/1.1, and what a client of HTTP/2 gets of it: each answer whole or visibly not, and the next request its own. */
import type { ClientHttp2Session, IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http2'
import t from 'tap'
import { ENGINE } from '../engine.ts'
import { eventually, events, metric, watchProcess } from './observe.ts'
import { startScriptedWorld } from './scripted-world.ts'
import type { Arrived } from './scripted-origin.ts'
import { CONTENT, ask2, openHttp2 } from './wire.ts'

const faults = watchProcess(t)
const { origin, world } = await startScriptedWorld(t, { drop: true })

/** The origin answers `/odd` with these bytes. */
function says(text: string, then: (socket: Arrived['socket']) => void = () => undefined): void {
  origin.answers.set('/odd', ({ socket }) => { socket.write(Buffer.from(text, 'latin1'), () => then(socket)) })
}

interface Told {
  readonly informed: readonly IncomingHttpHeaders[]
  readonly headers: IncomingHttpHeaders
  readonly body: string
  readonly trailers: IncomingHttpHeaders
  /** Of its reset; 0: it ended as a whole answer does. */
  readonly code: number
}

function ask(session: ClientHttp2Session, method = 'GET', fields: OutgoingHttpHeaders = {}, body?: string): Promise<Told> {
  return new Promise((resolve) => {
    const informed: IncomingHttpHeaders[] = []
    let headers: IncomingHttpHeaders = {}
    let trailers: IncomingHttpHeaders = {}
    let text = ''
    const stream = session.request({ ':method': method, ':path': '/odd', ...fields }, { endStream: body === undefined })
    if (body !== undefined) stream.end(body)
    stream.on('headers', (told) => informed.push(told)).on('response', (told) => { headers = told }).on('trailers', (told) => { trailers = told })
    stream.setEncoding('latin1').on('data', (piece: string) => { text += piece })
    stream.on('error', () => undefined) // its close tells
    stream.on('close', () => resolve({ informed, headers, body: text, trailers, code: stream.rstCode ?? -1 }))
  })
}

async function nextIsOwn(session: ClientHttp2Session, what: string): Promise<void> {
  t.equal((await ask2(session, { ':path': '/next' })).body, '/next', what)
}

t.test('answers without a body, whatever they say of one', async (t) => {
  const session = await openHttp2(world, CONTENT)
  for (const [method, head] of [
    ['GET', 'HTTP/1.1 204 No Content\r\n'], ['GET', 'HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n'], ['GET', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n'],
    ['HEAD', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n'], ['HEAD', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n'], ['HEAD', 'HTTP/1.1 200 OK\r\n'],
    ['GET', 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n'],
  ] as const) {
    says(`${head}\r\n`)
    const { headers, body, code } = await ask(session, method)
    t.match({ status: headers[':status'], body, code }, { status: Number(head.slice(9, 12)), body: '', code: 0 }, `${method} ${head}`)
    t.equal(headers['transfer-encoding'], undefined)
    await nextIsOwn(session, head)
  }
  session.destroy()
})

t.test('answers before the answer', async (t) => {
  says('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nConnection: x-a\r\nX-A: 1\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
  const session = await openHttp2(world, CONTENT)
  const { informed, body, code } = await ask(session)
  t.strictSame(informed.map((told) => told[':status']), [...ENGINE === 'relay' ? [102] : [], 103])
  t.match(informed.at(-1), { link: '</a.css>; rel=preload', 'x-a': undefined })
  t.match({ body, code }, { body: 'ok', code: 0 })
  await nextIsOwn(session, 'behind informational answers')
  session.destroy()
})

t.test('fields and trailers pass, what belongs to one hop does not', async (t) => {
  says('HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nX-Content-Type-Options: nosniff\r\nX-Content-Type-Options: nosniff\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=60\r\n' +
    'Alt-Svc: h3=":443"\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nall\r\n6\r\n of it\r\n0\r\nX-Sum: 9\r\n\r\n')
  const session = await openHttp2(world, CONTENT)
  const { headers, body, trailers, code } = await ask(session)
  t.match({ body, code, status: headers[':status'] }, { body: 'all of it', code: 0, status: 200 })
  t.strictSame(headers['set-cookie'], ['a=1', 'b=2'])
  for (const name of ['x-hop', 'keep-alive', 'connection', 'alt-svc', 'trailer', 'transfer-encoding']) t.equal(headers[name], undefined, name)
  t.match(headers.via, /^1\.1 /)
  t.equal(trailers['x-sum'], '9')
  await nextIsOwn(session, 'behind trailers')
  session.destroy()
})

t.test('a body that lasts as long as its connection', async (t) => {
  says('HTTP/1.1 200 OK\r\nX-A: 1\r\n\r\nall of it', (socket) => { socket.end() })
  const session = await openHttp2(world, CONTENT)
  t.match(await ask(session), { body: 'all of it', code: 0 })
  await nextIsOwn(session, 'on another connection')
  session.destroy()
})

t.test('a status that HTTP/2 does not know, and one that nobody does', async (t) => {
  const session = await openHttp2(world, CONTENT)
  for (const status of ['600 Odd', '999 Odd', '99 Odd', '101 Switching Protocols']) {
    says(`HTTP/1.1 ${status}\r\nContent-Length: 2\r\n\r\nok`)
    const { headers, code } = await ask(session)
    t.match({ status: headers[':status'], code }, { status: 502, code: 0 }, status)
    await nextIsOwn(session, status)
  }
  session.destroy()
})

t.test('a body is framed for the origin as its client framed it, or in chunks', async (t) => {
  const session = await openHttp2(world, CONTENT)
  says('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
  t.equal((await ask(session, 'POST', { 'content-length': '5' }, 'hello')).body, 'ok')
  t.equal((await ask(session, 'POST', {}, 'hello')).body, 'ok')
  t.equal((await ask(session, 'POST', {}, '')).body, 'ok')
  t.equal((await ask(session, 'POST')).body, 'ok')
  t.equal((await ask(session, 'GET', { cookie: ['a=1', 'b=2'], te: 'trailers' })).body, 'ok')
  const [said, unsaid, empty, none, get] = origin.seen.map(({ head }) => head)
  t.strictSame(origin.seen.map(({ body }) => body), ['hello', '5\r\nhello\r\n0\r\n\r\n', '0\r\n\r\n', '', ''])
  t.match(said, /^content-length: 5\r$/im)
  t.notMatch(said, /transfer-encoding/i)
  t.match(unsaid, /^transfer-encoding: chunked\r$/im)
  t.match(empty, /^transfer-encoding: chunked\r$/im)
  t.match(none, /^content-length: 0\r$/im)
  t.match(get, /^cookie: a=1; b=2\r$/im)
  t.notMatch(get, /^(?:te|content-length|transfer-encoding|:authority):/im)
  t.match(get, new RegExp(`^GET /odd HTTP/1\\.1\\r\\nHost: ${CONTENT.replaceAll('.', '\\.')}\\r\\n`))
  session.destroy()
})

t.test('CONNECT, and what is no target or method, reach nobody', async (t) => {
  const session = await openHttp2(world, CONTENT)
  const connect = session.request({ ':method': 'CONNECT', ':authority': `${CONTENT}:443` })
  connect.on('error', () => undefined) // told by its status or its reset
  const status = await new Promise((resolve) => { connect.once('response', (told) => resolve(told[':status'])).once('close', () => resolve(0)) })
  t.ok([0, 400, 405].includes(Number(status)), String(status))
  for (const fields of [{ ':path': '/odd?a="b"' }, { ':path': '/odd\\..' }, { ':method': 'ODD' }]) {
    const { headers } = await ask(session, 'GET', fields)
    // The pipeline engine takes what Node's client does.
    if (ENGINE === 'relay') t.equal(headers[':status'], 400, JSON.stringify(fields))
  }
  if (ENGINE === 'relay') t.strictSame(origin.seen, [])
  session.destroy()
})

t.test('each had one event, nothing stays, and nothing would have ended the process', async (t) => {
  t.ok(await eventually(async () => await metric(world, 'sluice_tunnels_open') === 0))
  t.ok((await events(world)).every(({ sluice }) => !sluice.reasons.includes('client-gone')))
  t.strictSame(faults, [])
})
