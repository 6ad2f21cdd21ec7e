/** Writes that are copied together, with real TLS: nothing is lost, changed or out of order, and who is slow is waited for. */
import { randomBytes } from 'node:crypto'
import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import { GatheredWrites } from '../../../proxy/relay/gathered-writes.ts'
import { eventually } from '../../e2e/observe.ts'
import { openPair } from './tls-pair.ts'

t.test('what is gathered arrives as it was, with what is written between', async t => {
  const pair = await openPair()
  t.teardown(() => pair.close())
  const came: Buffer[] = []
  let bytes = 0
  pair.far.on('data', (chunk: Buffer) => {
    came.push(chunk)
    bytes += chunk.length
  })
  const source = randomBytes(1 << 20)
  const shared = Buffer.alloc(16 << 10)
  const sent: Buffer[] = []
  let waiting: (() => void) | null = null
  const writes = new GatheredWrites(pair.near, () => waiting?.())
  const push = (piece: Buffer): void => {
    piece.copy(shared)
    writes.push(shared.subarray(0, piece.length))
    shared.fill(0)
    sent.push(piece)
  }
  for (let i = 0; i < 1_500; i++) {
    const from = (i * 7919) % (source.length - shared.length)
    push(source.subarray(from, from + 1 + (i * 4099) % shared.length))
    if (i % 7 === 0) {
      // As the end of an answer and the head of the next are.
      writes.flush()
      const own = source.subarray(i, i + 100 * (i % 3))
      pair.near.write(own)
      sent.push(own)
    }
    if (i % 5 === 0) await turn()
    if (writes.isFull) await new Promise<void>((resolve) => {
      waiting = resolve
      pair.near.once('drain', resolve)
    })
  }
  writes.flush()
  const all = Buffer.concat(sent)
  t.ok(await eventually(() => bytes === all.length), `${bytes} of ${all.length}`)
  t.ok(Buffer.concat(came).equals(all))
})

t.test('where the other side does not read it is full, and has room again once that does', async t => {
  const pair = await openPair()
  t.teardown(() => pair.close())
  let isFree = false
  const writes = new GatheredWrites(pair.near, () => { isFree = true })
  const piece = Buffer.alloc(16 << 10, 'x')
  let pushed = 0
  pair.far.pause()
  // Until nothing of it fits into what the system keeps for the connection.
  while (!writes.isFull || await drains(pair.near)) {
    if (!writes.isFull) {
      writes.push(piece)
      pushed += piece.length
    }
    await turn()
  }
  t.ok(writes.isFull && writes.hasRoom && !writes.isEmpty)
  for (let i = 0; i < 16; i++) writes.push(piece)
  t.notOk(writes.hasRoom)
  isFree = false
  let came = 0
  pair.far.on('data', (chunk: Buffer) => { came += chunk.length })
  pair.far.resume()
  t.ok(await eventually(() => isFree))
  t.ok(await eventually(() => came === pushed + 16 * piece.length))
  t.ok(writes.isEmpty && !writes.isFull)
})

t.test('what is dropped does not leave any more', async t => {
  const pair = await openPair()
  t.teardown(() => pair.close())
  const came: string[] = []
  pair.far.on('data', (chunk: Buffer) => came.push(chunk.toString()))
  const writes = new GatheredWrites(pair.near, () => undefined)
  writes.push(Buffer.from('never'))
  writes.drop()
  t.ok(writes.isEmpty)
  await turn()
  pair.near.write('last')
  t.ok(await eventually(() => came.length > 0))
  t.strictSame(came, ['last'])
})

/** Whether what waits in the socket leaves within some turns. */
async function drains(socket: { readonly writableLength: number }): Promise<boolean> {
  for (let i = 0; i < 200; i++) {
    if (socket.writableLength === 0) return true
    await turn()
  }
  return false
}
