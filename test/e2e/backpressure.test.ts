/** Memory is flat: bytes pass at the pace of the slower side, whichever it is, over HTTP/1.1 and HTTP/2. */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import { eventually } from './observe.ts'
import { ALLOW_ALL, CONTENT, UPLOAD, Wire, answerOf, connect, openHttp2, secure, upload } from './wire.ts'
import { startWorld } from './world.ts'

const MIB = 1 << 20
const TOTAL = 64 * MIB
/** What may wait in this process between the two sides; the stand-in origin and the client are in it too. */
const BOUND = 8 * MIB
const PIECE = Buffer.alloc(64 * 1024, 'p')
const SHA = createHash('sha256').update(Buffer.alloc(TOTAL, 'p')).digest('hex')

const world = await startWorld()
t.teardown(() => world.close())
await world.setPolicy(ALLOW_ALL)
t.beforeEach(() => world.origin.reset())

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** Bytes of buffers that this process holds, without what is garbage. */
function held(): number {
  collect()
  return process.memoryUsage().arrayBuffers
}

/** Waits until `count` has not changed for a while. */
async function settled(count: () => number): Promise<number> {
  for (let last = -1; ;) {
    const now = count()
    if (now === last) return now
    last = now
    await sleep(400)
  }
}

/** What is held when it neither grows nor shrinks any more: the test before has left something to be freed. */
async function heldAtLast(): Promise<number> {
  for (let last = 0; ;) {
    const now = held()
    if (Math.abs(now - last) < MIB / 4) return now
    last = now
    await sleep(400)
  }
}

interface Sender {
  write(piece: Buffer): boolean
  once(name: 'drain', listener: () => void): unknown
}

/** Sends `TOTAL` bytes as fast as they are taken; `sent` tells how far it is. */
function pour(sender: Sender): { sent: () => number; done: Promise<void> } {
  let sent = 0
  const done = (async () => {
    while (sent < TOTAL) {
      const hasRoom = sender.write(PIECE)
      sent += PIECE.length
      if (!hasRoom) await new Promise<void>((resolve) => sender.once('drain', resolve))
    }
  })()
  return { sent: () => sent, done }
}

t.test('HTTP/1.1: an upload waits for an origin that does not read', async t => {
  world.origin.behave({ stallAfterBytes: 1_000_000 })
  const secured = await secure(world, (await connect(world, `${CONTENT}:443`)).socket, CONTENT)
  const before = await heldAtLast()
  secured.write(upload('', { fields: [`Content-Length: ${TOTAL}`] }))
  const { sent, done } = pour(secured)
  const wire = new Wire(secured)
  t.ok(await settled(sent) < TOTAL, `the client is held back after ${sent() / MIB} MiB`)
  t.ok(await eventually(() => held() - before < BOUND), `${(held() - before) / MIB} MiB are held`)
  world.origin.behave(null)
  await done
  t.equal((await wire.response()).status, 200)
  t.match(world.origin.stored(), [{ size: TOTAL, sha256: SHA }], 'and all of it arrives once the origin reads')
  wire.close()
})

t.test('HTTP/2: an upload waits for an origin that does not read, and other streams go on', async t => {
  world.origin.behave({ stallAfterBytes: 1_000_000, match: { path: UPLOAD } })
  const session = await openHttp2(world, CONTENT)
  const before = await heldAtLast()
  const stream = session.request({ ':method': 'POST', ':path': UPLOAD, 'dropbox-api-arg': '{"path":"/a"}' })
  const answer = answerOf(stream)
  const { sent, done } = pour(stream)
  t.ok(await settled(sent) < TOTAL, `the client is held back after ${sent() / MIB} MiB`)
  t.ok(await eventually(() => held() - before < BOUND), `${(held() - before) / MIB} MiB are held`)
  t.equal((await answerOf(session.request({ ':path': '/' }))).status, 200, 'another stream')
  world.origin.behave(null)
  await done
  stream.end()
  t.equal((await answer).status, 200)
  t.match(world.origin.stored(), [{ size: TOTAL, sha256: SHA }], 'and all of it arrives once the origin reads')
  session.destroy()
})

t.test('HTTP/1.1: a download waits for a client that does not read', async t => {
  const secured = await secure(world, (await connect(world, `${CONTENT}:443`)).socket, CONTENT)
  const before = await heldAtLast()
  secured.write(`GET /bench/download?bytes=${TOTAL} HTTP/1.1\r\nHost: ${CONTENT}\r\nConnection: close\r\n\r\n`)
  await once(secured, 'readable')
  const kept = await heldAtLast() - before
  t.ok(kept < BOUND, `${kept / MIB} MiB are held`)
  let bytes = 0
  secured.on('data', (chunk: Buffer) => { bytes += chunk.length })
  await once(secured, 'end')
  t.ok(bytes > TOTAL && bytes < TOTAL + 2_000, 'and gets all of it once it reads')
  secured.destroy()
})

t.test('HTTP/2: a download waits for a client that does not read', async t => {
  const session = await openHttp2(world, CONTENT)
  const before = await heldAtLast()
  const stream = session.request({ ':path': `/bench/download?bytes=${TOTAL}` })
  await once(stream, 'response')
  const kept = await heldAtLast() - before
  t.ok(kept < BOUND, `${kept / MIB} MiB are held`)
  let bytes = 0
  stream.on('data', (chunk: Buffer) => { bytes += chunk.length })
  await once(stream, 'end')
  t.equal(bytes, TOTAL, 'and gets all of it once it reads')
  session.destroy()
})

t.test('a blind tunnel holds no more either', async t => {
  const secured = await secure(world, (await connect(world, 'spliced.example:443')).socket, 'spliced.example', { ca: world.origin.ca })
  const before = await heldAtLast()
  secured.write(`GET /bench/download?bytes=${TOTAL} HTTP/1.1\r\nHost: spliced.example\r\nConnection: close\r\n\r\n`)
  await once(secured, 'readable')
  const kept = await heldAtLast() - before
  t.ok(kept < BOUND, `${kept / MIB} MiB are held`)
  let bytes = 0
  secured.on('data', (chunk: Buffer) => { bytes += chunk.length })
  await once(secured, 'end')
  t.ok(bytes > TOTAL)
  secured.destroy()
})
