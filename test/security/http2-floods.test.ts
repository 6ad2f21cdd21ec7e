/** What one HTTP/2 connection may be flooded with: others go on, and the origin is spared. */
import { once } from 'node:events'
import t from 'tap'
import type { Test } from 'tap'
import { block, END_HEADERS, END_STREAM, frame, openFrames } from '../e2e/frames.ts'
import type { Frames } from '../e2e/frames.ts'
import { eventually, metric, watchProcess } from '../e2e/observe.ts'
import { ALLOW_ALL, CONTENT, UPLOAD, ask2, openHttp2 } from '../e2e/wire.ts'
import { startWorld } from '../e2e/world.ts'

const faults = watchProcess(t)
const world = await startWorld()
t.teardown(() => world.close())
await world.setPolicy(ALLOW_ALL)
t.beforeEach(() => world.origin.reset())

const GET = block([[':method', 'GET'], [':scheme', 'https'], [':authority', CONTENT], [':path', '/']])
const ids = (count: number): number[] => Array.from({ length: count }, (_, i) => 2 * i + 1)
const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

/** While the flood is on its way, somebody else is answered, and nothing stays of it. */
async function others(t: Test, attacker: Frames): Promise<void> {
  const other = await openHttp2(world, CONTENT)
  t.equal((await ask2(other, { ':path': '/' })).status, 200, 'somebody else is answered')
  other.destroy()
  attacker.close()
  t.ok(await eventually(async () => await metric(world, 'sluice_tunnels_open') === 0, 20_000), 'nothing stays open')
}

t.test('a head that goes on and on in continuations', async t => {
  const attacker = await openFrames(world, CONTENT)
  attacker.write(frame('headers', END_STREAM, 1, GET))
  const piece = frame('continuation', 0, 1, block([['x-more', 'x'.repeat(8_000)]]))
  for (let i = 0; i < 200 && !attacker.isOver(); i++) attacker.write(piece)
  t.ok(await eventually(() => attacker.isOver()), 'the connection is ended')
  await others(t, attacker)
  t.equal(world.origin.requests().length, 1)
})

t.test('empty continuations', async t => {
  const attacker = await openFrames(world, CONTENT)
  attacker.write(frame('headers', END_STREAM, 1, GET), ...Array.from({ length: 20_000 }, () => frame('continuation', 0, 1)))
  await others(t, attacker)
  t.equal(world.origin.requests().length, 1)
})

t.test('a head that is small on the wire and large in memory', async t => {
  const attacker = await openFrames(world, CONTENT)
  // RFC 7541 §6.2.1: a field of 4,000 bytes into the table, then named by its index, again and again.
  const stored = Buffer.concat([Buffer.from([0x40, 1]), Buffer.from('x'), Buffer.from([127, ...[3_873 % 128 | 128, 3_873 >> 7]]), Buffer.alloc(4_000, 'x')])
  attacker.write(frame('headers', END_HEADERS | END_STREAM, 1, Buffer.concat([GET, stored])))
  for (const id of ids(50).slice(1)) attacker.write(frame('headers', END_HEADERS | END_STREAM, id, Buffer.concat([GET, Buffer.alloc(8_000, 0xbe)])))
  await others(t, attacker)
  t.ok(world.origin.requests().length <= 2, `${world.origin.requests().length} requests reached the origin`)
})

const FLOODS: Readonly<Record<string, () => Buffer[]>> = {
  pings: () => Array.from({ length: 20_000 }, () => frame('ping', 0, 0, Buffer.alloc(8))),
  settings: () => Array.from({ length: 20_000 }, (_, i) => frame('settings', 0, 0, Buffer.concat([Buffer.from([0, 4]), u32(65_535 - i % 2)]))),
  'settings acknowledged': () => Array.from({ length: 20_000 }, () => frame('settings', 1, 0)),
  priorities: () => ids(20_000).map(id => frame('priority', 0, id, Buffer.concat([u32(0), Buffer.from([1])]))),
  'windows opened by a byte': () => Array.from({ length: 20_000 }, () => frame('window', 0, 0, u32(1))),
  'a window too large': () => [frame('window', 0, 0, u32(0x7fffffff))],
  'bodies of nothing': () => [frame('headers', END_HEADERS, 1, block([[':method', 'POST'], [':scheme', 'https'], [':authority', CONTENT], [':path', '/2/x']])), ...Array.from({ length: 20_000 }, () => frame('data', 0, 1))],
  'resets of what was never opened': () => ids(5_000).map(id => frame('reset', 0, id, u32(8))),
  'more streams than are allowed': () => ids(2_000).map(id => frame('headers', END_HEADERS, id, GET)),
}

t.test('frames that ask for work and carry nothing', async t => {
  for (const [name, flood] of Object.entries(FLOODS)) {
    await t.test(name, async t => {
      const attacker = await openFrames(world, CONTENT)
      attacker.write(...flood())
      await others(t, attacker)
    })
  }
})

t.test('requests whose faults make the proxy reset them', async t => {
  // CVE-2025-8671: a window opened by nothing is an error of the stream, which the server has to reset.
  const attacker = await openFrames(world, CONTENT)
  attacker.write(...ids(2_000).flatMap(id => [frame('headers', END_HEADERS | END_STREAM, id, GET), frame('window', 0, id, u32(0))]))
  await others(t, attacker)
  t.ok(world.origin.requests().length < 20, `${world.origin.requests().length} requests reached the origin`)
})

t.test('a hundred answers that are not taken', async t => {
  await world.origin.behave({ responseBytes: 1 << 20 })
  const attacker = await openFrames(world, CONTENT, [[4, 0]])
  attacker.write(...ids(100).map(id => frame('headers', END_HEADERS | END_STREAM, id, GET)))
  t.ok(await eventually(() => world.origin.requests().length >= 100, 30_000), 'all are asked for')
  await world.origin.behave(null)
  await others(t, attacker)
})

t.test('a hundred uploads that the origin does not take', async t => {
  world.origin.behave({ stallAfterBytes: 1 })
  const session = await openHttp2(world, CONTENT)
  if (session.pendingSettingsAck) await once(session, 'localSettings')
  const { initialWindowSize = Infinity, maxConcurrentStreams = Infinity } = session.remoteSettings
  t.ok(initialWindowSize * maxConcurrentStreams <= 16 * 1024 * 1024, `one connection can have ${initialWindowSize * maxConcurrentStreams} bytes held`)
  const streams = ids(maxConcurrentStreams).map(() => session.request({ ':method': 'POST', ':path': UPLOAD, 'dropbox-api-arg': '{"path":"/a"}' }))
  for (const stream of streams) {
    stream.on('error', () => undefined)
    stream.write(Buffer.alloc(initialWindowSize))
  }
  const other = await openHttp2(world, CONTENT)
  t.equal((await ask2(other, { ':path': '/2/files/list_folder' })).status < 500, true, 'somebody else is answered')
  other.destroy()
  session.destroy()
  world.origin.behave(null)
  t.ok(await eventually(async () => await metric(world, 'sluice_tunnels_open') === 0, 20_000), 'nothing stays open')
})

t.test('nothing would have ended the process', async t => {
  t.strictSame(faults, [])
})
