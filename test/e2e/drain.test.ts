/** A stop lets what is under way finish, takes nothing new, and records what it cuts. */
import t from 'tap'
import { events, metric } from './observe.ts'
import { startRawServer } from './raw-server.ts'
import { makeAuthority, startTlsServer } from './tls-server.ts'
import { ALLOW_ALL, API, Wire, connect, dialProxy, openHttp } from './wire.ts'
import { startWorld } from './world.ts'

const SSH = 'SSH-2.0-x\r\n'

/** Sends bytes, and waits until as many came back. */
async function echoed(wire: Wire, bytes: string | Buffer): Promise<boolean> {
  wire.write(bytes)
  return (await wire.take((came) => came.length >= bytes.length ? bytes.length : -1)).equals(Buffer.from(bytes))
}

t.test('a stop waits for a spliced tunnel, and refuses a new one', async t => {
  const raw = await startRawServer(t, (socket) => socket.pipe(socket))
  const world = await startWorld({ config: {
    proxy: { listen: '127.0.0.1:0', drain: '60s' }, intercept: { opaque: 'splice' }, upstream: { hosts: { 'raw.example:443': raw } },
  } })
  t.teardown(() => world.close())
  const tunnel = new Wire((await connect(world, 'raw.example:443')).socket)
  t.ok(await echoed(tunnel, SSH))
  const late = await dialProxy(world)
  late.write('CONNECT raw.example:443')
  t.ok(await echoed(tunnel, SSH), 'by now the other connection is accepted')
  let isClosed = false
  const closing = world.sluice.close().then(() => { isClosed = true })
  late.write(' HTTP/1.1\r\nHost: raw.example:443\r\n\r\n')
  const { status, headers } = await late.response()
  t.equal(status, 503)
  t.match(headers.get('proxy-status'), 'proxy.draining')
  t.ok(await echoed(tunnel, SSH), 'the tunnel goes on')
  t.equal(isClosed, false)
  t.equal(await metric(world, 'sluice_refused_total', { code: 'proxy.draining' }), 1)
  tunnel.socket.end()
  await tunnel.rest()
  await closing
  t.match((await events(world)).map(({ sluice }) => sluice), [{ action: 'block', reasons: [] }], 'a stop is no fault of the request')
  late.close()
})

t.test('a stop waits for a WebSocket', async t => {
  const authority = await makeAuthority()
  const server = await startTlsServer(authority.leaf({ names: [API] }), (socket, text) => {
    if (!text.endsWith('\r\n\r\n')) return
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
    socket.removeAllListeners('data')
    socket.pipe(socket)
  })
  const world = await startWorld({ config: {
    proxy: { listen: '127.0.0.1:0', drain: '60s' }, upstream: { hosts: { [`${API}:443`]: server.address }, ca: [authority.file] },
  } })
  t.teardown(async () => {
    await world.close()
    await server.close()
    await authority.close()
  })
  await world.setPolicy(ALLOW_ALL)
  const wire = await openHttp(world, API)
  wire.write(`GET /ws HTTP/1.1\r\nHost: ${API}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n` +
    'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n')
  t.equal((await wire.response()).status, 101)
  const frame = Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0x68, 0x69])
  t.ok(await echoed(wire, frame))
  let isClosed = false
  const closing = world.sluice.close().then(() => { isClosed = true })
  t.ok(await echoed(wire, frame))
  t.equal(isClosed, false)
  wire.close()
  await closing
})

t.test('what is still open after the time for it is cut, and recorded', async t => {
  const raw = await startRawServer(t, (socket) => socket.pipe(socket))
  const world = await startWorld({ config: {
    proxy: { listen: '127.0.0.1:0', drain: '0s' }, intercept: { opaque: 'log' }, upstream: { hosts: { 'raw.example:443': raw } },
  } })
  t.teardown(() => world.close())
  const tunnel = new Wire((await connect(world, 'raw.example:443')).socket)
  t.ok(await echoed(tunnel, SSH))
  await world.sluice.close()
  await tunnel.rest()
  t.match((await events(world)).map(({ sluice, source }) => ({ action: sluice.action, bytes: source.bytes })), [{ action: 'log', bytes: SSH.length }])
})
