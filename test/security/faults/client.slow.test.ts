/**
 * Clients that go at every stage of an upload and of a download. The origin sees an upload that was broken off, never a complete one;
 * each request has its one event that says who went; no tunnel and no descriptor is left.
 */
import { readdirSync } from 'node:fs'
import type http2 from 'node:http2'
import { join } from 'node:path'
import net from 'node:net'
import t from 'tap'
import type { Test } from 'tap'
import tls from 'node:tls'
import { startNode } from '../../e2e/node-process.ts'
import type { NodeProcess } from '../../e2e/node-process.ts'
import { events, eventually } from '../../e2e/observe.ts'
import { ALLOW_ALL } from '../../e2e/policies.ts'
import { ask2, CONTENT, connect, openHttp, openHttp2, secure, upload, UPLOAD, Wire } from '../../e2e/wire.ts'
import { startOrigin } from '../../origin/origin.ts'
import type { Origin } from '../../origin/origin.ts'
import { until } from '../../policy/store/wait.ts'

const HALF = Buffer.alloc(150_000, 'x')
const TIMES = 5

type Leave = 'ends' | 'closes' | 'resets'
const LEAVES: readonly Leave[] = ['ends', 'closes', 'resets']

interface Stand {
  readonly node: NodeProcess
  readonly origin: Origin
  /** What is open while nobody is there. */
  readonly descriptors: number
}

const headers = (name: string, path: string = UPLOAD) => ({
  ':method': 'POST', ':path': path, authorization: 'Bearer t', 'dropbox-api-arg': JSON.stringify({ path: `/${name}` }), 'content-type': 'application/octet-stream',
})

t.test('clients that go', { timeout: 120_000 }, async (t) => {
  const origin = await startOrigin()
  t.teardown(() => origin.close())
  const dir = t.testdir()
  const node = await startNode(join(dir, 'node'), origin, `embedded:${join(dir, 'store')}`, 'client-faults-test-token')
  t.teardown(() => node.kill())
  t.equal((await node.putPolicy(ALLOW_ALL)).status, 200)
  // What is made at first use, and the connection to the origin that is kept, are there from now on.
  await passes(t, node, 'first')
  const session = await openHttp2(node, CONTENT)
  // The engine that carries HTTP/2 keeps connections of its own.
  t.equal((await ask2(session, headers('first'), HALF)).status, 200)
  session.destroy()
  await until('nobody is there', () => tunnels(node).then((open) => open === 0))
  const stand: Stand = { node, origin, descriptors: descriptorsOf(node) }

  await t.test('before there is a request', (t) => beforeARequest(t, stand))
  await t.test('over HTTP/1.1', (t) => overHttp1(t, stand))
  await t.test('over HTTP/2', (t) => overHttp2(t, stand))
  t.equal(await node.end(), 0, node.said())
})

async function beforeARequest(t: Test, stand: Stand): Promise<void> {
  const { node } = stand
  for (const leave of LEAVES) {
    await checked(t, stand, `after CONNECT it ${leave}`, 0, async () => {
      const { socket } = await connect(node, `${CONTENT}:443`)
      goFrom(socket, leave)
    })
    await checked(t, stand, `in the middle of the handshake it ${leave}`, 0, async () => {
      const { socket } = await connect(node, `${CONTENT}:443`)
      const hello = await helloFor(CONTENT)
      socket.write(hello.subarray(0, hello.length - 20))
      await moment()
      goFrom(socket, leave)
    })
    await checked(t, stand, `behind its hello it ${leave}`, 0, async () => {
      const { socket } = await connect(node, `${CONTENT}:443`)
      socket.write(await helloFor(CONTENT))
      await moment()
      goFrom(socket, leave)
    })
    await checked(t, stand, `in the middle of a head it ${leave}`, 0, async () => {
      const opened = await open(node)
      const { wire } = opened
      wire.write(`POST ${UPLOAD} HTTP/1.1\r\nHost: ${CONTENT}\r\nContent-Le`)
      await moment()
      go(opened, leave)
    })
  }
}

async function overHttp1(t: Test, stand: Stand): Promise<void> {
  const { node, origin } = stand
  for (const leave of LEAVES) {
    for (const [how, fields, body] of [
      ['of told length', [`Content-Length: ${2 * HALF.length}`], HALF],
      ['in chunks', ['Transfer-Encoding: chunked'], Buffer.concat([Buffer.from(`${HALF.length.toString(16)}\r\n`), HALF, Buffer.from('\r\n')])],
    ] as const) {
      await checked(t, stand, `in an upload ${how} it ${leave}`, 1, async (name) => {
        const opened = await open(node)
        opened.wire.write(upload(body, { name, fields }))
        await arrived(origin, name)
        go(opened, leave)
      })
    }
    await checked(t, stand, `in a download it ${leave}`, 1, async (name) => {
      origin.behave({ responseBytes: 50_000_000 })
      const opened = await open(node)
      const { wire } = opened
      wire.write(upload('x', { path: '/2/files/download', name, fields: ['Content-Length: 1'] }))
      await wire.take((bytes) => bytes.length > 100_000 ? 1 : -1)
      go(opened, leave)
    })
  }
}

async function overHttp2(t: Test, stand: Stand): Promise<void> {
  const { node, origin } = stand
  const leaves: Readonly<Record<string, (session: http2.ClientHttp2Session, stream: http2.ClientHttp2Stream) => void>> = {
    // Without the end of the stream, which Node's `close` would send first.
    'resets its stream': (session, stream) => {
      stream.once('close', () => session.close())
      stream.destroy()
    },
    'says less than it told': (session, stream) => {
      stream.once('close', () => session.close())
      stream.end()
    },
    'says goodbye and goes': (session) => {
      session.goaway(0)
      session.destroy()
    },
    'closes its connection': (session) => void session.socket.destroy(),
  }
  for (const [leave, act] of Object.entries(leaves)) {
    await checked(t, stand, `in an upload it ${leave}`, 1, async (name) => {
      const session = await openHttp2(node, CONTENT)
      const stream = session.request({ ...headers(name), ...leave.startsWith('says less') ? { 'content-length': 2 * HALF.length } : {} })
      stream.on('error', () => undefined) // it is left in the middle
      stream.write(HALF)
      await arrived(origin, name)
      act(session, stream)
    })
    if (leave.startsWith('says less')) continue
    await checked(t, stand, `in a download it ${leave}`, 1, async (name) => {
      origin.behave({ responseBytes: 50_000_000 })
      const session = await openHttp2(node, CONTENT)
      const stream = session.request(headers(name, '/2/files/download'))
      stream.on('error', () => undefined) // as above
      stream.end('x')
      await new Promise<void>((resolve) => stream.once('data', () => resolve()))
      stream.pause()
      act(session, stream)
    })
  }
  await checked(t, stand, 'one of two streams is reset, the other passes', 2, async (name) => {
    const session = await openHttp2(node, CONTENT)
    const stream = session.request(headers(name))
    stream.on('error', () => undefined) // as above
    stream.write(HALF)
    await arrived(origin, name)
    const other = ask2(session, headers(`other-${name}`), HALF)
    stream.destroy()
    t.equal((await other).status, 200)
    session.close()
  }, 1)
}

let names = 0

/** Has clients come and go, and checks what is left; `whole`: how many requests of each pass. */
async function checked(t: Test, { node, origin, descriptors }: Stand, told: string, requests: number, visit: (name: string) => Promise<void>, whole = 0): Promise<void> {
  const before = (await events(node)).length
  await origin.reset()
  for (let n = 0; n < TIMES; n++) await visit(`gone-${++names}.bin`)
  origin.behave(null)
  await until(`${told}: no tunnel is left`, async () => await tunnels(node) === 0, 15_000)
  t.ok(await eventually(async () => (await events(node)).length >= before + TIMES * requests), `${told}: each has its event`)
  t.ok(await eventually(() => origin.requests().every(({ complete, aborted, path }) => path.includes('download') || complete || aborted)), `${told}: the origin sees them go`)
  t.equal(origin.stored().filter(({ name }) => !name.startsWith('other-')).length, 0, `${told}: nothing was completed`)
  const found = (await events(node)).slice(before)
  // Of a tunnel that was left before there was a hello, it may be told that it was none.
  if (requests > 0) t.equal(found.length, TIMES * requests, `${told}: one event each`)
  t.equal(found.filter(({ sluice }) => sluice.reasons.includes('client-gone')).length, TIMES * (requests - whole), `${told}: who went: ${found.map(({ sluice }) => sluice.reasons.join()).join(' ')}`)
  await passes(t, node, told)
  t.ok(await eventually(() => descriptorsOf(node) <= descriptors, 10_000), `${told}: ${descriptorsOf(node)} descriptors, ${descriptors} before`)
}

/** The next client is served. */
async function passes(t: Test, node: NodeProcess, told: string): Promise<void> {
  const wire = await openHttp(node, CONTENT)
  wire.write(upload('hello', { name: `other-${++names}.bin` }))
  t.equal((await wire.response()).status, 200, `${told}: the next is served`)
  const before = (await events(node)).length
  wire.close()
  await until('its event', async () => (await events(node)).length >= before && await tunnels(node) === 0)
}

function goFrom(socket: net.Socket, leave: Leave): void {
  socket.on('error', () => undefined)
  if (leave === 'ends') socket.end()
  else if (leave === 'closes') socket.destroy()
  else socket.resetAndDestroy()
}

function go({ wire, below }: Opened, leave: Leave): void {
  // TLS has no reset: it is that of the connection below.
  if (leave === 'resets') below.resetAndDestroy()
  else if (leave === 'ends') wire.socket.end()
  else wire.socket.destroy()
}

interface Opened {
  readonly wire: Wire
  readonly below: net.Socket
}

async function open(node: NodeProcess): Promise<Opened> {
  const { socket } = await connect(node, `${CONTENT}:443`)
  return { wire: new Wire(await secure(node, socket, CONTENT)), below: socket }
}

async function arrived(origin: Origin, name: string): Promise<void> {
  await until(`${name} is on its way`, () => origin.requests().some(({ headers, bodyBytes }) => bodyBytes > 50_000 && JSON.stringify(headers).includes(name)))
}

/** A ClientHello as Node makes it. */
async function helloFor(servername: string): Promise<Buffer> {
  const server = net.createServer()
  server.listen(0, '127.0.0.1')
  await new Promise<void>((resolve) => server.once('listening', resolve))
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const got = new Promise<Buffer>((resolve) => server.once('connection', (socket) => socket.once('data', (chunk: Buffer) => {
    socket.destroy()
    resolve(chunk)
  })))
  tls.connect({ port, host: '127.0.0.1', servername }).on('error', () => undefined)
  const hello = await got
  server.close()
  return hello
}

function moment(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 15))
}

function descriptorsOf({ pid }: NodeProcess): number {
  return readdirSync(`/proc/${pid}/fd`).length
}

async function tunnels(node: NodeProcess): Promise<number> {
  return Number(/^sluice_tunnels_open (\S+)$/m.exec(await (await node.api('GET', '/metrics')).text())?.[1])
}
