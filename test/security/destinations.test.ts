/** Where the proxy leads nobody: inside, to itself, and round in circles. Addresses in all notations are in e2e/tunnel.test.ts. */
import { once } from 'node:events'
import http from 'node:http'
import { networkInterfaces } from 'node:os'
import net from 'node:net'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { checkAddress, checkPort, Networks, resolveDestination } from '../../proxy/destination.ts'
import { OwnAddresses } from '../../proxy/own-addresses.ts'
import { createVia } from '../../proxy/via.ts'
import { eventually, metric, watchProcess } from '../e2e/observe.ts'
import { ALLOW_ALL, API, ask2, connect, CONTENT, dialProxy, openHttp, openHttp2, upload, Wire } from '../e2e/wire.ts'
import { startWorld } from '../e2e/world.ts'
import type { World } from '../e2e/world.ts'

const faults = watchProcess(t)
const none = new Networks([])
const ACCESS_DENIED = '15030300020231'
const WEBSOCKET = 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n'
const GET = (host: string, ...fields: string[]): string => `GET http://${host}/ HTTP/1.1\r\nHost: ${host}\r\n${fields.map((field) => `${field}\r\n`).join('')}\r\n`

const seen: http.IncomingMessage[] = []
const plain = http.createServer((request, response) => {
  seen.push(request)
  response.writeHead(200, { via: '1.1 cdn.example' }).end('plain')
})
plain.on('upgrade', (request, socket) => {
  seen.push(request)
  socket.end('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
})
plain.listen(0, '127.0.0.1')
await once(plain, 'listening')
const at = `127.0.0.1:${(plain.address() as AddressInfo).port}`
const world = await startWorld({ config: (origin) => ({ upstream: { hosts: { ...origin.upstreamHosts(), 'plain.example:80': at }, ca: [origin.caFile] } }) })
await world.setPolicy(ALLOW_ALL)
t.teardown(async () => {
  await world.close()
  plain.closeAllConnections()
  plain.close()
})
t.beforeEach(() => { seen.length = 0 })

/** The entry by which a world knows what it has forwarded. */
async function entryOf(of: Pick<World, 'proxy'>): Promise<string> {
  const wire = await dialProxy(of)
  wire.write(GET('plain.example'))
  const via = (await wire.response()).headers.get('via') ?? ''
  wire.close()
  return via
}

const loops = (of: World): Promise<number> => metric(of, 'sluice_refused_total', { code: 'proxy.loop' })

t.test('only the ports of the web', async t => {
  for (const port of [80, 443]) t.doesNotThrow(() => checkPort(port))
  for (const port of [0, 21, 22, 25, 53, 79, 81, 442, 444, 3128, 6379, 8080, 8443, 65535]) t.throws(() => checkPort(port), { code: 'destination.port' }, String(port))
})

const INSIDE: Readonly<Record<string, readonly string[]>> = {
  unspecified: ['0.0.0.0', '0.1.2.3', '::'],
  loopback: ['127.0.0.1', '127.255.255.254', '::1'],
  'link-local': ['169.254.0.1', 'fe80::1', 'febf::1'],
  'metadata services': ['169.254.169.254', '169.254.170.2', 'fd00:ec2::254', 'fd20:ce::254', '100.100.100.200', '192.0.0.192', '168.63.129.16'],
  private: ['10.0.0.0', '10.255.255.255', '172.16.0.0', '172.31.255.255', '192.168.0.0', '192.168.255.255', 'fc00::', 'fdff::1', 'fec0::1'],
  'carrier-grade NAT': ['100.64.0.0', '100.127.255.255'],
  'IPv4-mapped': ['::ffff:127.0.0.1', '::ffff:a00:1', '::ffff:a9fe:a9fe', '::ffff:168.63.129.16'],
  'IPv4-compatible and -translated': ['::127.0.0.1', '::a00:1', '::ffff:0:a00:1'],
  NAT64: ['64:ff9b::7f00:1', '64:ff9b::808:808', '64:ff9b:1::a00:1', '64:ff9b:1:ffff::1'],
  '6to4': ['2002:7f00:1::', '2002:a00:1::1', '192.88.99.1'],
  Teredo: ['2001::1', '2001:0:1:2::3'],
  broadcast: ['255.255.255.255', '240.0.0.1'],
  multicast: ['224.0.0.1', '239.255.255.255', 'ff02::1', 'ff0e::1'],
  documentation: ['192.0.2.1', '198.51.100.1', '203.0.113.1', '2001:db8::1', '3fff::1', '3fff:fff::1'],
  'discarded, benchmarks, not assigned': ['100::1', '100:0:0:1::1', '198.18.0.1', '198.19.255.255', '2001:2::1', '4000::1', '5f00::1', '8000::1', 'e000::1'],
}
for (const [kind, addresses] of Object.entries(INSIDE)) {
  t.test(`refused after resolution: ${kind}`, async t => {
    for (const address of addresses) {
      t.throws(() => checkAddress(address, none), { code: 'destination.address' }, address)
      const resolve = async () => [{ address: '8.8.8.8', family: 4 }, { address, family: net.isIP(address) }]
      await t.rejects(resolveDestination('rebound.example', none, resolve), { code: 'destination.address' }, `a name for it and another`)
      t.doesNotThrow(() => checkAddress(address, new Networks([address])), `${address} where an admin names it`)
    }
  })
}

t.test('next to what is refused is the internet', async t => {
  for (const address of ['9.255.255.255', '11.0.0.0', '100.63.255.255', '100.128.0.0', '126.255.255.255', '128.0.0.0', '168.63.129.15', '168.63.129.17', '169.253.255.255',
    '172.15.255.255', '172.32.0.0', '192.167.255.255', '192.169.0.0', '223.255.255.255', '2001:200::1', '2001:4860:4860::8888', '2003::1', '2606:4700::1', '3ffe::1', '::ffff:8.8.8.8']) {
    t.doesNotThrow(() => checkAddress(address, none), address)
  }
})

t.test('names of the machine itself and of metadata services are not asked of a parent, which would resolve them at its place', async t => {
  const targets: string[] = []
  const parent = http.createServer().on('connect', (request, socket) => {
    targets.push(request.url ?? '')
    socket.end('HTTP/1.1 502 no\r\nContent-Length: 0\r\n\r\n')
  }).listen(0, '127.0.0.1')
  await once(parent, 'listening')
  const behind = await startWorld({ config: { upstream: { hosts: {}, parent: `http://127.0.0.1:${(parent.address() as AddressInfo).port}` } } })
  await behind.setPolicy(ALLOW_ALL)
  for (const host of ['localhost', 'LOCALHOST.', 'a.localhost', 'metadata.google.internal', 'metadata.goog', 'instance-data', '169.254.169.254', '168.63.129.16']) {
    const wire = await dialProxy(behind)
    wire.write(GET(host))
    t.equal((await wire.response()).status, 403, host)
    wire.close()
  }
  t.strictSame(targets, [])
  const wire = await dialProxy(behind)
  wire.write(GET('localhost.example'))
  t.equal((await wire.response()).status, 502)
  wire.close()
  t.strictSame(targets, ['localhost.example:80'], 'another name is')
  await behind.close()
  parent.close()
})

t.test('what is forwarded says that it was here, after whoever was before: request, answer, upgrade', async t => {
  const own = /^1\.1 sluice-[0-9a-f]{20}$/
  const wire = await dialProxy(world)
  wire.write(GET('plain.example', 'Connection: via', 'Via: 1.0 before.example'))
  const { status, headers } = await wire.response()
  wire.close()
  t.equal(status, 200)
  t.match(headers.get('via'), own, 'the last of the answer’s')
  const [before, mine] = (seen[0]?.headers.via ?? '').split(', ')
  t.equal(before, '1.0 before.example', 'Connection cannot take it away')
  t.match(mine, own)
  t.equal(mine, headers.get('via'), 'one name for both ways')
  const upgrade = await dialProxy(world)
  upgrade.write(`GET http://plain.example/ws HTTP/1.1\r\nHost: plain.example\r\n${WEBSOCKET}\r\n`)
  const answer = await upgrade.response()
  t.equal(answer.status, 101)
  t.match(answer.headers.get('via'), own)
  t.match(seen[1]?.headers.via, own)
  upgrade.close()
})

t.test('what is forwarded out of an opened tunnel says so too, over HTTP/1.1 and HTTP/2', async t => {
  const first = await openHttp(world, CONTENT)
  first.write(upload('x'))
  t.match((await first.response()).headers.get('via'), /^1\.1 sluice-/)
  first.close()
  const session = await openHttp2(world, API)
  const { headers } = await ask2(session, { ':method': 'POST', ':path': '/2/users/get_current_account', authorization: 'Bearer t' })
  t.match(headers.via, /^1\.1 sluice-/)
  session.destroy()
  const vias = world.origin.requests().map((record) => record.rawHeaders.filter(([name]) => name.toLowerCase() === 'via').map(([, value]) => value))
  t.match(vias, [[/^1\.1 sluice-/], [/^2\.0 sluice-/]])
})

t.test('what comes back is refused: plain, upgrade, CONNECT, inside a tunnel', async t => {
  const entry = await entryOf(world)
  seen.length = 0
  const before = await loops(world)
  for (const via of [entry, `1.1 a.example, ${entry}, 1.1 b.example (Squid)`, entry.toUpperCase(), `1.1 a.example\r\nvIA: ${entry}`]) {
    for (const request of [
      GET('plain.example', `Via: ${via}`), GET('plain.example', 'Connection: via', `Via: ${via}`),
      `GET http://plain.example/ws HTTP/1.1\r\nHost: plain.example\r\nVia: ${via}\r\n${WEBSOCKET}\r\n`,
      `CONNECT ${CONTENT}:443 HTTP/1.1\r\nHost: ${CONTENT}:443\r\nVia: ${via}\r\n\r\n`,
    ]) {
      const wire = await dialProxy(world)
      wire.write(request)
      const { status, headers } = await wire.response()
      t.equal(status, 508, request)
      t.match(headers.get('proxy-status'), 'proxy.loop')
      wire.close()
    }
  }
  const tunnel = await openHttp(world, CONTENT)
  tunnel.write(upload('x', { fields: ['Content-Length: 1', `Via: ${entry}`] }))
  t.equal((await tunnel.response()).status, 508)
  tunnel.close()
  const session = await openHttp2(world, API)
  t.equal((await ask2(session, { ':method': 'GET', ':path': '/', via: entry })).status, 508)
  session.destroy()
  t.strictSame(seen, [])
  t.ok(await eventually(async () => await loops(world) === before + 18))
})

t.test('another process is no circle, nor is a name that only looks like it', async t => {
  const entry = await entryOf(world)
  for (const via of [createVia().entry('1.1'), '1.1 sluice', entry.slice(0, -1), '1.1 ' + '0'.repeat(20)]) {
    const wire = await dialProxy(world)
    wire.write(GET('plain.example', `Via: ${via}`))
    t.equal((await wire.response()).status, 200, via)
    wire.close()
  }
})

t.test('a parent that leads back here is refused at the second pass', async t => {
  // Passes on whatever comes, as a proxy whose own parent this one is would.
  let back = ''
  let turns = 0
  const parent = net.createServer((socket) => {
    turns += 1
    const { hostname, port } = new URL(back)
    const there = net.connect(Number(port), hostname)
    for (const side of [socket, there]) side.on('error', () => { socket.destroy(); there.destroy() })
    socket.pipe(there).pipe(socket)
  }).listen(0, '127.0.0.1')
  await once(parent, 'listening')
  const circle = await startWorld({ config: { intercept: { opaque: 'splice' }, upstream: { hosts: {}, parent: `http://127.0.0.1:${(parent.address() as AddressInfo).port}` } } })
  back = circle.proxy
  await circle.setPolicy(ALLOW_ALL)
  const blind = new Wire((await connect(circle, 'blind.example:443')).socket)
  blind.write('anything')
  t.equal((await blind.rest()).toString('hex'), ACCESS_DENIED)
  blind.close()
  t.equal(turns, 1)
  const wire = await dialProxy(circle)
  wire.write(GET('plain.example'))
  t.equal((await wire.response()).status, 502)
  wire.close()
  t.equal(turns, 2)
  t.ok(await eventually(async () => await loops(circle) === 2))
  await circle.close()
  parent.close()
})

t.test('nobody is led to where this process listens, whatever is allowed', async t => {
  const own = new OwnAddresses()
  own.add(['127.0.0.1:3128', '[::]:443', '203.0.113.7:80'])
  const mine = Object.values(networkInterfaces()).flatMap((found) => found?.map(({ address }) => address) ?? [])
  for (const [address, port] of [['127.0.0.1', 3128], ['::ffff:127.0.0.1', 3128], ['127.5.5.5', 443], ['::', 443], ['0.0.0.0', 443], ['203.0.113.7', 80], ...mine.map((one) => [one, 443] as const)] as const) {
    t.throws(() => own.check(address, port), { code: 'proxy.loop' }, `${address} ${port}`)
  }
  for (const [address, port] of [['127.0.0.1', 80], ['203.0.113.7', 443], ['203.0.113.8', 80], ['8.8.8.8', 443]] as const) t.doesNotThrow(() => own.check(address, port), `${address} ${port}`)

  // A name that leads to the proxy, and one that leads to its admin API: the ports are free ones, so the names are static.
  const [proxyAt, adminAt] = await Promise.all([freePort(), freePort()])
  const turned = await startWorld({
    config: {
      proxy: { listen: `127.0.0.1:${proxyAt}` }, admin: { listen: `127.0.0.1:${adminAt}` }, intercept: { opaque: 'splice' },
      upstream: { allow: ['127.0.0.0/8'], hosts: { 'me.example:80': `127.0.0.1:${proxyAt}`, 'me.example:443': `127.0.0.1:${proxyAt}`, 'admin.example:80': `127.0.0.1:${adminAt}` } },
    },
  })
  await turned.setPolicy(ALLOW_ALL)
  for (const host of ['me.example', 'admin.example']) {
    const wire = await dialProxy(turned)
    wire.write(GET(host))
    t.equal((await wire.response()).status, 508, host)
    wire.close()
  }
  const tunnel = new Wire((await connect(turned, 'me.example:443')).socket)
  tunnel.write('CONNECT me.example:443 HTTP/1.1\r\n\r\n')
  t.equal((await tunnel.rest()).toString('hex'), ACCESS_DENIED)
  tunnel.close()
  t.ok(await eventually(async () => await loops(turned) === 3))
  await turned.close()
})

t.test('nothing would have ended the process', async t => {
  t.strictSame(faults, [])
})

async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
