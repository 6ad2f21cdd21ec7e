/** CONNECT: which tunnels are opened, passed on blind or refused, whatever comes first through them. */
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import net from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import tls from 'node:tls'
import { readFileSync } from 'node:fs'
import t from 'tap'
import { events, eventually, metric, watchProcess } from './observe.ts'
import { ALLOW_ALL, CONTENT, Wire, connect, dialProxy, secure } from './wire.ts'
import { startWorld } from './world.ts'

const UNRECOGNIZED_NAME = '15030300020270'
const ACCESS_DENIED = '15030300020231'

const faults = watchProcess(t)
const world = await startWorld()
await world.setPolicy(ALLOW_ALL)

/** A server of bytes, for what is passed on blind. */
let serve: (socket: Socket) => void = (socket) => socket.pipe(socket)
const raw = net.createServer({ allowHalfOpen: true }, (socket) => {
  socket.on('error', () => socket.destroy())
  serve(socket)
})
raw.listen(0, '127.0.0.1')
await once(raw, 'listening')
const rawAddress = `127.0.0.1:${(raw.address() as AddressInfo).port}`
const blind = await startWorld({ config: {
  intercept: { opaque: 'splice', pinned: 'bypass' },
  upstream: { hosts: { 'raw.example:443': rawAddress, 'block1.dropbox.com:443': rawAddress, [`${CONTENT}:443`]: rawAddress } },
} })
t.teardown(async () => {
  await world.close()
  await blind.close()
  raw.close()
})

/** The TLS of a client whose first flight is sent as `pieces` says. */
async function handshake(socket: Socket, servername: string, pieces: (hello: Buffer) => readonly Buffer[]): Promise<Wire> {
  let first = true
  const shim = new Duplex({
    read: () => undefined,
    write(chunk: Buffer, _encoding, done) {
      const parts = first ? pieces(chunk) : [chunk]
      first = false
      void (async () => {
        for (const part of parts) {
          socket.write(part)
          if (parts.length > 1) await sleep(2)
        }
      })().then(() => done(), done)
    },
  })
  socket.on('data', (chunk: Buffer) => shim.push(chunk))
  socket.on('close', () => shim.destroy())
  const secured = tls.connect({ socket: shim, servername, ca: readFileSync(world.caFile, 'utf8'), ALPNProtocols: ['http/1.1'] })
  await once(secured, 'secureConnect')
  return new Wire(secured)
}

const GET = `GET / HTTP/1.1\r\nHost: ${CONTENT}\r\nConnection: close\r\n\r\n`

t.test('a ClientHello in many packets is read whole', async t => {
  const { socket, status } = await connect(world, `${CONTENT}:443`)
  t.equal(status, 200)
  const wire = await handshake(socket, CONTENT, (hello) => Array.from({ length: Math.ceil(hello.length / 40) }, (_, i) => hello.subarray(i * 40, i * 40 + 40)))
  wire.write(GET)
  t.equal((await wire.response()).status, 200)
  socket.destroy()
})

t.test('a ClientHello that fills several of the buffers between it and OpenSSL is read whole', async t => {
  // In one packet: 900, 1,000 and 1,024 bytes and their like end pieces and buffers just there.
  for (const length of [900, 1_000, 1_024, 2_000, 2_048, 3_000, 12_000]) {
    const { socket } = await connect(world, `${CONTENT}:443`)
    const names = Array.from({ length: Math.floor(length / 100) }, (_, n) => String(n).padStart(99, 'x'))
    const secured = await secure(world, socket, CONTENT, { alpn: [...names, 'http/1.1'] })
    t.equal(secured.alpnProtocol, 'http/1.1', `${length} bytes more`)
    secured.destroy()
  }
})

t.test('a ClientHello in many TLS records is read whole', async t => {
  const { socket } = await connect(world, `${CONTENT}:443`)
  const wire = await handshake(socket, CONTENT, (hello) => {
    const message = hello.subarray(5)
    return Array.from({ length: Math.ceil(message.length / 60) }, (_, i) => {
      const part = message.subarray(i * 60, i * 60 + 60)
      return Buffer.concat([Buffer.from([0x16, 3, 1, 0, part.length]), part])
    })
  })
  wire.write(GET)
  t.equal((await wire.response()).status, 200)
  socket.destroy()
})

/** What a client without a server name says first. */
async function helloWithoutName(): Promise<Buffer> {
  return new Promise((resolve) => {
    const shim = new Duplex({ read: () => undefined, write: (chunk: Buffer) => resolve(chunk) })
    tls.connect({ socket: shim }).on('error', () => undefined)
  })
}

/** Everything that comes back after `bytes` were sent through a tunnel, in hex. */
async function answerTo(where: typeof world, target: string, bytes: Buffer | string): Promise<string> {
  const { socket, status } = await connect(where, target)
  if (status !== 200) throw new Error(`CONNECT ${target} answered ${status}`)
  const wire = new Wire(socket)
  wire.write(bytes)
  const answer = await wire.rest()
  socket.destroy()
  return answer.toString('hex')
}

t.test('without a server name, a catalogue host is refused with an alert, a metric and an event', async t => {
  const hello = await helloWithoutName()
  t.equal(await answerTo(world, `${CONTENT}:443`, hello), UNRECOGNIZED_NAME)
  t.equal(await metric(world, 'sluice_refused_total', { code: 'tunnel.opaque' }), 1)
  t.equal(await metric(world, 'sluice_tunnels_total', { kind: 'refused' }), 1)
  t.ok(await eventually(async () => (await events(world)).some((event) => event.destination.domain === CONTENT &&
    event.http.request.method === 'CONNECT' && event.sluice.action === 'block' && event.sluice.reasons.includes('opaque'))))
  t.equal(await answerTo(blind, `${CONTENT}:443`, hello), UNRECOGNIZED_NAME, 'whatever intercept.opaque says')
})

t.test('what cannot be told elsewhere follows intercept.opaque', async t => {
  const hello = await helloWithoutName()
  const before = await metric(world, 'sluice_refused_total', { code: 'tunnel.opaque' })
  t.equal(await answerTo(world, 'spliced.example:443', hello), ACCESS_DENIED, 'no SNI')
  t.equal(await answerTo(world, '93.184.215.14:443', hello), ACCESS_DENIED, 'an IP literal')
  t.match(Buffer.from(await answerTo(world, 'spliced.example:443', 'GET / HTTP/1.1\r\nHost: spliced.example\r\n\r\n'), 'hex').toString(), /^HTTP\/1\.1 403 /, 'plain HTTP')
  t.match(Buffer.from(await answerTo(world, 'spliced.example:443', 'SSH-2.0-OpenSSH_9.2\r\n'), 'hex').toString(), /^HTTP\/1\.1 403 /, 'SSH')
  t.match(Buffer.from(await answerTo(world, 'spliced.example:443', Buffer.from('1603010005ffffffffff', 'hex')), 'hex').toString(), /^HTTP\/1\.1 403 /, 'broken TLS')
  t.equal(await metric(world, 'sluice_refused_total', { code: 'tunnel.opaque' }), before + 5)
  serve = (socket) => socket.once('data', (chunk: Buffer) => socket.end(chunk))
  t.equal(await answerTo(blind, 'raw.example:443', hello), hello.toString('hex'), 'spliced when configured: no SNI')
  t.equal(await answerTo(blind, 'raw.example:443', 'SSH-2.0-x\r\n'), Buffer.from('SSH-2.0-x\r\n').toString('hex'), 'SSH')
})

t.test('plain HTTP, SSH and garbage to a catalogue host', async t => {
  for (const where of [world, blind]) {
    for (const bytes of [GET, 'SSH-2.0-x\r\n', Buffer.alloc(100_000, 0xff)]) {
      t.match(Buffer.from(await answerTo(where, `${CONTENT}:443`, bytes), 'hex').toString(), /^HTTP\/1\.1 400 .*Plain HTTP/s)
    }
    const broken = Buffer.concat([Buffer.from('1603010200010001fc0303', 'hex'), Buffer.alloc(600, 0xff)])
    t.match(Buffer.from(await answerTo(where, `${CONTENT}:443`, broken), 'hex').toString(), /^HTTP\/1\.1 403 /)
  }
  t.strictSame(world.origin.requests().filter(({ path }) => path !== '/'), [])
})

t.test('hosts of programs that accept no other authority follow intercept.pinned', async t => {
  const refused = await connect(world, 'block1.dropbox.com:443')
  t.equal(refused.status, 403)
  refused.socket.destroy()
  const { socket } = await connect(world, 'spliced.example:443')
  const shim = new Duplex({ read: () => undefined, write: (chunk: Buffer, _encoding, done) => { socket.write(chunk, done) } })
  tls.connect({ socket: shim, servername: 'client-cf.dropbox.com' }).on('error', () => undefined)
  t.equal((await new Wire(socket).rest()).toString('hex'), ACCESS_DENIED, 'by their server name too')
  t.equal(await metric(world, 'sluice_refused_total', { code: 'tunnel.pinned' }), 2)
  serve = (socket) => socket.once('data', (chunk: Buffer) => socket.end(chunk))
  t.equal(await answerTo(blind, 'block1.dropbox.com:443', 'blocks'), Buffer.from('blocks').toString('hex'), 'passed unseen when configured')
})

t.test('CONNECT without a port, or to a port that is none of the web, is refused', async t => {
  const admin = new URL(world.admin).port
  const cases: readonly [string, number][] = [
    [CONTENT, 400], [`${CONTENT}:`, 400], [`${CONTENT}:0`, 400], [`${CONTENT}:99999`, 400], [`${CONTENT}:443x`, 400], ['', 400],
    [`user@${CONTENT}:443`, 400], [`http://${CONTENT}:443`, 400], [`${CONTENT}:22`, 403], [`${CONTENT}:8443`, 403],
    [`127.0.0.1:${admin}`, 403], [`localhost:${admin}`, 403], [world.origin.address, 403], [`[::1]:${admin}`, 403],
  ]
  for (const [target, status] of cases) {
    const { socket, status: answered } = await connect(world, target)
    t.equal(answered, status, target)
    socket.destroy()
  }
  const other = await connect(world, `${CONTENT}:443`, { host: 'spliced.example:443' })
  t.equal(other.status, 400, 'Host names another')
  other.socket.destroy()
})

t.test('no way in to the addresses inside, in any notation', async t => {
  const inside = ['127.0.0.1', '127.1', '10.1.2.3', '192.168.1.1', '172.16.0.9', '169.254.169.254', '[::1]', '[::ffff:127.0.0.1]', '[::ffff:a9fe:a9fe]',
    '[fd00::1]', '[fe80::1]', '2130706433', '0x7f000001', '0177.0.0.1', '0.0.0.0', 'localhost', 'LOCALHOST.']
  const before = await metric(blind, 'sluice_refused_total', { code: 'destination.address' })
  for (const host of inside) {
    t.equal(await answerTo(blind, `${host}:443`, 'anything'), ACCESS_DENIED, host)
    const wire = await dialProxy(blind)
    wire.write(`GET http://${host}/ HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
    t.equal((await wire.response()).status, 403, `http://${host}/`)
    wire.close()
  }
  t.equal(await metric(blind, 'sluice_refused_total', { code: 'destination.address' }), before + 2 * inside.length)
  const wire = await dialProxy(blind)
  wire.write(`GET ${blind.admin}/v1/policy HTTP/1.1\r\nHost: ${new URL(blind.admin).host}\r\n\r\n`)
  t.equal((await wire.response()).status, 403, 'the admin API')
  wire.close()
})

t.test('a blind tunnel passes bytes exactly, both ways, past either half-close, and is metered', async t => {
  const [up, down] = [randomBytes(5_000_001), randomBytes(7_000_003)]
  const sha = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')
  for (const first of ['client', 'server'] as const) {
    const before = [await metric(blind, 'sluice_tunnel_bytes_total', { direction: 'up' }), await metric(blind, 'sluice_tunnel_bytes_total', { direction: 'down' })]
    let received: Promise<Buffer> = Promise.resolve(Buffer.alloc(0))
    serve = (socket) => {
      const wire = new Wire(socket)
      received = wire.rest(20_000)
      if (first === 'server') socket.end(down)
      else void received.then(() => socket.end(down))
    }
    const { socket } = await connect(blind, 'raw.example:443')
    const wire = new Wire(socket)
    wire.write('!')
    const answer = wire.rest(20_000)
    if (first === 'server') await answer
    socket.end(up)
    t.equal(sha(await answer), sha(down), `${first} closes first: down`)
    t.equal(sha(await received), sha(Buffer.concat([Buffer.from('!'), up])), `${first} closes first: up`)
    t.ok(await eventually(async () => await metric(blind, 'sluice_tunnels_open') === 0), 'both ends are closed')
    t.equal(await metric(blind, 'sluice_tunnel_bytes_total', { direction: 'up' }) - (before[0] ?? 0), up.length + 1)
    t.equal(await metric(blind, 'sluice_tunnel_bytes_total', { direction: 'down' }) - (before[1] ?? 0), down.length)
  }
})

t.test('tunnels in which nothing or too little is said end', { timeout: 30_000 }, async t => {
  const empty = new Wire((await connect(world, `${CONTENT}:443`)).socket)
  const partial = new Wire((await connect(world, `${CONTENT}:443`)).socket)
  partial.write(Buffer.from('16030102000100', 'hex'))
  const closing = new Wire((await connect(world, `${CONTENT}:443`)).socket)
  closing.write(Buffer.from('16030102000100', 'hex'))
  closing.socket.end()
  t.ok(await eventually(() => closing.closed, 3_000), 'half-open with half a ClientHello')
  const before = Date.now()
  t.ok(await eventually(() => empty.over && partial.over, 15_000))
  t.ok(Date.now() - before > 5_000, 'but they are given some time')
  for (const wire of [empty, partial, closing]) wire.close()
  t.ok(await eventually(async () => await metric(world, 'sluice_refused_total', { code: 'request.timeout' }) === 3))
})

t.test('nothing would have ended the process', async t => {
  t.strictSame(faults, [])
})
