/** WebSocket on an intercepted host: frames pass as they are, and what the client sends is counted and cut. */
import { readFileSync } from 'node:fs'
import { once } from 'node:events'
import https from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { createHash, randomBytes } from 'node:crypto'
import t from 'tap'
import WebSocket, { WebSocketServer } from 'ws'
import { proxyAgent } from '../origin/proxy-agent.ts'
import { makeAuthority } from './tls-server.ts'
import { eventually, events, metric, watchProcess } from './observe.ts'
import { ALLOW_ALL, API } from './wire.ts'
import { startWorld } from './world.ts'

/** `hi`, and a close without a status. */
const HASTY = Buffer.from([0x81, 2, 0x68, 0x69, 0x88, 0])
const faults = watchProcess(t)
const authority = await makeAuthority()
const leaf = authority.leaf({ names: [API] })
let received = 0
let upgrades = 0
const server = https.createServer({ cert: leaf.cert, key: leaf.key })
const sockets = new Set<Socket>()
server.on('connection', (socket: Socket) => {
  sockets.add(socket)
  socket.once('close', () => sockets.delete(socket))
})
const echo = new WebSocketServer({ noServer: true, perMessageDeflate: { threshold: 0 } })
server.on('upgrade', (request, socket, head) => {
  upgrades += 1
  if (request.url === '/declined') {
    socket.end('HTTP/1.1 401 Unauthorized\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nno.')
    return
  }
  if (request.url === '/hasty') {
    // The first frames come with the answer: a text, and the end.
    const head = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: '
    const accept = createHash('sha1').update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
    socket.end(Buffer.concat([Buffer.from(`${head}${accept}\r\n\r\n`), HASTY]))
    return
  }
  echo.handleUpgrade(request, socket, head, (client) => {
    client.on('error', () => client.terminate())
    client.on('message', (data: Buffer, binary) => {
      received += data.length
      client.send(data, { binary })
    })
  })
})
server.listen(0, '127.0.0.1')
await once(server, 'listening')
const world = await startWorld({ config: { upstream: { hosts: { [`${API}:443`]: `127.0.0.1:${(server.address() as AddressInfo).port}` }, ca: [authority.file] } } })
t.teardown(async () => {
  for (const client of echo.clients) client.terminate()
  await world.close()
  for (const socket of sockets) socket.destroy()
  server.close()
  await authority.close()
})
t.beforeEach(async () => {
  received = 0
  upgrades = 0
  await world.setPolicy(ALLOW_ALL)
})

function open(path = '/ws', protocols: string[] = []): WebSocket {
  const agent = proxyAgent(world.proxy, readFileSync(world.caFile, 'utf8'))
  const socket = new WebSocket(`wss://${API}${path}`, protocols, { agent, perMessageDeflate: { threshold: 0 } })
  socket.on('error', () => undefined) // the tests look at how it ends
  return socket
}

async function echoed(socket: WebSocket, data: Buffer): Promise<Buffer> {
  const answer = once(socket, 'message')
  socket.send(data)
  const [message] = await answer as [Buffer]
  return message
}

t.test('an echo with subprotocol and compression, counted', async t => {
  const socket = open('/ws', ['chat', 'other'])
  await once(socket, 'open')
  t.equal(socket.protocol, 'chat')
  t.match(socket.extensions, /permessage-deflate/)
  for (const data of [Buffer.from('hello'), randomBytes(10_000), Buffer.alloc(0)]) t.ok((await echoed(socket, data)).equals(data), `${data.length} bytes`)
  const pong = once(socket, 'pong')
  socket.ping('are you there')
  t.equal(String((await pong as [Buffer])[0]), 'are you there')
  socket.close(4321, 'done')
  const [code] = await once(socket, 'close') as [number]
  t.equal(code, 4321, 'the close frame passes too')
  t.ok(await eventually(async () => await metric(world, 'sluice_websocket_bytes_total', { direction: 'up' }) >= 10_000))
  t.ok(await metric(world, 'sluice_websocket_bytes_total', { direction: 'up' }) < 11_000)
  t.equal(await metric(world, 'sluice_requests_total', { protocol: 'websocket' }), 1, 'recorded once')
  t.ok(await eventually(async () => await metric(world, 'sluice_tunnels_open') === 0))
})

t.test('control frames count as what is sent does, and are cut', async t => {
  await world.setPolicy({ default: 'allow', unknownTenant: 'allow', rules: [{ id: 'no-uploads', when: { activity: 'upload' }, action: 'block' }] })
  const socket = open()
  await once(socket, 'open')
  // Nobody answers pongs, so that only Sluice can end this.
  for (let i = 0; i < 200; i++) socket.pong(randomBytes(125))
  t.ok(await eventually(() => socket.readyState === WebSocket.CLOSED))
  t.ok(await eventually(async () => (await events(world)).some(({ sluice }) => sluice.cut)))
  socket.terminate()
})

t.test('what an origin sends with its answer is counted too', async t => {
  const before = await metric(world, 'sluice_websocket_bytes_total', { direction: 'down' })
  const socket = open('/hasty')
  const [data] = await once(socket, 'message') as [Buffer]
  t.equal(String(data), 'hi')
  if (socket.readyState !== WebSocket.CLOSED) await once(socket, 'close')
  t.ok(await eventually(async () => await metric(world, 'sluice_tunnels_open') === 0))
  t.equal(await metric(world, 'sluice_websocket_bytes_total', { direction: 'down' }) - before, HASTY.length)
})

t.test('a large message passes both ways where no rule minds', async t => {
  const socket = open()
  await once(socket, 'open')
  const data = randomBytes(5_000_000)
  t.ok((await echoed(socket, data)).equals(data))
  socket.terminate()
  t.ok(await eventually(async () => await metric(world, 'sluice_tunnels_open') === 0))
})

t.test('a block comes before the upgrade, in the form of the provider', async t => {
  await world.setPolicy({ default: 'allow', unknownTenant: 'allow', rules: [{ id: 'no-dropbox', when: { provider: 'dropbox' }, action: 'block', message: 'Not here.' }] })
  const socket = open()
  const [, response] = await once(socket, 'unexpected-response') as [unknown, NodeJS.ReadableStream & { statusCode: number }]
  t.equal(response.statusCode, 403)
  let text = ''
  for await (const chunk of response) text += String(chunk)
  t.match(JSON.parse(text), { error_summary: /^Not here\./ })
  t.equal(upgrades, 0, 'the origin was not asked')
})

t.test('what is sent through it is an upload above 16 KiB, and is cut', async t => {
  await world.setPolicy({ default: 'allow', unknownTenant: 'allow', rules: [{ id: 'no-uploads', when: { activity: 'upload' }, action: 'block' }] })
  const socket = open()
  await once(socket, 'open')
  for (let i = 0; i < 3; i++) await echoed(socket, randomBytes(4_000))
  const closed = once(socket, 'close')
  for (let i = 0; i < 100; i++) socket.send(randomBytes(50_000))
  await closed
  t.ok(received <= 16_384, `${received} bytes arrived`)
  t.ok(await eventually(async () => (await events(world)).some(({ sluice }) => sluice.cut && sluice.action === 'block' && sluice.reasons.includes('unexplained-body'))))
  t.ok(await eventually(async () => await metric(world, 'sluice_tunnels_open') === 0))
})

t.test('a size rule cuts it at the limit', async t => {
  await world.setPolicy({ default: 'allow', unknownTenant: 'allow', rules: [{ id: 'large', when: { provider: 'dropbox', size: { atLeast: '100KB' } }, action: 'block' }] })
  const socket = open()
  await once(socket, 'open')
  for (let i = 0; i < 9; i++) await echoed(socket, randomBytes(10_000))
  const closed = once(socket, 'close')
  for (let i = 0; i < 50; i++) socket.send(randomBytes(50_000))
  await closed
  t.ok(received >= 90_000 && received < 100_000, `${received} bytes arrived`)
})

t.test('an origin that declines is heard', async t => {
  const socket = open('/declined')
  const [, response] = await once(socket, 'unexpected-response') as [unknown, NodeJS.ReadableStream & { statusCode: number }]
  t.equal(response.statusCode, 401)
  let text = ''
  for await (const chunk of response) text += String(chunk)
  t.equal(text, 'no.')
  t.ok(await eventually(async () => await metric(world, 'sluice_tunnels_open') === 0))
})

t.test('either side that vanishes takes the other with it', async t => {
  const first = open()
  await once(first, 'open')
  first.terminate()
  t.ok(await eventually(() => echo.clients.size === 0), 'the client vanished')
  const second = open()
  await once(second, 'open')
  const closed = once(second, 'close')
  for (const client of echo.clients) client.terminate()
  await closed
  t.ok(await eventually(async () => await metric(world, 'sluice_tunnels_open') === 0), 'the origin vanished')
})

t.test('nothing would have ended the process', async t => {
  t.strictSame(faults, [])
})
