/** Clients that are far away may send further ahead over HTTP/2, and what one connection can have held here stays bounded. */
import { once } from 'node:events'
import type { ClientHttp2Session } from 'node:http2'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { MOST_BODIES, STREAM_WINDOW, windowFor } from '../../proxy/upload-windows.ts'
import { keepDistance } from '../e2e/distant.ts'
import { block, END_HEADERS, frame, openFrames } from '../e2e/frames.ts'
import type { Frames, Heard } from '../e2e/frames.ts'
import { eventually, metric, watchProcess } from '../e2e/observe.ts'
import { ALLOW_ALL, CONTENT, UPLOAD, ask2, openHttp2 } from '../e2e/wire.ts'
import { startWorld } from '../e2e/world.ts'

const MIB = 1024 * 1024
/** What is held of the bodies that came by large windows, what may come after, and the small windows of all. */
const BOUND = MOST_BODIES * MIB + 8 * MIB + 100 * STREAM_WINDOW

const faults = watchProcess(t)
const world = await startWorld()
await world.setPolicy(ALLOW_ALL)
const far = await keepDistance(world, 60)
t.teardown(async () => {
  await far.close()
  await world.close()
})
t.beforeEach(() => world.origin.reset())
const HEADERS = { ':method': 'POST', ':path': UPLOAD, 'dropbox-api-arg': '{"path":"/a"}', authorization: 'Bearer t', 'content-type': 'application/octet-stream' }
const windowOf = (session: ClientHttp2Session): number => session.remoteSettings.initialWindowSize ?? 0

t.test('a window grows with the distance, within bounds', t => {
  t.strictSame([0, 5, 20, 1_000, Infinity].map(windowFor), [STREAM_WINDOW, STREAM_WINDOW, 400_000, MIB, MIB])
  t.end()
})

t.test('a client that is far away is given larger windows when it uploads, and not before', async t => {
  const session = await openHttp2(far, CONTENT)
  t.equal((await ask2(session, { ':path': '/' })).status, 200)
  t.equal(session.remoteSettings.initialWindowSize, STREAM_WINDOW)
  t.ok((session.state.remoteWindowSize ?? 0) > 900_000, 'that of the connection is large at once')
  const stream = session.request(HEADERS)
  t.ok(await eventually(() => windowOf(session) > 900_000), `${windowOf(session)}`)
  stream.end(Buffer.alloc(3 * MIB, 'x'))
  const [headers] = await once(stream, 'response') as [Record<string, unknown>]
  t.equal(headers[':status'], 200)
  session.destroy()
  t.equal(world.origin.fileBytes(), 3 * MIB)
})

t.test('who sends many bodies at once gets small windows again, and goes on', async t => {
  await world.origin.behave({ stallAfterBytes: 1 })
  const session = await openHttp2(far, CONTENT)
  const before = far.sent()
  const open = () => session.request(HEADERS).on('error', () => undefined)
  open().write(Buffer.alloc(2 * MIB))
  t.ok(await eventually(() => windowOf(session) > 900_000), `${windowOf(session)}`)
  for (let i = 1; i < 100; i++) open().write(Buffer.alloc(2 * MIB))
  t.ok(await eventually(() => windowOf(session) === STREAM_WINDOW), `${windowOf(session)}`)
  await sleep(1_000)
  t.ok(far.sent() - before < BOUND, `${far.sent() - before} bytes were sent`)
  t.notOk(session.closed || session.destroyed)
  const other = await openHttp2(far, CONTENT)
  t.equal((await ask2(other, { ':path': '/2/x' })).status < 500, true, 'somebody else is answered')
  other.destroy()
  session.destroy()
  await world.origin.behave(null)
})

t.test('who goes on by windows that were taken back is cut off', async t => {
  await world.origin.behave({ stallAfterBytes: 1 })
  const head = block(Object.entries({ ':scheme': 'https', ':authority': CONTENT, ...HEADERS }).sort(([a], [b]) => a < b ? -1 : 1))
  let [credit, sent, streams, acknowledged] = [65_535, 0, 0, 0]
  const attack = (attacker: Frames): void => {
    // As far as all windows go: a connection's that is overrun would end it as well.
    for (; credit >= 16_384 && sent < 40 * MIB; sent += 16_384, credit -= 16_384) {
      attacker.write(frame('data', 0, 1 + 2 * Math.floor(sent / MIB), Buffer.alloc(16_384)))
    }
  }
  const hear = ({ type, flags, stream, body }: Heard): void => {
    void opened.then((attacker) => {
      if (type === 'ping' && (flags & 1) === 0) attacker.write(frame('ping', 1, 0, body))
      if (type === 'window' && stream === 0) credit += body.readUInt32BE(0)
      if (type === 'settings' && (flags & 1) === 0 && ++acknowledged <= 2) {
        attacker.write(frame('settings', 1, 0))
        if (acknowledged === 2) for (; streams < 40; streams++) attacker.write(frame('headers', END_HEADERS, 1 + 2 * streams, head))
      }
      if (streams === 40) attack(attacker)
    })
  }
  const opened = openFrames(far, CONTENT, [], hear)
  const attacker = await opened
  attacker.write(frame('headers', END_HEADERS, 2 * streams++ + 1, head))
  t.ok(await eventually(() => attacker.isOver(), 20_000), 'the connection is ended')
  t.equal(acknowledged > 2, true, 'after the windows were taken back')
  t.ok(sent < BOUND, `${sent} bytes were sent`)
  attacker.close()
  await world.origin.behave(null)
  t.ok(await eventually(async () => await metric(world, 'sluice_tunnels_open') === 0, 20_000), 'nothing stays open')
})

t.test('nothing would have ended the process', async t => {
  t.strictSame(faults, [])
})
