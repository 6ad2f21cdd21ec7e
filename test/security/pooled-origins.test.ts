/**
 * Connections to origins are kept. Whatever an origin does with one while it answers the first user (one answer too many, a body
 * of another length than it said, an authentication that stays), the next request gets its own answer, with its own rights.
 */
import { writeFile } from 'node:fs/promises'
import http from 'node:http'
import https from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import type { TLSSocket } from 'node:tls'
import t from 'tap'
import type { Test } from 'tap'
import { formatPasswordHash } from '../../policy/people/password-hash.ts'
import { hashPassword } from '../../proxy/people/password.ts'
import { EVERYBODY } from '../../proxy/pool-key.ts'
import { OwnAddresses } from '../../proxy/own-addresses.ts'
import { createUpstream } from '../../proxy/upstream.ts'
import type { PooledRequestOptions } from '../../proxy/upstream.ts'
import { createVia } from '../../proxy/via.ts'
import { eventually, watchProcess } from '../e2e/observe.ts'
import { makeAuthority, startTlsServer } from '../e2e/tls-server.ts'
import { ALLOW_ALL, API, ask2, dialProxy, openHttp, openHttp2 } from '../e2e/wire.ts'
import { startWorld } from '../e2e/world.ts'
import type { World } from '../e2e/world.ts'

const faults = watchProcess(t)
const authority = await makeAuthority()
t.teardown(() => authority.close())

/** How the origin treats a request; `answer` is the one that belongs to it. */
type Misdeed = (socket: TLSSocket, answer: string) => void

const ok = (text: string): string => `HTTP/1.1 200 OK\r\nContent-Length: ${text.length}\r\n\r\n${text}`
const SURPLUS = ok('a secret of anna')
const later = (socket: TLSSocket, text: string): void => { setTimeout(() => socket.write(text), 20) }
const head = (answer: string): string => answer.slice(0, answer.indexOf('\r\n\r\n') + 4)

const MISDEEDS: Readonly<Record<string, Misdeed>> = {
  'one answer too many, in one packet': (socket, answer) => { socket.write(answer + SURPLUS) },
  'one answer too many, a moment later': (socket, answer) => {
    socket.write(answer)
    later(socket, SURPLUS)
  },
  'half an answer too many': (socket, answer) => {
    socket.write(answer)
    later(socket, SURPLUS.slice(0, 30))
  },
  'ten answers too many': (socket, answer) => { socket.write(answer + SURPLUS.repeat(10)) },
  'an informational answer too many': (socket, answer) => {
    socket.write(answer)
    later(socket, 'HTTP/1.1 103 Early Hints\r\nX-Secret: anna\r\n\r\n')
  },
  'a body longer than its length': (socket, answer) => { socket.write(`${answer}a secret of anna`) },
  'a body longer than its length, a moment later': (socket, answer) => {
    socket.write(answer)
    later(socket, 'a secret of anna')
  },
  'an answer in chunks, and garbage behind it': (socket, answer) => {
    const body = answer.slice(head(answer).length)
    socket.write(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n\r\nHTTP/1.1 200 OK\r\n`)
  },
  'informational answers before the answer': (socket, answer) => { socket.write(`HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n${answer}`) },
  'a keep-alive that is none': (socket, answer) => { socket.write(`${answer.replace('\r\n', '\r\nConnection: close\r\n')}${SURPLUS}`) },
}

/** Misdeeds where the first user gets a bodyless answer, or none. */
const ODD: Readonly<Record<string, { readonly method?: string; readonly status: number; readonly does: Misdeed }>> = {
  'HEAD with a body': { method: 'HEAD', status: 200, does: (socket) => { socket.write(SURPLUS) } },
  'HEAD with a body, a moment later': { method: 'HEAD', status: 200, does: (socket) => {
    socket.write(head(SURPLUS))
    later(socket, SURPLUS)
  } },
  '204 with a body': { status: 204, does: (socket) => { socket.write(SURPLUS.replace('200 OK', '204 No Content')) } },
  '304 with a body': { status: 304, does: (socket) => { socket.write(SURPLUS.replace('200 OK', '304 Not Modified')) } },
  '204 with an answer behind it': { status: 204, does: (socket) => { socket.write(`HTTP/1.1 204 No Content\r\n\r\n${SURPLUS}`) } },
  '101 unasked': { status: 502, does: (socket) => { socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n${SURPLUS}`) } },
  'a length and chunks': { status: 502, does: (socket) => {
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n')
    later(socket, SURPLUS)
  } },
  'two lengths': { status: 502, does: (socket) => { socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 20\r\n\r\nok') } },
}

/** What is done to every request until it is taken back. */
let misdeed: Misdeed | null = null
/** Whom each connection has authenticated, as an origin of NTLM or Negotiate does. */
const authenticated = new WeakMap<TLSSocket, string>()
const handled = new WeakMap<TLSSocket, number>()
const origin = await startTlsServer(authority.leaf({ names: [API] }), (socket, text) => {
  const requests = text.split('\r\n\r\n').slice(0, -1)
  for (const request of requests.slice(handled.get(socket) ?? 0)) {
    const shown = /^authorization: (.*)$/im.exec(request)?.[1]
    if (/^(?:ntlm|negotiate|kerberos) /i.test(shown ?? '')) authenticated.set(socket, shown ?? '')
    const answer = ok(`for ${shown ?? authenticated.get(socket) ?? 'nobody'}`)
    if (misdeed === null) socket.write(answer)
    else misdeed(socket, answer)
  }
  handled.set(socket, requests.length)
})
t.teardown(() => origin.close())

interface Answer {
  readonly status: number
  readonly body: string
}
type Ask = (world: World, from: string, credential: string | null, method?: string) => Promise<Answer>

const ask1: Ask = async (world, localAddress, credential, method = 'GET') => {
  const wire = await openHttp(world, API, { localAddress })
  wire.write(`${method} /2/x HTTP/1.1\r\nHost: ${API}\r\n${credential === null ? '' : `Authorization: ${credential}\r\n`}\r\n`)
  const { status, body } = await wire.response({ head: method === 'HEAD' })
  wire.close()
  return { status, body: body.toString('latin1') }
}
const askTwo: Ask = async (world, localAddress, credential, method = 'GET') => {
  const session = await openHttp2(world, API, { localAddress })
  const { status, body } = await ask2(session, { ':method': method, ':path': '/2/x', ...credential === null ? {} : { authorization: credential } })
  session.destroy()
  return { status, body }
}

const ANNA = '127.0.0.1'
const BOB = '127.0.0.2'

const worlds = new Map<string, World>()
for (const share of ['client', 'all']) {
  const world = await startWorld({ config: { upstream: { hosts: { [`${API}:443`]: origin.address }, ca: [authority.file], share } } })
  t.teardown(() => world.close())
  await world.setPolicy(ALLOW_ALL)
  worlds.set(share, world)
}

const VERSIONS: Readonly<Record<string, Ask>> = { 'HTTP/1.1': ask1, 'HTTP/2': askTwo }
/** Runs a test for each way to share and each version. */
async function eachWay(t: Test, run: (t: Test, world: World, ask: Ask) => Promise<void>): Promise<void> {
  for (const [share, world] of worlds) {
    for (const [version, ask] of Object.entries(VERSIONS)) await t.test(`upstream.share ${share}, ${version}`, t => run(t, world, ask))
  }
}

/** The next requests of both get their own answers. */
async function others(t: Test, world: World, ask: Ask, name: string): Promise<void> {
  misdeed = null
  await sleep(50)
  for (const [from, who] of [[BOB, 'bob'], [ANNA, 'anna'], [BOB, 'carl'], [ANNA, 'dora']] as const) {
    t.match(await ask(world, from, `Bearer ${who}`), { status: 200, body: `for Bearer ${who}` }, `${name}: ${who}`)
  }
}

t.test('an origin that answers otherwise than it should', t => eachWay(t, async (t, world, ask) => {
  for (const [name, does] of Object.entries(MISDEEDS)) {
    misdeed = does
    t.match(await ask(world, ANNA, 'Bearer anna'), { status: 200, body: 'for Bearer anna' }, name)
    await others(t, world, ask, name)
  }
  for (const [name, { method, status, does }] of Object.entries(ODD)) {
    misdeed = does
    t.equal((await ask(world, ANNA, 'Bearer anna', method)).status, status, name)
    await others(t, world, ask, name)
  }
}))

t.test('an origin that authenticates the connection', t => eachWay(t, async (t, world, ask) => {
  for (const scheme of ['NTLM', 'Negotiate', 'negotiate', 'Kerberos']) {
    t.match(await ask(world, ANNA, `${scheme} anna`), { status: 200, body: `for ${scheme} anna` })
    for (const from of [BOB, ANNA]) {
      t.match(await ask(world, from, null), { status: 200, body: 'for nobody' }, `${scheme}: who shows nothing has no rights`)
      t.match(await ask(world, from, 'Bearer bob'), { status: 200, body: 'for Bearer bob' }, scheme)
    }
  }
}))

t.test('upstream.share all: a connection is taken by the next person, after it was seen to be silent', async t => {
  const world = worlds.get('all')
  if (world === undefined) return
  const before = origin.connections()
  for (const from of [ANNA, BOB, ANNA, BOB]) t.match(await ask1(world, from, `Bearer ${from}`), { body: `for Bearer ${from}` })
  t.ok(origin.connections() <= before + 1, 'one connection for both')
})

t.test('upstream.share all: what came unasked and is not read yet answers nobody', async t => {
  const sockets: TLSSocket[] = []
  const server = await startTlsServer(authority.leaf({ names: [API] }), (socket) => {
    sockets.push(socket)
    socket.write(ok('an answer'))
  })
  const upstream = createUpstream({
    hosts: new Map([[`${API}:443`, { address: '127.0.0.1', port: server.port }]]), caFiles: [authority.file], crlFiles: [], pins: new Map(), parent: null,
    allow: [], via: createVia(), own: new OwnAddresses(), secured: () => undefined,
  })
  t.teardown(async () => {
    upstream.close()
    await server.close()
  })
  const ask = (): Promise<string> => new Promise((resolve, reject) => {
    const options: PooledRequestOptions = { host: API, port: 443, agent: upstream.httpsAgent, poolKey: EVERYBODY }
    https.request(options, (response) => { text(response).then(resolve, reject) }).on('error', reject).end()
  })
  t.equal(await ask(), 'an answer')
  t.ok(await eventually(() => Object.keys(upstream.httpsAgent.freeSockets).length === 1))
  sockets[0]?.write(SURPLUS)
  // Nothing else runs while the system brings it here.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50)
  t.equal(await ask(), 'an answer')
  t.equal(server.connections(), 2, 'of another connection')
})

t.test('the relay, upstream.share all: what came unasked and is not read yet answers nobody', async t => {
  const sockets: TLSSocket[] = []
  const server = await startTlsServer(authority.leaf({ names: [API] }), (socket) => { sockets.push(socket) })
  const upstream = createUpstream({
    hosts: new Map([[`${API}:443`, { address: '127.0.0.1', port: server.port }]]), caFiles: [authority.file], crlFiles: [], pins: new Map(), parent: null,
    allow: [], via: createVia(), own: new OwnAddresses(), secured: () => undefined,
  })
  t.teardown(async () => {
    upstream.close()
    await server.close()
  })
  const { pool } = upstream
  const keep = async (): Promise<TLSSocket> => {
    const socket = await pool.open(EVERYBODY, API, 443)
    socket.write('x')
    t.ok(await eventually(() => sockets.length > 0))
    socket.resume()
    pool.give(socket, EVERYBODY, API, 443)
    return socket
  }
  const kept = await keep()
  await pool.lookOnce()
  t.equal(pool.take(EVERYBODY, API, 443), kept, 'one that is silent is taken')
  pool.give(kept, EVERYBODY, API, 443)
  sockets[0]?.write(SURPLUS)
  // Nothing else runs while the system brings it here.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50)
  await pool.lookOnce()
  t.equal(pool.take(EVERYBODY, API, 443), null)
})

t.test('two users one after the other on one client connection: each has a connection to the origin of his own', async t => {
  const seen: { readonly port: number; readonly fields: http.IncomingHttpHeaders }[] = []
  const plain = http.createServer((request, response) => {
    seen.push({ port: request.socket.remotePort ?? 0, fields: request.headers })
    response.end('ok')
  })
  await new Promise<void>((resolve) => plain.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    plain.close()
    plain.closeAllConnections()
  })
  const password = formatPasswordHash(await hashPassword('secret'))
  const file = join(t.testdir(), 'users.yaml')
  await writeFile(file, JSON.stringify({ users: { anna: { password }, bob: { password } } }))
  const world = await startWorld({ config: {
    proxy: { auth: 'basic' }, people: { file }, upstream: { hosts: { 'plain.example:80': `127.0.0.1:${(plain.address() as AddressInfo).port}` } },
  } })
  t.teardown(() => world.close())
  const wire = await dialProxy(world)
  const fields = (user: string): string => `Host: plain.example\r\nProxy-Authorization: Basic ${Buffer.from(`${user}:secret`).toString('base64')}\r\n`
  for (const user of ['anna', 'anna', 'bob', 'anna', 'bob']) {
    wire.write(`GET http://plain.example/ HTTP/1.1\r\n${fields(user)}\r\n`)
    t.equal((await wire.response()).status, 200, user)
  }
  wire.close()
  const ports = seen.map(({ port }) => port)
  t.equal(ports[1], ports[0])
  t.not(ports[2], ports[0])
  t.strictSame(ports.slice(3), [ports[0], ports[2]], 'both are kept apart, and kept')
  t.ok(seen.every(({ fields }) => fields['proxy-authorization'] === undefined), 'the password stays here')
})

t.test('nothing would have ended the process', async t => {
  t.strictSame(faults, [])
})
