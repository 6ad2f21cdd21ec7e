/** What one client, and all together, may take of the proxy: who is over a limit is told, and the others go on. */
import { once } from 'node:events'
import net from 'node:net'
import t from 'tap'
import { formatPasswordHash } from '../../policy/people/password-hash.ts'
import { clientKey } from '../../policy/client-key.ts'
import { Places } from '../../proxy/places.ts'
import { hashPassword } from '../../proxy/people/password.ts'
import { events, eventually, metric, watchProcess } from '../e2e/observe.ts'
import { CONTENT, UPLOAD, Wire, connect, dialProxy, openHttp, openHttp2, ask2, secure } from '../e2e/wire.ts'
import { ENGINE } from '../engine.ts'
import type { RawTunnel } from '../e2e/wire.ts'
import type { World } from '../e2e/world.ts'
import { BLIND, limitedWorlds } from './limited-world.ts'

const faults = watchProcess(t)
const { start, authority } = await limitedWorlds(t)

const GET = `GET / HTTP/1.1\r\nHost: ${CONTENT}\r\n\r\n`
const PAC = 'GET /proxy.pac HTTP/1.1\r\nHost: proxy.example\r\n\r\n'

/** Opens so many tunnels, one after the other, all of which have to be let in. */
async function openTunnels(world: World, count: number, localAddress: string): Promise<RawTunnel[]> {
  const opened: RawTunnel[] = []
  for (let i = 0; i < count; i++) opened.push(await connect(world, `${BLIND}:443`, { localAddress }))
  if (opened.some(({ status }) => status !== 200)) throw new Error(`tunnels were answered ${opened.map(({ status }) => status).join(', ')}`)
  return opened
}

t.test('a client has so many tunnels, and the others theirs', async t => {
  const world = await start({ tunnels: 8, tunnelsPerClient: 3 })
  const own = await openTunnels(world, 3, '127.0.0.2')
  const over = await connect(world, `${BLIND}:443`, { localAddress: '127.0.0.2' })
  t.equal(over.status, 429)
  t.match(over.head, /\r\nRetry-After: [0-9]+\r\n/)
  t.match(over.head, /details="client\.too-many-tunnels"/)
  t.equal(await metric(world, 'sluice_refused_total', { code: 'client.too-many-tunnels' }), 1)
  t.ok(await eventually(async () => (await events(world)).length > 0))
  t.match(await events(world), [{ source: { ip: '127.0.0.2' }, destination: { domain: BLIND }, sluice: { action: 'block', reasons: ['limit-reached'] } }])
  const other = await openHttp(world, CONTENT, { localAddress: '127.0.0.3' })
  other.write(GET)
  t.equal((await other.response()).status, 200, 'another is served')
  own[0]?.socket.destroy()
  t.ok(await eventually(async () => {
    const again = await connect(world, `${BLIND}:443`, { localAddress: '127.0.0.2' })
    own.push(again)
    return again.status === 200
  }), 'a place that is given back is there again')
  for (const { socket } of own) socket.destroy()
  other.close()
})

t.test('there are so many tunnels in all', async t => {
  const world = await start({ tunnels: 4, tunnelsPerClient: 3 })
  const opened = [...await openTunnels(world, 3, '127.0.0.2'), ...await openTunnels(world, 1, '127.0.0.3')]
  const over = await connect(world, `${CONTENT}:443`, { localAddress: '127.0.0.4' })
  t.equal(over.status, 503)
  t.match(over.head, /\r\nRetry-After: [0-9]+\r\n/)
  t.match(over.head, /details="proxy\.too-many-tunnels"/)
  const plain = await dialProxy(world, '127.0.0.4')
  plain.write(PAC)
  t.equal((await plain.response()).status, 200, 'what is no tunnel is answered')
  plain.close()
  for (const { socket } of opened) socket.destroy()
  t.ok(await eventually(async () => (await connect(world, `${CONTENT}:443`, { localAddress: '127.0.0.4' })).status === 200))
})

t.test('users are counted by name, wherever they come from', async t => {
  const hash = formatPasswordHash(await hashPassword('secret'))
  const dir = t.testdir({ 'users.yaml': JSON.stringify({ users: { anna: { password: hash }, bob: { password: hash } } }) })
  const world = await start({ tunnelsPerClient: 2 }, { proxy: { auth: 'basic' }, people: { file: `${dir}/users.yaml` } })
  const as = async (user: string, localAddress: string): Promise<number> => {
    const field = `Proxy-Authorization: Basic ${Buffer.from(`${user}:secret`).toString('base64')}`
    const { socket, status } = await connect(world, `${BLIND}:443`, { localAddress, field })
    t.teardown(() => socket.destroy())
    return status
  }
  t.equal(await as('anna', '127.0.0.2'), 200)
  t.equal(await as('Anna', '127.0.0.3'), 200)
  t.equal(await as('anna', '127.0.0.4'), 429)
  t.equal(await as('bob', '127.0.0.2'), 200)
})

t.test('a client has so many connections, and the others theirs', async t => {
  const world = await start({ connections: 40, connectionsPerClient: 3 })
  const silent = [await dialProxy(world, '127.0.0.2'), await dialProxy(world, '127.0.0.2')]
  const one = await dialProxy(world, '127.0.0.2')
  one.write(PAC)
  t.equal((await one.response()).status, 200)
  const over = await dialProxy(world, '127.0.0.2')
  over.write(PAC)
  const refused = await over.response()
  t.equal(refused.status, 429)
  t.ok(Number(refused.headers.get('retry-after')) > 0)
  t.match(refused.headers.get('proxy-status'), /client\.too-many-connections/)
  t.ok(await eventually(() => over.over), 'and is hung up on')
  const tunnel = await connect(world, `${CONTENT}:443`, { localAddress: '127.0.0.2' })
  t.equal(tunnel.status, 429, 'a tunnel is no way around')
  const upgrade = await dialProxy(world, '127.0.0.2')
  upgrade.write('GET http://x.example/ HTTP/1.1\r\nHost: x.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
  t.equal((await upgrade.response()).status, 429, 'nor is an upgrade')
  t.equal(await metric(world, 'sluice_refused_total', { code: 'client.too-many-connections' }), 3)
  t.equal(await metric(world, 'sluice_connections_open'), 3)
  const other = await openHttp(world, CONTENT, { localAddress: '127.0.0.3' })
  other.write(GET)
  t.equal((await other.response()).status, 200, 'another is served')
  silent[0]?.close()
  t.ok(await eventually(async () => {
    const again = await dialProxy(world, '127.0.0.2')
    again.write(PAC)
    const { status } = await again.response()
    again.close()
    return status === 200
  }), 'a place that is given back is there again')
  for (const wire of [...silent, one, over, upgrade, other]) wire.close()
})

t.test('a client has so many requests under way, however few connections bring them', async t => {
  const world = await start({ connections: 8, connectionsPerClient: 4 })
  const session = await openHttp2(world, CONTENT, { localAddress: '127.0.0.2' })
  const held = Array.from({ length: 4 }, () => session.request({ ':method': 'POST', ':path': UPLOAD, 'dropbox-api-arg': '{"path":"/a"}' }))
  for (const stream of held) {
    stream.on('error', () => undefined)
    stream.write('x')
  }
  const over = await ask2(session, { ':path': '/' })
  t.equal(over.status, 429)
  t.equal(await metric(world, 'sluice_refused_total', { code: 'client.too-many-requests' }), 1)
  const other = await openHttp(world, CONTENT, { localAddress: '127.0.0.3' })
  world.origin.behave({ delayMs: 500 })
  other.write(GET.repeat(6))
  const answers: number[] = []
  for (let i = 0; i < 6; i++) answers.push((await other.response()).status)
  // The relay takes one after the other.
  t.strictSame(answers, [200, 200, 200, 200, ...ENGINE === 'relay' ? [200, 200] : [429, 429]], 'another has his own, of what he sends at once as well')
  other.close()
  world.origin.behave(null)
  for (const stream of held) stream.destroy()
  t.ok(await eventually(async () => (await ask2(session, { ':path': '/' })).status === 200), 'what is over makes room')
  session.destroy()
})

t.test('who opens many more connections than he may is hung up on at once', async t => {
  const world = await start({ connectionsPerClient: 2 })
  const all = await Promise.all(Array.from({ length: 60 }, () => dialProxy(world, '127.0.0.2')))
  // Two were let in, and sixteen may stay until they have asked.
  t.ok(await eventually(() => all.filter(({ over }) => over).length === 42))
  t.equal(await metric(world, 'sluice_connections_open'), 2)
  const other = await openHttp2(world, CONTENT, { localAddress: '127.0.0.3' })
  t.equal((await ask2(other, { ':path': '/' })).status, 200, 'another is served')
  other.destroy()
  for (const wire of all) wire.close()
  t.ok(await eventually(async () => await metric(world, 'sluice_connections_open') === 0), 'all places are given back')
})

t.test('there are so many connections in all', async t => {
  const world = await start({ connections: 4, connectionsPerClient: 2 })
  const opened = [await dialProxy(world, '127.0.0.2'), await dialProxy(world, '127.0.0.2'), await dialProxy(world, '127.0.0.3'), await dialProxy(world, '127.0.0.3')]
  t.ok(await eventually(async () => await metric(world, 'sluice_connections_open') === 4))
  const over = await dialProxy(world, '127.0.0.4')
  over.write(PAC)
  const { status, headers } = await over.response()
  t.equal(status, 503)
  t.ok(Number(headers.get('retry-after')) > 0)
  t.match(headers.get('proxy-status'), /proxy\.too-many-connections/)
  for (const wire of [...opened, over]) wire.close()
})

t.test('over TLS, one connection too many costs no handshake', async t => {
  const leaf = authority.leaf({ names: ['localhost'] })
  const dir = t.testdir({ 'proxy.pem': leaf.cert, 'proxy-key.pem': leaf.key })
  const world = await start({ connectionsPerClient: 1 }, { proxy: { tls: { cert: `${dir}/proxy.pem`, key: `${dir}/proxy-key.pem` } } })
  const dial = async (localAddress: string): Promise<net.Socket> => {
    const socket = net.connect({ host: '127.0.0.1', port: Number(new URL(world.proxy).port), localAddress })
    await once(socket, 'connect')
    return socket
  }
  const ask = async (socket: net.Socket): Promise<number> => {
    const wire = new Wire(await secure({ caFile: authority.file }, socket, 'localhost'))
    wire.write(PAC)
    return (await wire.response()).status
  }
  const first = await dial('127.0.0.2')
  t.equal(await ask(first), 200)
  const over = new Wire(await dial('127.0.0.2'))
  t.equal((await over.rest()).length, 0)
  const other = await dial('127.0.0.3')
  t.equal(await ask(other), 200, 'another is served')
  other.destroy()
  first.destroy()
  t.ok(await eventually(async () => await metric(world, 'sluice_connections_open') === 0), 'all places are given back')
})

t.test('CONNECT with a body is refused, with the length of none it is not', async t => {
  const world = await start({})
  for (const field of ['Content-Length: 5', 'Content-Length: 00007', 'Transfer-Encoding: chunked', 'Transfer-Encoding: identity']) {
    const { socket, status } = await connect(world, `${CONTENT}:443`, { field })
    t.equal(status, 400, field)
    socket.destroy()
  }
  for (const field of ['Content-Length: 0', 'Content-Length: 000']) {
    const { socket, status } = await connect(world, `${CONTENT}:443`, { field })
    t.equal(status, 200, field)
    socket.destroy()
  }
  t.strictSame(world.origin.requests(), [])
})

t.test('places are counted by client, and nothing is remembered of whoever has none', async t => {
  const places = new Places({ each: 2, all: 3 })
  t.strictSame(['a', 'a', 'a', 'b', 'c'].map((who) => places.take(who)), [null, null, 'each', null, 'all'])
  t.equal(places.total, 3)
  for (const who of ['a', 'b', 'a']) places.giveBack(who)
  t.strictSame([places.total, places.clients], [0, 0])
  t.equal(places.take('c'), null)
})

t.test('an IPv6 network of 64 bits is one client, and no name is an address', async t => {
  const key = (ip: string, user?: string): string => clientKey({ ip, ...user === undefined ? {} : { user } })
  t.equal(key('2001:db8::1'), key('2001:db8::ffff:ffff:ffff:ffff'))
  t.not(key('2001:db8::1'), key('2001:db8:0:1::1'))
  t.not(key('10.0.0.1'), key('10.0.0.2'))
  t.not(key('10.0.0.2', '10.0.0.1'), key('10.0.0.1'))
  t.equal(key('10.0.0.1', 'Anna'), key('10.0.0.2', 'anna'))
})

t.test('nothing of it would have ended the process', async t => {
  t.strictSame(faults, [])
})
