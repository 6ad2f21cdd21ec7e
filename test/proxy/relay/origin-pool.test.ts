/** Connections that the relay keeps, with real TLS: whose they are, for how long, and what ends them. */
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import tls from 'node:tls'
import type { TLSSocket } from 'node:tls'
import t from 'tap'
import { OriginPool } from '../../../proxy/relay/origin-pool.ts'
import { eventually } from '../../e2e/observe.ts'
import { makeAuthority, startTlsServer } from '../../e2e/tls-server.ts'

const NAME = 'a.example'
const authority = await makeAuthority()
t.teardown(() => authority.close())
const accepted: TLSSocket[] = []
const server = await startTlsServer(authority.leaf({ names: [NAME] }), (socket) => {
  // What it says leaves at once.
  socket.setNoDelay()
  accepted.push(socket)
})
t.teardown(() => server.close())

const HOUR = 3_600_000

function poolOf(t: { teardown(done: () => void): void }, { mayKeep = () => true, idleMs = HOUR, most = 64 }: { mayKeep?: () => boolean; idleMs?: number; most?: number } = {}): OriginPool {
  const pool = new OriginPool({ dial: () => dial(), mayKeep, most, idleMs })
  t.teardown(() => pool.close())
  return pool
}

/** A connection, and what its origin has of it. */
async function pair(): Promise<{ socket: TLSSocket; origin: TLSSocket }> {
  const before = accepted.length
  const socket = await dial()
  socket.write('x')
  await eventually(() => accepted.length > before)
  const origin = accepted[before]
  if (origin === undefined) throw new Error('no connection')
  return { socket, origin }
}

async function dial(): Promise<TLSSocket> {
  const socket = tls.connect({ port: server.port, host: '127.0.0.1', servername: NAME, ca: authority.pem })
  await once(socket, 'secureConnect')
  // As `origin-tls.ts` leaves it.
  socket.on('error', () => undefined)
  return socket
}

t.test('the one kept last comes first, and only to the same key, host and port', async t => {
  const pool = poolOf(t)
  const [one, two] = [(await pair()).socket, (await pair()).socket]
  pool.give(one, 'anna', NAME, 443)
  pool.give(two, 'anna', NAME, 443)
  t.equal(pool.take('bob', NAME, 443), null)
  t.equal(pool.take('anna', 'b.example', 443), null)
  t.equal(pool.take('anna', NAME, 8443), null)
  t.equal(pool.take('anna', NAME, 443), two)
  t.equal(pool.take('anna', NAME, 443), one)
  t.equal(pool.take('anna', NAME, 443), null)
})

t.test('it leaves no listener behind, however often a connection comes and goes', async t => {
  const pool = poolOf(t)
  const { socket } = await pair()
  const count = (): number => ['data', 'end', 'error', 'close'].reduce((sum, name) => sum + socket.listenerCount(name), 0)
  const before = count()
  for (let i = 0; i < 20; i++) {
    pool.give(socket, 'anna', NAME, 443)
    t.equal(pool.take('anna', NAME, 443), socket)
  }
  t.equal(count(), before)
})

t.test('what an idle origin says or does closes it', async t => {
  for (const [what, act] of [
    ['bytes', (origin: TLSSocket) => { origin.write('HTTP/1.1 408 Request Timeout\r\n\r\n') }],
    ['its end', (origin: TLSSocket) => { origin.end() }],
    ['a reset', (origin: TLSSocket) => { origin.destroy() }],
  ] as const) {
    const pool = poolOf(t)
    const { socket, origin } = await pair()
    pool.give(socket, 'anna', NAME, 443)
    act(origin)
    t.ok(await eventually(() => socket.destroyed), what)
    t.equal(pool.take('anna', NAME, 443), null, what)
  }
})

t.test('what its origin has said by then is seen before it carries the request of another client', async t => {
  const pool = poolOf(t)
  const { socket, origin } = await pair()
  pool.give(socket, 'anna', NAME, 443)
  let hasLeft = false
  origin.write('unasked', () => { hasLeft = true })
  t.ok(await eventually(() => hasLeft))
  await pool.lookOnce()
  t.equal(pool.take('anna', NAME, 443), null)
})

t.test('no more of one key than there is room for, none that may not be kept, none once it is closed', async t => {
  const pool = poolOf(t, { most: 1 })
  const [one, two] = [(await pair()).socket, (await pair()).socket]
  pool.give(one, 'anna', NAME, 443)
  pool.give(two, 'anna', NAME, 443)
  t.ok(two.destroyed)
  t.equal(pool.take('anna', NAME, 443), one)
  poolOf(t, { mayKeep: () => false }).give(one, 'anna', NAME, 443)
  t.ok(one.destroyed)
  const { socket } = await pair()
  pool.give(socket, 'anna', NAME, 443)
  pool.closeIdle()
  t.ok(socket.destroyed)
  t.equal(pool.take('anna', NAME, 443), null)
})

t.test('it is kept until it has rested for too long, or shortly before its origin closes it', async t => {
  const short = poolOf(t, { idleMs: 20 })
  const pool = poolOf(t)
  const [one, two, three] = [(await pair()).socket, (await pair()).socket, (await pair()).socket]
  short.give(one, 'anna', NAME, 443)
  pool.give(two, 'anna', NAME, 443, 1_020)
  t.notOk(two.destroyed)
  await sleep(40)
  t.equal(pool.take('anna', NAME, 443), null)
  t.ok(two.destroyed)
  t.ok(await eventually(() => one.destroyed), 'closed without being asked for')
  pool.give(three, 'anna', NAME, 443, 1_000)
  t.ok(three.destroyed, 'its origin closes it at once')
})
