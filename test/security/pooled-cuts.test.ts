/** What one user breaks off, or an origin answers before it has read, is never where the next user's request begins. */
import type { TLSSocket } from 'node:tls'
import t from 'tap'
import type { Test } from 'tap'
import { eventually, watchProcess } from '../e2e/observe.ts'
import { makeAuthority, startTlsServer } from '../e2e/tls-server.ts'
import { ALLOW_ALL, API, openHttp, openHttp2 } from '../e2e/wire.ts'
import { startWorld } from '../e2e/world.ts'
import type { World } from '../e2e/world.ts'

const faults = watchProcess(t)
const authority = await makeAuthority()
t.teardown(() => authority.close())

const ok = (text: string): string => `HTTP/1.1 200 OK\r\nContent-Length: ${text.length}\r\n\r\n${text}`
const SECRET = 'a secret of anna'
/** What was asked last on each connection, and how many requests came on it. */
const asked = new Map<TLSSocket, { readonly path: string; readonly count: number }>()
const pending = new Set<() => void>()
/** Requests that came where a body was still owed. */
const within: string[] = []

const origin = await startTlsServer(authority.leaf({ names: [API] }), (socket, text) => {
  const heads = text.split('\r\n\r\n').slice(0, -1)
  const before = asked.get(socket)
  const head = heads.at(-1)
  if (head === undefined) return
  const isNew = heads.length > (before?.count ?? 0)
  const path = /(\S+) HTTP\/1\.1\r\n/.exec(head)?.[1] ?? ''
  if (before?.path === '/early' && path !== '/early') within.push(path)
  asked.set(socket, { path, count: heads.length })
  if (path === '/half') {
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${2 * SECRET.length}\r\n\r\n${SECRET}`)
    pending.add(() => { socket.write(SECRET) })
  } else if (path === '/early') {
    if (isNew) socket.write(ok('early'))
    // The rest of the body, taken for a request of its own.
    else socket.write(ok(SECRET))
  } else if (path !== '/cut') socket.write(ok(`for ${/^authorization: (.*)$/im.exec(head)?.[1] ?? 'nobody'}`))
})
t.teardown(() => origin.close())

/** Bob and Anna ask next, each from a tunnel of their own. */
async function others(t: Test, world: World): Promise<void> {
  for (const send of pending) send()
  pending.clear()
  for (const [localAddress, who] of [['127.0.0.2', 'bob'], ['127.0.0.1', 'anna']] as const) {
    const wire = await openHttp(world, API, { localAddress })
    wire.write(`GET /next HTTP/1.1\r\nHost: ${API}\r\nAuthorization: Bearer ${who}\r\n\r\n`)
    const { status, body } = await wire.response()
    t.match({ status, body: body.toString() }, { status: 200, body: `for Bearer ${who}` }, who)
    wire.close()
  }
  t.ok(await eventually(() => [...asked].every(([socket, { path }]) => path === '/next' || socket.destroyed)), 'the other connection is closed')
}

const worlds = new Map<string, World>()
for (const share of ['client', 'all']) {
  const world = await startWorld({ config: { upstream: { hosts: { [`${API}:443`]: origin.address }, ca: [authority.file], share } } })
  t.teardown(() => world.close())
  await world.setPolicy(ALLOW_ALL)
  worlds.set(share, world)
}

/** Runs a test for each way to share. */
async function eachWay(t: Test, run: (t: Test, world: World) => Promise<void>): Promise<void> {
  for (const [share, world] of worlds) await t.test(`upstream.share ${share}`, t => run(t, world))
}

const came = (path: string): Promise<boolean> => eventually(() => [...asked].some(([socket, one]) => one.path === path && !socket.destroyed))
const POST = (path: string): string => `POST ${path} HTTP/1.1\r\nHost: ${API}\r\nAuthorization: Bearer anna\r\nContent-Type: application/json\r\nContent-Length: 10000\r\n\r\n${'x'.repeat(1_000)}`

t.test('an answer that its client did not wait for', t => eachWay(t, async (t, world) => {
  const wire = await openHttp(world, API)
  wire.write(`GET /half HTTP/1.1\r\nHost: ${API}\r\nAuthorization: Bearer anna\r\n\r\n`)
  await wire.take((bytes) => bytes.includes(SECRET) ? bytes.length : -1)
  wire.close()
  await others(t, world)
  const session = await openHttp2(world, API)
  const stream = session.request({ ':path': '/half', authorization: 'Bearer anna' })
  stream.on('error', () => undefined) // broken off here
  await new Promise((resolve) => stream.once('data', resolve))
  stream.close(8)
  await others(t, world)
  session.destroy()
}))

t.test('a body that its client did not finish', t => eachWay(t, async (t, world) => {
  const wire = await openHttp(world, API)
  wire.write(POST('/cut'))
  t.ok(await came('/cut'))
  wire.close()
  await others(t, world)
  const session = await openHttp2(world, API)
  const stream = session.request({ ':method': 'POST', ':path': '/cut', authorization: 'Bearer anna', 'content-length': '10000' })
  stream.on('error', () => undefined) // broken off here
  stream.write(Buffer.alloc(1_000))
  t.ok(await came('/cut'))
  stream.close(8)
  await others(t, world)
  session.destroy()
}))

t.test('an answer before the body was read', t => eachWay(t, async (t, world) => {
  const wire = await openHttp(world, API)
  wire.write(POST('/early'))
  const { status, body } = await wire.response()
  t.match({ status, body: body.toString() }, { status: 200, body: 'early' })
  wire.write('y'.repeat(9_000))
  await others(t, world)
  t.strictSame(within, [], 'nothing is written into the body')
  wire.close()
}))

t.test('nothing would have ended the process', async t => {
  t.strictSame(faults, [])
})
