/** The proxy port itself: who may use it, and what it does not do for anybody. */
import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import t from 'tap'
import { eventually, metric, watchProcess } from '../e2e/observe.ts'
import { ALLOW_ALL, dialProxy } from '../e2e/wire.ts'
import { startWorld } from '../e2e/world.ts'

const faults = watchProcess(t)
const seen: string[] = []
const plain = http.createServer((request, response) => {
  seen.push(`${request.method ?? ''} ${request.url ?? ''}`)
  response.end('plain')
})
plain.on('upgrade', (request, socket) => {
  seen.push(`upgrade ${request.url ?? ''}`)
  if (request.url === '/ws') socket.end('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
})
plain.listen(0, '127.0.0.1')
await once(plain, 'listening')
const upstream = { hosts: { 'plain.example:80': `127.0.0.1:${(plain.address() as AddressInfo).port}`, 'plain.example:443': `127.0.0.1:${(plain.address() as AddressInfo).port}` } }
const world = await startWorld({ config: { upstream } })
await world.setPolicy(ALLOW_ALL)
const closed = await startWorld({ config: { upstream, proxy: { clients: ['10.0.0.0/8'] }, intercept: { opaque: 'splice' } } })
t.teardown(async () => {
  await world.close()
  await closed.close()
  plain.closeAllConnections()
  plain.close()
})
t.beforeEach(() => { seen.length = 0 })

const WEBSOCKET = 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n'
const GET = 'GET http://plain.example/ HTTP/1.1\r\nHost: plain.example\r\n\r\n'
const UPGRADE = `GET http://plain.example/ws HTTP/1.1\r\nHost: plain.example\r\n${WEBSOCKET}\r\n`

t.test('an address that proxy.clients does not name gets nothing through, however early it asks', async t => {
  const requests = [GET, UPGRADE, `CONNECT plain.example:443 HTTP/1.1\r\nHost: plain.example:443\r\n\r\n${GET}`, 'GET /proxy.pac HTTP/1.1\r\nHost: x\r\n\r\n']
  for (const request of requests) {
    for (let i = 0; i < 10; i++) {
      const wire = await dialProxy(closed)
      wire.write(request)
      const { status } = await wire.response()
      t.ok(status === 403 || status === 0, `answered ${status}`)
      wire.close()
    }
  }
  t.ok(await eventually(async () => await metric(closed, 'sluice_refused_total', { code: 'client.not-allowed' }) === 40))
  t.equal(await metric(closed, 'sluice_tunnels_total'), 0)
  t.equal(await metric(closed, 'sluice_requests_total'), 0, 'nothing was taken as a request')
  t.strictSame(seen, [])
})

t.test('plain HTTP passes when it is addressed to the proxy, an upgrade too', async t => {
  const wire = await dialProxy(world)
  wire.write(GET)
  t.equal((await wire.response()).status, 200)
  wire.close()
  const upgrade = await dialProxy(world)
  upgrade.write(UPGRADE)
  t.equal((await upgrade.response()).status, 101)
  upgrade.close()
  t.strictSame(seen, ['GET /', 'upgrade /ws'])
})

t.test('a client that leaves before its upgrade is answered frees the origin', async t => {
  let isFree = false
  plain.once('upgrade', (_request, socket: Socket) => socket.resume().once('close', () => { isFree = true }).once('end', () => socket.destroy()))
  const wire = await dialProxy(world)
  wire.write(UPGRADE.replace('/ws', '/silent'))
  t.ok(await eventually(() => seen.length === 1))
  t.notOk(isFree)
  wire.socket.end()
  t.ok(await eventually(() => isFree))
  wire.close()
})

t.test('what is not addressed to another host is not proxied, not even an upgrade', async t => {
  for (const request of [
    `GET /ws HTTP/1.1\r\nHost: plain.example\r\n${WEBSOCKET}\r\n`, 'GET /ws HTTP/1.1\r\nHost: plain.example\r\n\r\n', 'POST / HTTP/1.1\r\nHost: plain.example\r\nContent-Length: 0\r\n\r\n',
    'OPTIONS * HTTP/1.1\r\nHost: plain.example\r\n\r\n', 'GET https://plain.example/ HTTP/1.1\r\nHost: plain.example\r\n\r\n',
    'GET ftp://plain.example/ HTTP/1.1\r\nHost: plain.example\r\n\r\n', 'GET http://plain.example/ HTTP/1.1\r\nHost: other.example\r\n\r\n',
    'GET http://plain.example:8443/ HTTP/1.1\r\nHost: plain.example:8443\r\n\r\n',
  ]) {
    const wire = await dialProxy(world)
    wire.write(request)
    const { status } = await wire.response()
    t.ok(status >= 400, `${JSON.stringify(request.slice(0, 40))}: ${status}`)
    wire.close()
  }
  t.strictSame(seen, [])
})

t.test('who sends nonsense, is told so and stays, is hung up on', async t => {
  const wire = await dialProxy(world)
  wire.write('\x00\x01\x02\r\n\r\n')
  t.equal((await wire.response()).status, 400)
  t.ok(await eventually(() => {
    // A write to a connection that is gone fails; one that is only half closed would take it.
    wire.write('x')
    return wire.error !== null || wire.closed
  }, 5_000))
  wire.close()
})

t.test('nothing would have ended the process', async t => {
  t.strictSame(faults, [])
})
