/** The way out: who is believed, what is reused and for whom, and what a client sees when an origin fails. */
import { once } from 'node:events'
import http from 'node:http'
import net from 'node:net'
import type { AddressInfo } from 'node:net'
import { networkInterfaces } from 'node:os'
import t from 'tap'
import { makeAuthority, startTlsServer } from './tls-server.ts'
import type { LeafOptions, TlsServer } from './tls-server.ts'
import { eventually, metric, watchProcess } from './observe.ts'
import { ALLOW_ALL, CONTENT, Wire, ask2, connect, openHttp, openHttp2, secure, upload } from './wire.ts'
import { startWorld } from './world.ts'
import type { World } from './world.ts'

const faults = watchProcess(t)
const authority = await makeAuthority()
const stranger = await makeAuthority()
t.teardown(async () => {
  await authority.close()
  await stranger.close()
})
const GET = `GET / HTTP/1.1\r\nHost: ${CONTENT}\r\n\r\n`
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

/** A proxy in front of one origin of the test's own. */
async function worldFor(origin: Pick<TlsServer, 'address'>, more: Record<string, unknown> = {}): Promise<World> {
  const world = await startWorld({ config: { upstream: { hosts: { [`${CONTENT}:443`]: origin.address }, ca: [authority.file], ...more } } })
  await world.setPolicy(ALLOW_ALL)
  return world
}

async function statusOf(world: World, request: string | Buffer = GET): Promise<{ status: number; text: string }> {
  const wire = await openHttp(world, CONTENT)
  wire.write(request)
  const { status, body } = await wire.response()
  wire.close()
  return { status, text: body.toString('utf8') }
}

t.test('an origin that does not prove who it is gets not one byte of a request', async t => {
  const cases: Record<string, { by: typeof authority; leaf: LeafOptions }> = {
    'signed by a stranger': { by: stranger, leaf: { names: [CONTENT] } },
    expired: { by: authority, leaf: { names: [CONTENT], days: -1 } },
    'for another host': { by: authority, leaf: { names: ['other.example'] } },
    'for a host below': { by: authority, leaf: { names: [`www.${CONTENT}`] } },
    'without a subjectAltName': { by: authority, leaf: { commonName: CONTENT } },
    'self-signed': { by: authority, leaf: { names: [CONTENT], selfSigned: true } },
  }
  for (const [name, { by, leaf }] of Object.entries(cases)) {
    const origin = await startTlsServer(by.leaf(leaf), (socket) => socket.end(OK))
    const world = await worldFor(origin)
    const { status, text } = await statusOf(world, upload('secret'))
    t.equal(status, 502, name)
    t.match(JSON.parse(text), { error_summary: /did not prove who it is.*upstream\.certificate/ }, 'in the form of the client')
    process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'
    t.equal((await statusOf(world, upload('secret'))).status, 502, `${name}, and no environment variable weakens it`)
    delete process.env.NODE_TLS_REJECT_UNAUTHORIZED
    t.equal(await metric(world, 'sluice_upstream_failures_total', { reason: 'certificate' }), 2)
    t.equal(origin.received().length, 0, 'nothing was sent')
    await world.close()
    await origin.close()
  }
})

t.test('connections are reused over the tunnels of one client and never for another', async t => {
  const world = await startWorld()
  await world.setPolicy(ALLOW_ALL)
  t.teardown(() => world.close())
  const ask = async (localAddress: string, request: string | Buffer): Promise<number> => {
    const wire = await openHttp(world, CONTENT, { localAddress })
    wire.write(request)
    const { status } = await wire.response()
    wire.close()
    return status
  }
  for (let i = 0; i < 3; i++) t.equal(await ask('127.0.0.1', GET), 200)
  t.equal(await ask('127.0.0.1', upload('a')), 200)
  t.equal(world.origin.connections(), 1)
  t.equal(await ask('127.0.0.2', GET), 200)
  t.equal(world.origin.connections(), 2)
  t.equal(await ask('127.0.0.1', GET), 200)
  t.equal(world.origin.connections(), 2)
  const ntlm = `GET / HTTP/1.1\r\nHost: ${CONTENT}\r\nAuthorization: NTLM AAAA\r\n\r\n`
  t.equal(await ask('127.0.0.1', ntlm), 200)
  t.equal(world.origin.connections(), 3, 'what authenticates a connection gets one of its own')
  t.equal(await ask('127.0.0.1', GET), 200)
  const ports = world.origin.requests().map(({ remotePort }) => remotePort)
  t.equal(ports.filter((port) => port === ports.at(-2)).length, 1, 'and nobody else gets it')
})

t.test('a kept connection that the origin closes as it is reused is replaced unseen', async t => {
  const seen = new Map<object, number>()
  let isHolding = false
  const origin = await startTlsServer(authority.leaf({ names: [CONTENT] }), (socket, text) => {
    const count = text.split('\r\n\r\n').length - 1
    if (count > 1) socket.destroy()
    else if (count === 1 && !seen.has(socket)) {
      seen.set(socket, 1)
      setTimeout(() => socket.write(OK), isHolding ? 100 : 0)
    }
  })
  const world = await worldFor(origin)
  t.equal((await statusOf(world)).status, 200)
  t.equal((await statusOf(world)).status, 200)
  t.equal(origin.connections(), 2)
  isHolding = true
  await Promise.all(Array.from({ length: 4 }, () => statusOf(world)))
  const before = origin.connections()
  t.equal((await statusOf(world)).status, 200, 'the other kept ones are not tried')
  t.equal(origin.connections(), before + 1)
  await world.close()
  await origin.close()
})

t.test('an answer that breaks off reaches the client as a broken one', async t => {
  const heads = {
    length: 'HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\npart',
    chunked: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n',
  }
  for (const [framing, head] of Object.entries(heads)) {
    for (const how of ['reset', 'close'] as const) {
      const origin = await startTlsServer(authority.leaf({ names: [CONTENT] }), (socket, _text, raw) => {
        socket.write(head)
        setTimeout(() => how === 'reset' ? raw?.resetAndDestroy() : socket.end(), 50)
      })
      const world = await worldFor(origin)
      const wire = await openHttp(world, CONTENT)
      wire.write(GET)
      const response = await wire.response()
      t.match(response, { status: 200, whole: false }, `${framing}, ${how}`)
      t.equal(response.body.toString(), 'part')
      wire.close()
      const session = await openHttp2(world, CONTENT)
      const answer = await ask2(session, { ':path': '/' })
      t.not(answer.code, 0, `${framing}, ${how}, over HTTP/2`)
      session.destroy()
      await world.close()
      await origin.close()
    }
  }
})

t.test('an origin that answers and closes before it has read the body is heard', async t => {
  for (const framing of ['Content-Length: 22', 'Transfer-Encoding: chunked'] as const) {
    const body = 'it is too large for me'
    const text = framing.startsWith('C') ? body : `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`
    const origin = await startTlsServer(authority.leaf({ names: [CONTENT] }), (socket, received) => {
      if (received.includes('\r\n\r\n') && socket.writable) socket.end(`HTTP/1.1 413 Too Large\r\n${framing}\r\nConnection: close\r\n\r\n${text}`)
    })
    const world = await worldFor(origin)
    const wire = await openHttp(world, CONTENT)
    const large = upload(Buffer.alloc(4_000_000, 'x'))
    wire.write(large)
    const response = await wire.response()
    t.match(response, { status: 413, whole: true }, `HTTP/1.1, ${framing}`)
    t.equal(response.body.toString(), body)
    wire.close()
    const session = await openHttp2(world, CONTENT)
    const answer = await ask2(session, { ':method': 'POST', ':path': '/2/files/upload', 'dropbox-api-arg': '{"path":"/a"}' }, Buffer.alloc(4_000_000))
    t.equal(answer.status, 413, `HTTP/2, ${framing}`)
    t.equal(answer.body, body)
    session.destroy()
    t.ok(await eventually(() => origin.open() === 0), 'such a connection is not kept')
    await world.close()
    await origin.close()
  }
})

t.test('an origin that answers early and then stays is not kept waiting for the rest', async t => {
  const answered = new WeakSet<object>()
  const origin = await startTlsServer(authority.leaf({ names: [CONTENT] }), (socket, received) => {
    if (!received.includes('\r\n\r\n') || answered.has(socket)) return
    answered.add(socket)
    socket.write('HTTP/1.1 401 Unauthorized\r\nContent-Length: 3\r\n\r\nno.')
  })
  const world = await worldFor(origin)
  const wire = await openHttp(world, CONTENT)
  wire.write(upload('', { fields: ['Content-Length: 4000000'] }))
  wire.write(Buffer.alloc(3_000_000, 'x'))
  t.match(await wire.response(), { status: 401, whole: true })
  t.ok(await eventually(() => origin.open() === 0))
  t.notOk(wire.over, 'the client is read for a moment longer')
  t.ok(await eventually(() => wire.over), 'the client, which owes the rest, is hung up on')
  wire.close()
  await world.close()
  await origin.close()
})

t.test('a client that sends everything before it reads still reads its refusal', async t => {
  const world = await startWorld()
  t.teardown(() => world.close())
  await world.setPolicy({ default: 'allow', unknownTenant: 'allow', rules: [{ id: 'none', when: { activity: 'upload' }, action: 'block', message: 'No.' }] })
  const { socket } = await connect(world, `${CONTENT}:443`)
  const secured = await secure(world, socket, CONTENT)
  await new Promise<void>((resolve, reject) => secured.write(upload(Buffer.alloc(30_000_000, 'x')), (error) => error == null ? resolve() : reject(error)))
  const { status, whole, body } = await new Wire(secured).response()
  t.match({ status, whole }, { status: 403, whole: true })
  t.match(body.toString('utf8'), /No\./)
  socket.destroy()
})

t.test('through a parent proxy, with its credentials', async t => {
  const origin = await startTlsServer(authority.leaf({ names: [CONTENT] }), (socket) => socket.write(OK))
  const targets: string[] = []
  const parent = http.createServer()
  const sockets = new Set<net.Socket>()
  parent.on('connection', (socket: net.Socket) => {
    sockets.add(socket)
    socket.on('error', () => socket.destroy())
  })
  parent.on('connect', (request: http.IncomingMessage, socket: net.Socket) => {
    targets.push(request.url ?? '')
    if (request.headers['proxy-authorization'] !== `Basic ${Buffer.from('user:s3cr3t@').toString('base64')}`) {
      socket.end('HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n')
      return
    }
    const there = net.connect(origin.port, '127.0.0.1')
    there.on('error', () => socket.destroy())
    socket.write('HTTP/1.1 200 OK\r\n\r\n')
    socket.pipe(there).pipe(socket)
  })
  parent.listen(0, '127.0.0.1')
  await once(parent, 'listening')
  const at = `127.0.0.1:${(parent.address() as AddressInfo).port}`
  const world = await worldFor(origin, { hosts: {}, parent: `http://user:s3cr3t%40@${at}` })
  t.equal((await statusOf(world)).status, 200)
  t.strictSame(targets, [`${CONTENT}:443`], 'the parent resolves the name')
  const blind = await startWorld({ config: { intercept: { opaque: 'splice' }, upstream: { hosts: {}, parent: `http://user:s3cr3t%40@${at}` } } })
  for (const inside of ['10.0.0.1', '127.0.0.1', '[::1]', '169.254.169.254']) {
    const tunnel = new Wire((await connect(blind, `${inside}:443`)).socket)
    tunnel.write('anything')
    t.equal((await tunnel.rest()).toString('hex'), '15030300020231', inside)
    tunnel.close()
  }
  t.equal(targets.length, 1, 'no address inside is asked of the parent')
  await blind.close()
  const wrong = await worldFor(origin, { hosts: {}, parent: `http://user:wrong@${at}` })
  const { status, text } = await statusOf(wrong)
  t.equal(status, 502)
  t.match(text, /parent proxy refused/)
  t.notMatch(text, /wrong|s3cr3t/)
  t.equal(await metric(wrong, 'sluice_upstream_failures_total', { reason: 'parent' }), 1)
  await wrong.close()
  await world.close()
  for (const socket of sockets) socket.destroy()
  parent.close()
  await origin.close()
})

const hasIpv6 = Object.values(networkInterfaces()).flat().some((one) => one?.address === '::1')
t.test('an origin over IPv6', { skip: hasIpv6 ? false : 'this machine has no ::1' }, async t => {
  const origin = await startTlsServer(authority.leaf({ names: [CONTENT] }), (socket) => socket.write(OK), '::1')
  const world = await worldFor(origin)
  t.equal((await statusOf(world)).status, 200)
  await world.close()
  await origin.close()
})

t.test('nothing would have ended the process', async t => {
  t.strictSame(faults, [])
})
