/**
 * A storage host and a neutral name on one address and one certificate: a request for the one, hidden behind the other, stores
 * nothing. A Sluice without the check, and one that lets such names pass, show that the origin would store it.
 */
import t from 'tap'
import type { Test } from 'tap'
import { events, eventually, metric, watchProcess } from '../e2e/observe.ts'
import { patchedSluice } from '../e2e/patched.ts'
import { NEUTRAL, startSharedEdge } from '../e2e/shared-edge.ts'
import { ALLOW_ALL, CONTENT, UPLOAD, Wire, ask2, connect, openHttp, openHttp2, secure, upload } from '../e2e/wire.ts'
import { startWorld } from '../e2e/world.ts'
import type { World, WorldOptions } from '../e2e/world.ts'

const faults = watchProcess(t)
const edge = await startSharedEdge()
t.teardown(() => edge.close())
t.beforeEach(() => edge.reset())

const FILE = Buffer.alloc(300_000, 'x')

async function open(t: Test, config: Record<string, Record<string, unknown>> = {}, start?: WorldOptions['start']): Promise<World> {
  const world = await startWorld({
    config: { ...config, upstream: { hosts: edge.hosts, ca: [edge.caFile], ...config.upstream } }, ...start === undefined ? {} : { start },
  })
  t.teardown(() => world.close())
  await world.setPolicy(ALLOW_ALL)
  return world
}

/** CONNECT, server name, and the names that the request gives. */
interface Names {
  readonly connect: string
  readonly sni: string
  readonly host: string
  /** On HTTP/2, a Host beside `:authority`. */
  readonly second?: string
}

const FORGED: readonly Names[] = [
  { connect: NEUTRAL, sni: CONTENT, host: CONTENT },
  { connect: NEUTRAL, sni: CONTENT, host: NEUTRAL },
  { connect: CONTENT, sni: CONTENT, host: NEUTRAL },
  { connect: CONTENT, sni: CONTENT, host: `${NEUTRAL}:443` },
]
const TWICE: readonly Names[] = [
  { connect: CONTENT, sni: CONTENT, host: CONTENT, second: NEUTRAL },
  { connect: CONTENT, sni: CONTENT, host: NEUTRAL, second: CONTENT },
  { connect: NEUTRAL, sni: CONTENT, host: CONTENT, second: NEUTRAL },
]

async function send1(world: World, { connect, sni, host }: Names, ca?: string): Promise<number> {
  const wire = await openHttp(world, connect, { servername: sni, ...ca === undefined ? {} : { ca } })
  wire.write(upload(FILE, { host }))
  const { status } = await wire.response()
  wire.close()
  return status
}

async function send2(world: World, { connect, sni, host, second }: Names, ca?: string): Promise<number> {
  const session = await openHttp2(world, connect, { servername: sni, ...ca === undefined ? {} : { ca } })
  const { status } = await ask2(session, {
    ':method': 'POST', ':path': UPLOAD, ':authority': host, ...second === undefined ? {} : { host: second }, 'dropbox-api-arg': '{"path":"/a.txt"}',
  }, FILE)
  session.destroy()
  return status
}

t.test('forged Host and :authority store nothing, over HTTP/1.1 and HTTP/2', async t => {
  const world = await open(t)
  for (const names of FORGED) {
    t.equal(await send1(world, names), 400, `HTTP/1.1 ${JSON.stringify(names)}`)
    t.equal(await send2(world, names), 421, `HTTP/2 ${JSON.stringify(names)}`)
  }
  for (const names of TWICE) t.equal(await send2(world, names), 421, `HTTP/2 ${JSON.stringify(names)}`)
  for (const sni of [NEUTRAL, `www.${CONTENT}`]) {
    const { socket } = await connect(world, `${CONTENT}:443`)
    await t.rejects(secure(world, socket, sni), /unrecognized name/, 'CONNECT to storage, server name elsewhere')
  }
  t.equal(edge.arrived(), 0)
  t.equal(await send1(world, { connect: CONTENT, sni: CONTENT, host: CONTENT }), 200, 'under its own name it is stored, as the policy allows')
  t.equal(edge.stored(), FILE.length)
})

t.test('without the check, the file is stored', async t => {
  const patched = await patchedSluice({
    file: 'proxy/identity.ts', from: 'if (host === tunnel.host && port === tunnel.port && tunnel.serverName === tunnel.host) return', to: 'return',
  })
  t.teardown(patched.remove)
  const world = await open(t, {}, patched.start)
  t.equal(await send1(world, { connect: NEUTRAL, sni: CONTENT, host: CONTENT }), 200)
  t.equal(edge.stored(), FILE.length)
  t.equal(await send2(world, { connect: NEUTRAL, sni: CONTENT, host: CONTENT }), 200)
  t.equal(edge.stored(), 2 * FILE.length)
})

const HIDDEN: Names = { connect: NEUTRAL, sni: NEUTRAL, host: CONTENT }
/** What sends the storage host's request within the TLS of the neutral name, end to end with the edge. */
const WAYS = { 'HTTP/1.1': send1, 'HTTP/2': send2 } as const

/** The storage host is used once, so that it is known where it is. */
async function find(world: World): Promise<void> {
  const wire = await openHttp(world, CONTENT)
  wire.write(`GET / HTTP/1.1\r\nHost: ${CONTENT}\r\n\r\n`)
  await wire.response()
  wire.close()
}

const isTunnelOf = (world: World, action: string): Promise<number> => metric(world, 'sluice_requests_total', { provider: 'dropbox', activity: 'tunnel', action })

t.test('intercept.front splice: it passes unread and is counted as a tunnel, unless a rule ends it', async t => {
  const world = await open(t)
  t.equal(await send1(world, HIDDEN, edge.ca), 200)
  t.ok(await eventually(async () => await metric(world, 'sluice_tunnels_open') === 0))
  t.equal(await isTunnelOf(world, 'allow'), 0, 'nobody knows yet where the storage host is')
  await find(world)
  for (const [name, send] of Object.entries(WAYS)) {
    edge.reset()
    await world.setPolicy({ ...ALLOW_ALL, default: 'block' })
    t.equal(await send(world, HIDDEN, edge.ca), 200, `${name}: a policy's default is said of requests, not of tunnels`)
    t.equal(edge.stored(), FILE.length)
    t.ok(await eventually(async () => await isTunnelOf(world, 'log') > 0))
    edge.reset()
    await world.setPolicy({ ...ALLOW_ALL, rules: [{ id: 'large-tunnels', when: { activity: 'tunnel', provider: 'dropbox', size: { atLeast: '100KB' } }, action: 'block' }] })
    await send(world, HIDDEN, edge.ca).catch(() => undefined)
    t.equal(edge.stored(), 0, `${name}: cut`)
    t.ok(edge.arrived() <= 100_000, `${name}: ${edge.arrived()} bytes before the limit`)
    t.ok(await eventually(async () => (await events(world)).some(({ rule, sluice, source }) =>
      rule.id === 'large-tunnels' && sluice.cut && sluice.action === 'block' && sluice.operation?.activity === 'tunnel' && source.bytes <= 100_000)))
    edge.reset()
    await world.setPolicy({ ...ALLOW_ALL, rules: [{ id: 'tunnels', when: { activity: 'tunnel' }, action: 'block' }] })
    await t.rejects(send(world, HIDDEN, edge.ca), /access denied/, `${name}: refused from the start`)
    t.equal(edge.arrived(), 0)
    await world.setPolicy({ ...ALLOW_ALL, rules: [{ id: 'seen', when: { activity: 'tunnel' }, action: 'log' }] })
    const before = (await events(world)).length
    t.equal(await send(world, HIDDEN, edge.ca), 200)
    t.ok(await eventually(async () => (await events(world)).length > before), `${name}: a rule that logs makes an event`)
  }
})

t.test('a storage host that is not opened is held to the rules for tunnels', async t => {
  const world = await open(t, { intercept: { bypass: [CONTENT] } })
  const plain: Names = { connect: CONTENT, sni: CONTENT, host: CONTENT }
  t.equal(await send1(world, plain, edge.ca), 200)
  t.equal(edge.stored(), FILE.length)
  edge.reset()
  await world.setPolicy({ ...ALLOW_ALL, rules: [{ id: 'large-tunnels', when: { activity: 'tunnel', size: { atLeast: '100KB' } }, action: 'block' }] })
  await send1(world, plain, edge.ca).catch(() => undefined)
  t.equal(edge.stored(), 0)
  t.ok(edge.arrived() <= 100_000)
})

t.test('intercept.front block: names at the address of a storage host are refused', async t => {
  const world = await open(t, { intercept: { front: 'block' } })
  await find(world)
  for (const [name, send] of Object.entries(WAYS)) await t.rejects(send(world, HIDDEN, edge.ca), /access denied/, name)
  t.equal(edge.arrived(), 0)
  t.equal(await metric(world, 'sluice_refused_total', { code: 'tunnel.front' }), 2)
  const { status, socket } = await connect(world, 'www.google.com:443')
  t.equal(status, 403, 'a name that the catalogue lists is refused at CONNECT')
  t.match((await new Wire(socket).rest()).toString(), /intercept\.front/)
  t.equal(await send1(world, { connect: CONTENT, sni: CONTENT, host: CONTENT }), 200, 'the storage host itself is open')
})

t.test('intercept.front intercept: they are opened, and held to their own name', async t => {
  const world = await open(t, { intercept: { front: 'intercept' }, certs: { constrain: 'none' } })
  await find(world)
  t.equal(await send1(world, HIDDEN), 400)
  t.equal(await send2(world, HIDDEN), 421)
  t.equal(edge.arrived(), 0)
  t.equal(await send1(world, { ...HIDDEN, host: NEUTRAL }), 200, 'what is meant for the neutral name reaches it')
  const google = await openHttp(world, 'www.google.com')
  google.write(upload(FILE, { host: 'www.googleapis.com' }))
  t.equal((await google.response()).status, 400, 'a name that the catalogue lists')
  google.close()
  const narrow = await open(t, { intercept: { front: 'intercept' } })
  await find(narrow)
  await t.rejects(send1(narrow, HIDDEN), /access denied/, 'where no certificate can be made, refused')
  t.equal(edge.arrived(), 0)
})

t.test('nothing would have ended the process', async t => {
  t.strictSame(faults, [])
})
