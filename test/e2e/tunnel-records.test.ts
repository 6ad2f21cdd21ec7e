/** What of a tunnel is recorded: a refusal, what could not be told, a dial that failed; not a tunnel that nobody used. */
import { once } from 'node:events'
import net from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import t from 'tap'
import type { Test } from 'tap'
import { events, eventually, metric } from './observe.ts'
import type { WrittenEvent } from './observe.ts'
import { startRawServer } from './raw-server.ts'
import { CONTENT, Wire, connect } from './wire.ts'
import type { World } from './world.ts'
import { startWorld } from './world.ts'

const SSH = 'SSH-2.0-x\r\n'

async function open(t: Test, config: Record<string, Record<string, unknown>>): Promise<World> {
  const world = await startWorld({ config })
  t.teardown(() => world.close())
  return world
}

/** All events so far: one more tunnel is refused, and its event, which is left out, waited for. */
async function eventsSoFar(world: World): Promise<readonly WrittenEvent[]> {
  const isMarker = ({ destination }: WrittenEvent): boolean => destination.domain === 'marker.example'
  await connect(world, 'marker.example:22')
  await eventually(async () => (await events(world)).some(isMarker))
  return (await events(world)).filter((event) => !isMarker(event))
}

async function refusedTunnels(world: World): Promise<number> {
  return metric(world, 'sluice_tunnels_total', { kind: 'refused' })
}

t.test('a tunnel that is closed before a byte of it was used leaves no record', async t => {
  const world = await open(t, {})
  for (const host of [CONTENT, 'spliced.example']) {
    const ending = new Wire((await connect(world, `${host}:443`)).socket)
    ending.socket.end()
    t.ok(await eventually(() => ending.closed), 'it is closed from both sides')
    const { socket } = await connect(world, `${host}:443`)
    socket.resetAndDestroy()
  }
  const late = new Wire((await connect(world, `${CONTENT}:443`)).socket)
  late.write(Buffer.from('16030102000100', 'hex'))
  late.socket.end()
  t.ok(await eventually(async () => await refusedTunnels(world) > 0), 'half a ClientHello is one')
  t.equal(await refusedTunnels(world), 1)
  t.strictSame((await eventsSoFar(world)).map(({ sluice }) => sluice.reasons), [['stalled']])
})

t.test('a client that leaves while its origin is dialled is nobody\'s failure', async t => {
  const dials: Socket[] = []
  const parent = await startRawServer(t, (socket) => socket.once('data', () => dials.push(socket)))
  const world = await open(t, { intercept: { opaque: 'splice' }, upstream: { parent: `http://${parent}`, hosts: {} } })
  const { socket } = await connect(world, 'raw.example:443')
  socket.write(SSH)
  t.ok(await eventually(() => dials.length === 1), 'the origin is being dialled')
  socket.resetAndDestroy()
  // By the time another client was answered, this one's end was seen.
  t.equal((await connect(world, 'raw.example:22')).status, 403)
  const [dial] = dials
  dial?.end('HTTP/1.1 200 OK\r\n\r\n')
  t.ok(await eventually(() => dial?.closed === true), 'the origin\'s side is closed')
  t.equal(await refusedTunnels(world), 1)
  t.equal(await metric(world, 'sluice_refused_total', { code: 'upstream.connect' }), 0)
  t.equal(await metric(world, 'sluice_tunnels_open'), 0)
})

t.test('intercept.opaque log passes what cannot be told, and writes one event of it', async t => {
  const raw = await startRawServer(t, (socket) => socket.pipe(socket))
  const world = await open(t, { intercept: { opaque: 'log' }, upstream: { hosts: { 'raw.example:443': raw } } })
  const before = Date.now()
  const { socket } = await connect(world, 'raw.example:443')
  const opened = Date.now()
  const openedAt = performance.now()
  const wire = new Wire(socket)
  wire.write(SSH)
  await wire.take((bytes) => bytes.length >= SSH.length ? SSH.length : -1)
  const heldFor = performance.now() - openedAt
  socket.end()
  await wire.rest()
  t.ok(await eventually(async () => await metric(world, 'sluice_tunnels_open') === 0))
  const events = await eventsSoFar(world)
  t.match(events, [{
    event: { action: 'tunnel', outcome: 'success' }, url: { domain: 'raw.example' }, http: { request: { method: 'CONNECT' } },
    source: { bytes: SSH.length }, sluice: { action: 'log', reasons: ['opaque'] },
  }])
  t.equal(events.length, 1)
  const [event] = events
  const at = Date.parse(event?.['@timestamp'] ?? '')
  t.ok(at >= before && at <= opened, 'dated by its start')
  t.ok((event?.event.duration ?? 0) >= heldFor * 1e6, 'and as long as it was')
})

t.test('a dial that fails counts as a failure upstream', async t => {
  const server = net.createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const closed = `127.0.0.1:${(server.address() as AddressInfo).port}`
  await new Promise<void>((resolve) => server.close(() => resolve()))
  const world = await open(t, { intercept: { opaque: 'splice' }, upstream: { hosts: { 'raw.example:443': closed } } })
  const wire = new Wire((await connect(world, 'raw.example:443')).socket)
  wire.write(SSH)
  await wire.rest()
  t.equal(await metric(world, 'sluice_upstream_failures_total', { reason: 'connect' }), 1)
  t.equal(await metric(world, 'sluice_refused_total', { code: 'upstream.connect' }), 1)
  wire.close()
})
