/** An origin that cannot prove who it is gets no request, and the client is told why: real handshakes, one fault each. */
import { once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import tls from 'node:tls'
import type { SecureContextOptions } from 'node:tls'
import t from 'tap'
import { metric } from '../e2e/observe.ts'
import { ALLOW_ALL, CONTENT, openHttp, upload } from '../e2e/wire.ts'
import { startWorld } from '../e2e/world.ts'
import type { World } from '../e2e/world.ts'
import { chainCases } from './chain-cases.ts'
import { issue, openRegistry } from './chains.ts'

const root = issue({ name: 'The root of the test', ca: true })
const good = issue({ name: CONTENT, names: [CONTENT], by: root })
const registry = await openRegistry(root)
t.teardown(() => registry.close())
const ca = [await registry.file('root.pem', root.cert)]

interface Origin {
  readonly address: string
  /** Shows this from the next connection on. */
  readonly show: (options: SecureContextOptions) => void
  /** Bytes of requests that arrived. */
  readonly received: () => number
  /** The revocation status to staple. */
  staple: Buffer | null
}

async function startOrigin(t: { teardown(done: () => void): void }): Promise<Origin> {
  let received = 0
  const server = tls.createServer({ cert: good.cert, key: good.key }, (socket) => {
    socket.on('error', () => socket.destroy())
    socket.on('data', (chunk: Buffer) => {
      received += chunk.length
      socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok')
    })
  })
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => sockets.add(socket))
  server.on('tlsClientError', () => undefined) // a client that does not believe it
  server.on('OCSPRequest', (_certificate, _issuer, callback) => callback(null, origin.staple))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  const origin: Origin = {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    show: (options) => server.setSecureContext(options),
    received: () => received,
    staple: null,
  }
  return origin
}

async function worldFor(t: { teardown(done: () => Promise<void>): void }, origin: Origin, more: Record<string, unknown> = {}): Promise<World> {
  const world = await startWorld({ config: { upstream: { hosts: { [`${CONTENT}:443`]: origin.address }, ca, ...more } } })
  t.teardown(() => world.close())
  await world.setPolicy(ALLOW_ALL)
  return world
}

async function ask(world: World): Promise<{ status: number; text: string }> {
  const wire = await openHttp(world, CONTENT)
  wire.write(upload('secret'))
  const { status, body } = await wire.response()
  wire.close()
  return { status, text: body.toString('utf8') }
}

t.test('every chain and handshake that proves nothing', async t => {
  const origin = await startOrigin(t)
  const world = await worldFor(t, origin)
  t.equal((await ask(world)).status, 200, 'a good one is believed')
  const cases = chainCases(root, CONTENT)
  for (const { name, told, ...shown } of cases) {
    await t.test(name, async t => {
      const before = origin.received()
      origin.show(shown)
      const { status, text } = await ask(world)
      t.equal(status, 502)
      t.match(text, /did not prove who it is.*upstream\.certificate/, 'in the form of the client')
      t.match(text, told, 'with the reason')
      t.equal(origin.received(), before, 'not one byte was sent')
    })
  }
  t.equal(await metric(world, 'sluice_upstream_failures_total', { reason: 'certificate' }), cases.length)
  t.equal(await metric(world, 'sluice_upstream_certificate_faults_total'), cases.length)
  t.equal(await metric(world, 'sluice_upstream_certificate_faults_total', { fault: 'other' }), 0, 'and each is counted by its fault')
  origin.show(good)
  t.equal((await ask(world)).status, 200, 'a good one is believed again')
})
