/** How long connections of clients last, and how many requests each carries: what has reached a limit ends, what is under way is not cut. */
import type { ClientHttp2Session } from 'node:http2'
import { Duplex } from 'node:stream'
import tls from 'node:tls'
import t from 'tap'
import { judgeTunnel } from '../../proxy/tunnel-watch.ts'
import { events, eventually, metric, watchProcess } from '../e2e/observe.ts'
import { API, CONTENT, UPLOAD, Wire, answerOf, ask2, connect, dialProxy, openHttp, openHttp2, secure, upload } from '../e2e/wire.ts'
import type { World } from '../e2e/world.ts'
import { BLIND, limitedWorlds } from './limited-world.ts'

const faults = watchProcess(t)
const { start } = await limitedWorlds(t)
/** Sluice looks once a second, and the machine may be busy. */
const SOON_MS = 12_000

/** RFC 9113 §6.5: an empty SETTINGS frame. */
const NO_SETTINGS = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0])
const PAC = 'GET /proxy.pac HTTP/1.1\r\nHost: proxy.example\r\n\r\n'
const ended = (world: World, limit: string): Promise<number> => metric(world, 'sluice_connections_ended_total', { limit })

async function openBlind(world: World): Promise<Wire> {
  const { socket } = await connect(world, `${BLIND}:443`)
  const wire = new Wire(socket)
  wire.write('begin')
  await echoed(wire, 'begin')
  return wire
}

async function openWebSocket(world: World): Promise<Wire> {
  const wire = await openHttp(world, API)
  wire.write(`GET /ws HTTP/1.1\r\nHost: ${API}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`)
  const { status } = await wire.response()
  if (status !== 101) throw new Error(`the upgrade was answered ${status}`)
  return wire
}

async function echoed(wire: Wire, text: string): Promise<boolean> {
  return (await wire.take((bytes) => bytes.length < text.length ? -1 : text.length)).toString() === text
}

t.test('a tunnel in which nothing moves ends, one in which something moves does not', async t => {
  const world = await start({ tunnelIdle: '2s' })
  const [idle, idleSocket, busy] = [await openBlind(world), await openWebSocket(world), await openBlind(world)]
  let isAlive = true
  t.ok(await eventually(async () => {
    busy.write('still here')
    isAlive &&= await echoed(busy, 'still here')
    return idle.over && idleSocket.over
  }, SOON_MS))
  busy.write('and here')
  t.ok(isAlive && await echoed(busy, 'and here'))
  t.equal(await ended(world, 'idle'), 2)
  t.equal(await metric(world, 'sluice_upstream_failures_total'), 0, 'which is no failure')
  t.ok(await eventually(async () => await metric(world, 'sluice_tunnels_open') === 1))
  for (const wire of [idle, idleSocket, busy]) wire.close()
})

t.test('at its age a tunnel ends: spliced, upgraded, or with nothing under way', async t => {
  const world = await start({ tunnelAge: '1s' })
  const wires = await Promise.all([openBlind(world), openWebSocket(world), openHttp(world, CONTENT), dialProxy(world)])
  wires[3].write(PAC)
  t.equal((await wires[3].response()).status, 200)
  const session = await openHttp2(world, CONTENT)
  const areEnded = await eventually(() => session.closed && wires.every(({ over }) => over), SOON_MS)
  for (const wire of wires) wire.close()
  if (!t.ok(areEnded)) return
  t.equal(await ended(world, 'age'), 5)
  t.ok(await eventually(async () => await metric(world, 'sluice_tunnels_open') === 0, SOON_MS))
})

t.test('at its age a connection finishes the request that is under way: HTTP/1.1', async t => {
  const world = await start({ tunnelAge: '1s' })
  const wire = await openHttp(world, CONTENT)
  const [first, second] = ['the beginning ', 'and the end']
  wire.write(upload(first, { fields: [`Content-Length: ${first.length + second.length}`] }))
  if (!t.ok(await eventually(async () => await ended(world, 'age') === 1, SOON_MS))) return wire.close()
  t.notOk(wire.over)
  wire.write(second)
  const { status, headers } = await wire.response()
  t.equal(status, 200)
  t.equal(headers.get('connection'), 'close', 'the client is told')
  t.ok(await eventually(() => wire.over))
  t.match(world.origin.requests(), [{ path: UPLOAD, bodyBytes: first.length + second.length, complete: true }])
  wire.close()
})

t.test('at its age a connection finishes the requests that are under way: HTTP/2', async t => {
  const world = await start({ tunnelAge: '1s' })
  const session = await openHttp2(world, CONTENT)
  let isTold = false
  session.on('goaway', () => { isTold = true })
  const stream = session.request({ ':method': 'POST', ':path': UPLOAD, authorization: 'Bearer t', 'dropbox-api-arg': '{"path":"/a.txt"}', 'content-type': 'application/octet-stream' })
  const answer = answerOf(stream)
  stream.write('the beginning ')
  if (!t.ok(await eventually(() => isTold || session.destroyed, SOON_MS))) return session.destroy()
  stream.end('and the end')
  t.equal((await answer).status, 200)
  t.ok(await eventually(() => session.closed && session.destroyed, SOON_MS))
  t.match(world.origin.requests(), [{ path: UPLOAD, bodyBytes: 25, complete: true }])
  t.ok(await eventually(async () => await metric(world, 'sluice_tunnels_open') === 0, SOON_MS), 'though its client does nothing')
})

t.test('at its age a connection ends, whether its client listens or not', async t => {
  const world = await start({ tunnelAge: '1s' })
  for (const [alpn, count] of [['h2', 1], ['http/1.1', 2]] as const) {
    const { socket } = await connect(world, `${CONTENT}:443`)
    const secured = await secure(world, socket, CONTENT, { alpn: [alpn] })
    if (alpn === 'h2') secured.write(Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), NO_SETTINGS]))
    // Of TLS, Node goes on reading the connection below, so that is where it has to be kept from it.
    const handle: unknown = Reflect.get(secured, '_handle')
    if (typeof handle === 'object' && handle !== null) Reflect.apply(Reflect.get(handle, 'readStop') as () => void, handle, [])
    t.ok(await eventually(async () => await ended(world, 'age') === count, SOON_MS), alpn)
    t.ok(await eventually(async () => await metric(world, 'sluice_tunnels_open') === 0, SOON_MS), alpn)
    socket.destroy()
  }
})

t.test('a tunnel on a connection that carried requests before has its own age', async t => {
  const world = await start({ tunnelAge: '3s' })
  const wire = await dialProxy(world)
  wire.write(PAC)
  t.equal((await wire.response()).status, 200)
  wire.write(`CONNECT ${BLIND}:443 HTTP/1.1\r\nHost: ${BLIND}:443\r\n\r\n`)
  t.equal((await wire.response({ head: true })).status, 200)
  wire.write('begin')
  t.ok(await echoed(wire, 'begin'))
  t.ok(await eventually(() => wire.over, SOON_MS))
  // The connection has reached its age first, which ends nothing, and then the tunnel.
  t.equal(await ended(world, 'age'), 2)
  wire.close()
})

t.test('a tunnel may have no age', async t => {
  const watched = { startedAt: 0, lastActivity: 1e12 }
  t.equal(judgeTunnel(watched, { tunnelIdle: 1_000, tunnelAge: null }, 1e12), null)
  t.equal(judgeTunnel(watched, { tunnelIdle: 1_000, tunnelAge: 1_000 }, 1e12), 'age')
  t.equal(judgeTunnel({ startedAt: 0, lastActivity: null }, { tunnelIdle: 1_000, tunnelAge: null }, 1e12), null)
})

t.test('a connection carries so many requests: HTTP/1.1', async t => {
  const world = await start({ requestsPerConnection: 3 })
  const wire = await openHttp(world, CONTENT)
  wire.write(Buffer.concat(Array.from({ length: 5 }, (_, i) => upload('x', { name: `${i}.txt` }))))
  const answers = [await wire.response(), await wire.response(), await wire.response()]
  t.strictSame(answers.map(({ status, headers }) => [status, headers.get('connection') ?? 'keep-alive']), [[200, 'keep-alive'], [200, 'keep-alive'], [200, 'close']])
  t.equal((await wire.rest()).length, 0)
  t.equal(world.origin.requests().length, 3, 'what is not answered was not carried out')
  const plain = await dialProxy(world)
  for (const connection of ['keep-alive', 'keep-alive', 'close']) {
    plain.write(PAC)
    t.equal((await plain.response()).headers.get('connection') ?? 'keep-alive', connection)
  }
  t.ok(await eventually(() => plain.over))
  t.equal(await ended(world, 'requests'), 2)
  for (const one of [wire, plain]) one.close()
})

t.test('a connection carries so many requests: HTTP/2', async t => {
  const world = await start({ requestsPerConnection: 3 })
  const session = await openHttp2(world, CONTENT)
  t.strictSame(await statuses(session, 3), [200, 200, 200])
  t.ok(await eventually(() => session.closed, SOON_MS), 'it rests')
  t.equal(await ended(world, 'requests'), 1)
  const few = await openHttp2(world, CONTENT)
  t.strictSame(await statuses(few, 5), [200, 200, 200, 200, 200], 'what was sent with the last of them is not lost')
  const many = await openHttp2(world, CONTENT)
  t.strictSame(await statuses(many, 8), [200, 200, 200, 200, 200, 200, 0, 0], 'those above twice as many are not carried out')
  t.equal(world.origin.requests().length, 14)
  t.ok(await eventually(async () => await metric(world, 'sluice_tunnels_open') === 0, SOON_MS))
})

async function statuses(session: ClientHttp2Session, count: number): Promise<number[]> {
  const answers = await Promise.all(Array.from({ length: count }, () => ask2(session, { ':path': '/' })))
  return answers.map(({ status }) => status)
}

t.test('a body that stops is given up, and so is an answer', async t => {
  const world = await start({ bodyStall: '1s', answerStall: '1s' })
  const client = await openHttp(world, CONTENT)
  client.write(upload('the beginning', { fields: ['Content-Length: 100'] }))
  t.equal((await client.response()).status, 408)
  world.origin.behave({ delayMs: 600_000 })
  const origin = await openHttp(world, CONTENT)
  origin.write(upload('whole'))
  t.equal((await origin.response()).status, 504)
  world.origin.behave(null)
  t.ok(await eventually(async () => (await events(world)).length === 2))
  t.match((await events(world)).map(({ sluice }) => sluice.reasons.at(-1)), ['stalled', 'upstream-failed'])
  for (const wire of [client, origin]) wire.close()
})

t.test('a head, a handshake and a tunnel that do not go on are given up', async t => {
  const world = await start({ headTime: '1s', handshakeTime: '1s' })
  const head = await openHttp(world, CONTENT)
  head.write(`GET / HTTP/1.1\r\nHost: ${CONTENT}\r\nX-A: `)
  const { socket } = await connect(world, `${CONTENT}:443`)
  const handshake = new Wire(socket)
  const silent = new Duplex({ read: () => undefined, write: (chunk: Buffer, _encoding, done) => { socket.write(chunk, done) } })
  silent.on('error', () => undefined)
  tls.connect({ socket: silent, servername: CONTENT }).on('error', () => undefined)
  const unsaid = new Wire((await connect(world, `${CONTENT}:443`)).socket)
  t.ok(await eventually(() => head.over && handshake.over && unsaid.over, SOON_MS))
  t.equal((await head.response()).status, 408)
  t.equal(await ended(world, 'head'), 1)
  t.equal(await ended(world, 'handshake'), 1)
  t.equal(await metric(world, 'sluice_refused_total', { code: 'request.timeout' }), 1)
  t.strictSame(world.origin.requests(), [])
  silent.destroy()
  for (const wire of [head, handshake, unsaid]) wire.close()
})

t.test('nothing of it would have ended the process', async t => {
  t.strictSame(faults, [])
})
