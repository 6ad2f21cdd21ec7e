/** Clients that begin and never go on: each is hung up on, and its origin was never asked. */
import { Duplex } from 'node:stream'
import tls from 'node:tls'
import t from 'tap'
import { eventually, metric } from '../e2e/observe.ts'
import { ALLOW_ALL, CONTENT, Wire, connect, dialProxy, openHttp } from '../e2e/wire.ts'
import { startWorld } from '../e2e/world.ts'

/** Header time limit, handshake time limit and the interval at which Node looks, with room for a busy machine. */
const LONG_ENOUGH_MS = 60_000

const world = await startWorld()
t.teardown(() => world.close())
await world.setPolicy(ALLOW_ALL)

t.test('a head that is never finished is given up, before the proxy and within a tunnel', { timeout: 120_000 }, async t => {
  const outside = await dialProxy(world)
  outside.write('GET http://plain.example/ HTTP/1.1\r\nHost: plain.example\r\nX-A: ')
  const inside = await openHttp(world, CONTENT)
  inside.write(`GET / HTTP/1.1\r\nHost: ${CONTENT}\r\nX-A: `)
  for (const [where, wire] of Object.entries({ outside, inside })) {
    t.ok(await eventually(() => wire.over, LONG_ENOUGH_MS), `${where}: hung up on`)
    t.equal((await wire.response()).status, 408, `${where}: and told why`)
    wire.close()
  }
  t.strictSame(world.origin.requests(), [])
})

t.test('a TLS handshake that stops after its first message is given up', { timeout: 120_000 }, async t => {
  const { socket } = await connect(world, `${CONTENT}:443`)
  const wire = new Wire(socket)
  const silent = new Duplex({ read: () => undefined, write: (chunk: Buffer, _encoding, done) => { socket.write(chunk, done) } })
  silent.on('error', () => undefined)
  tls.connect({ socket: silent, servername: CONTENT }).on('error', () => undefined)
  t.ok(await eventually(() => wire.over, LONG_ENOUGH_MS))
  t.ok(await eventually(async () => await metric(world, 'sluice_tunnels_open') === 0))
  silent.destroy()
  socket.destroy()
})
