/** Tunnels that are not opened, on real connections: what arrives is what was sent, whoever is slow, and nothing of it is kept. */
import { createHash, randomBytes, randomInt } from 'node:crypto'
import { once } from 'node:events'
import net from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import tls from 'node:tls'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import { readShared } from '../../proxy/shared-reading.ts'
import { splice } from '../../proxy/splice.ts'
import type { SpliceCounts, SpliceOptions } from '../../proxy/splice.ts'
import type { Watched } from '../../proxy/tunnel-watch.ts'
import { connectOne } from '../../proxy/upstream.ts'
import { eventually } from '../e2e/observe.ts'
import { makeAuthority } from '../e2e/tls-server.ts'

const MIB = 1 << 20
const HOST = '127.0.0.1'
const authority = await makeAuthority()
const accepted = new Set<Socket>()
const server = net.createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => keep(accepted, socket)).listen(0, HOST)
const secured = new Set<tls.TLSSocket>()
const tlsServer = tls.createServer({ ...authority.leaf({ names: ['a.example'] }), allowHalfOpen: true }, (socket) => keep(secured, socket)).listen(0, HOST)
await Promise.all([once(server, 'listening'), once(tlsServer, 'listening')])
t.teardown(async () => {
  for (const socket of [...accepted, ...secured]) socket.destroy()
  server.close()
  tlsServer.close()
  await authority.close()
})

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** One end of a connection, and its end here: that a server accepted, or that was dialled. */
interface Ends {
  readonly far: Socket
  readonly near: Socket
}

function portOf(of: net.Server): number {
  return (of.address() as AddressInfo).port
}

function keep<S extends Socket>(open: Set<S>, socket: S): void {
  open.add(socket)
  socket.once('close', () => open.delete(socket))
}

async function taken<S extends Socket>(from: ReadonlySet<S>, there: Socket): Promise<S> {
  const find = (): S | undefined => [...from].find(({ remotePort }) => remotePort === there.localPort)
  await eventually(() => find() !== undefined)
  const found = find()
  if (found === undefined) throw new Error('no connection')
  return found
}

async function clientEnds(): Promise<Ends> {
  const far = net.connect({ port: portOf(server), host: HOST, allowHalfOpen: true })
  far.on('error', () => undefined)
  await once(far, 'connect')
  return { far, near: await taken(accepted, far) }
}

async function tlsEnds(): Promise<Ends> {
  const far = tls.connect({ port: portOf(tlsServer), host: HOST, servername: 'a.example', ca: authority.pem })
  far.allowHalfOpen = true
  far.on('error', () => undefined)
  await once(far, 'secureConnect')
  return { far, near: await taken(secured, far) }
}

async function originEnds(): Promise<Ends> {
  const near = await connectOne(HOST, portOf(server))
  const far = await taken(accepted, near)
  far.on('error', () => undefined)
  return { far, near }
}

interface Tunnel {
  /** The client's program, and the origin's. */
  readonly client: Socket
  readonly origin: Socket
  /** What the proxy has of each. */
  readonly near: { readonly client: Socket; readonly origin: Socket }
  readonly watched: Watched
  /** What it told at its end, once for each time. */
  readonly told: SpliceCounts[]
}

async function open(take: SpliceOptions['take'] = null, ends: () => Promise<Ends> = clientEnds, prepare: (client: Socket) => void = () => undefined): Promise<Tunnel> {
  const [client, origin] = [await ends(), await originEnds()]
  prepare(client.near)
  const told: SpliceCounts[] = []
  let watched: Watched | null = null
  const watch: SpliceOptions['watch'] = { add: (given) => {
    watched = given
    return () => undefined
  } }
  splice(client.near, origin.near, { watch, startedAt: 0, take }, (counts) => told.push(counts))
  if (watched === null) throw new Error('it is not watched')
  return { client: client.far, origin: origin.far, near: { client: client.near, origin: origin.near }, watched, told }
}

function close({ client, origin, near }: Tunnel): void {
  for (const socket of [client, origin, near.client, near.origin]) socket.destroy()
}

function sha(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** In pieces of any size, as fast as they are taken, and then the end; unless it is closed before. */
async function send(socket: Socket, bytes: Buffer): Promise<void> {
  const closed = new Promise(resolve => socket.once('close', resolve))
  for (let at = 0; at < bytes.length && !socket.destroyed;) {
    const piece = bytes.subarray(at, at + randomInt(1, randomInt(2, 300_000)))
    at += piece.length
    if (!socket.write(piece)) await Promise.race([new Promise(resolve => socket.once('drain', resolve)), closed])
    if (randomInt(20) === 0) await sleep(1)
  }
  socket.end()
}

/** All that comes; with rests, if it is slow. */
async function receive(socket: Socket, isSlow: boolean): Promise<Buffer> {
  const parts: Buffer[] = []
  for await (const part of socket) {
    parts.push(part as Buffer)
    if (isSlow && randomInt(10) === 0) await sleep(2)
  }
  return Buffer.concat(parts)
}

t.test('what arrives is what was sent, in many tunnels at once, both ways, whoever is slow', { timeout: 60_000 }, async t => {
  await Promise.all(Array.from({ length: 8 }, async (_, n) => {
    const [up, down] = [randomBytes(randomInt(1, 12 * MIB)), randomBytes(randomInt(1, 12 * MIB))]
    const tunnel = await open(null, n % 4 === 3 ? tlsEnds : clientEnds)
    const { client, origin, told } = tunnel
    const sending = [send(client, up), send(origin, down)]
    // They read once nothing moves any more for want of it, where there is enough.
    if (n % 2 === 0) await sleep(200)
    const [atOrigin, atClient] = await Promise.all([receive(origin, n % 3 === 0), receive(client, n % 3 === 1), ...sending])
    t.equal(sha(atOrigin), sha(up), `${n}: up`)
    t.equal(sha(atClient), sha(down), `${n}: down`)
    t.ok(await eventually(() => told.length > 0))
    t.strictSame(told, [{ up: up.length, down: down.length }])
    t.ok(await eventually(() => tunnel.near.client.destroyed && tunnel.near.origin.destroyed))
    close(tunnel)
  }))
})

t.test('what waits for one is not written over by what comes for others', async t => {
  const [slow, fast] = [await open(), await open()]
  const bytes = randomBytes(16 * MIB)
  const sending = send(slow.client, bytes)
  t.ok(await eventually(() => slow.near.client.isPaused()), 'one waits')
  // Each of these goes through the buffer that all share.
  const other = Buffer.alloc(64 * 1024, '!')
  for (let n = 0; n < 50; n++) {
    fast.client.write(other)
    let length = 0
    while (length < other.length) {
      const [part] = await once(fast.origin.resume(), 'data') as [Buffer]
      length += part.length
    }
  }
  const [arrived] = await Promise.all([receive(slow.origin, false), sending])
  t.equal(sha(arrived), sha(bytes))
  close(slow)
  close(fast)
})

t.test('what was read before comes first', async t => {
  const bytes = randomBytes(300_000)
  const tunnel = await open(null, clientEnds, (client) => {
    for (let end = 200_000; end > 0; end -= 1_000) client.unshift(bytes.subarray(end - 1_000, end))
  })
  tunnel.client.end(bytes.subarray(200_000))
  t.equal(sha(await receive(tunnel.origin, false)), sha(bytes))
  close(tunnel)
})

t.test('either side may close its half first, and gets what the other still sends', async t => {
  for (const first of ['client', 'origin'] as const) {
    const tunnel = await open()
    const [closing, other] = first === 'client' ? [tunnel.client, tunnel.origin] : [tunnel.origin, tunnel.client]
    closing.end('last')
    t.equal((await receive(other, false)).toString(), 'last', `${first}: its end comes through`)
    t.strictSame(tunnel.told, [], 'and the tunnel is open')
    other.write('more')
    await sleep(20)
    other.end(' and more')
    t.equal((await receive(closing, false)).toString(), 'more and more')
    t.ok(await eventually(() => tunnel.told.length > 0))
    t.strictSame(tunnel.told, [first === 'client' ? { up: 4, down: 13 } : { up: 13, down: 4 }])
    close(tunnel)
  }
})

t.test('what is not to pass does not leave, nor does anything behind it', async t => {
  for (const ends of [clientEnds, tlsEnds]) {
    let left = 100_000
    let asked = 0
    const tunnel = await open((bytes) => {
      asked++
      left -= bytes
      return left >= 0
    }, ends, (client) => { if (ends === clientEnds) client.unshift(Buffer.alloc(1_000)) })
    let arrived = 0
    tunnel.origin.on('data', (part: Buffer) => { arrived += part.length }).resume()
    const sending = send(tunnel.client, randomBytes(2 * MIB))
    t.ok(await eventually(() => tunnel.told.length > 0), 'the tunnel ends')
    const before = asked
    t.ok(await eventually(() => tunnel.origin.readableEnded || tunnel.origin.destroyed))
    t.ok(arrived <= 100_000, `${arrived} bytes arrived`)
    t.equal(asked, before, 'nothing is asked about any more')
    tunnel.client.destroy()
    await sending
    close(tunnel)
  }
})

t.test('nothing is asked, or leaves, once something was not to pass, whatever else was read before', async t => {
  let asked = 0
  const tunnel = await open(() => ++asked < 3, clientEnds, (client) => {
    for (let n = 0; n < 10; n++) client.unshift(Buffer.alloc(1_000))
  })
  t.equal((await receive(tunnel.origin, false)).length, 2_000)
  t.equal(asked, 3)
  t.strictSame(tunnel.told, [{ up: 3_000, down: 0 }])
  close(tunnel)
})

t.test('a side that breaks off ends the other, and it is told once', async t => {
  for (const who of ['client', 'origin'] as const) {
    const tunnel = await open()
    tunnel.client.write('hello')
    await once(tunnel.origin.resume(), 'data')
    tunnel[who].resetAndDestroy()
    t.ok(await eventually(() => tunnel.near.client.destroyed && tunnel.near.origin.destroyed), who)
    await sleep(20)
    t.strictSame(tunnel.told, [{ up: 5, down: 0 }])
    close(tunnel)
  }
})

t.test('one that breaks off while it is waited for ends the other too', async t => {
  const tunnel = await open()
  const sending = send(tunnel.client, randomBytes(16 * MIB))
  t.ok(await eventually(() => tunnel.near.client.isPaused()))
  tunnel.origin.resetAndDestroy()
  t.ok(await eventually(() => tunnel.near.client.destroyed && tunnel.near.origin.destroyed))
  t.equal(tunnel.told.length, 1)
  tunnel.client.destroy()
  await sending
  close(tunnel)
})

t.test('whoever watches it can end it', async t => {
  const tunnel = await open()
  t.equal(tunnel.watched.startedAt, 0)
  const before = tunnel.watched.lastActivity ?? 0
  tunnel.client.write('hello')
  await once(tunnel.origin.resume(), 'data')
  t.ok((tunnel.watched.lastActivity ?? 0) > before, 'what passes is activity')
  tunnel.watched.end('idle')
  t.ok(await eventually(() => tunnel.near.client.destroyed && tunnel.near.origin.destroyed))
  t.strictSame(tunnel.told, [{ up: 5, down: 0 }])
  close(tunnel)
})

t.test('one that is closed already ends at once', async t => {
  const tunnel = await open(null, clientEnds, (client) => client.destroy())
  t.strictSame(tunnel.told, [{ up: 0, down: 0 }])
  t.ok(tunnel.near.origin.destroyed)
  close(tunnel)
})

t.test('a tunnel holds nothing while nothing waits, and one block a direction while something does', async t => {
  const COUNT = 30
  const held = (): number => {
    collect()
    return process.memoryUsage().arrayBuffers
  }
  const tunnels: Tunnel[] = []
  for (let n = 0; n < COUNT; n++) tunnels.push(await open())
  const before = held()
  for (const { client, origin } of tunnels) {
    client.write(Buffer.alloc(1_000))
    await once(origin.resume(), 'data')
    origin.pause()
  }
  t.ok(await eventually(() => held() - before < COUNT * 20_000), 'as good as nothing')
  // Written from one buffer, which is not counted for each.
  const piece = Buffer.alloc(MIB)
  for (const { client } of tunnels) for (let n = 0; n < 12; n++) client.write(piece)
  t.ok(await eventually(() => tunnels.every(({ near }) => near.client.isPaused()), 20_000), 'all wait')
  const waiting = held() - before
  t.ok(waiting < COUNT * 100_000 + 2 * MIB, `${Math.round(waiting / COUNT)} bytes a tunnel`)
  for (const tunnel of tunnels.splice(0)) close(tunnel)
  t.ok(await eventually(() => held() - before < 3 * MIB), 'and it is given back')
})

t.test('sockets that a server accepts, and those that are dialled, can be read into a shared buffer; TLS cannot', async t => {
  const ends = [await clientEnds(), await originEnds()]
  for (const { near } of ends) t.equal(readShared(near, () => undefined), true)
  const within = await tlsEnds()
  t.equal(readShared(within.near, () => undefined), false)
  for (const { far, near } of [...ends, within]) for (const socket of [far, near]) socket.destroy()
})
