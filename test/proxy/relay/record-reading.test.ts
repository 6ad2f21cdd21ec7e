/** Reading into a shared buffer, with real TLS: what is not taken comes as `data`, in order, whatever stops and goes on meanwhile. */
import { createHash, randomBytes } from 'node:crypto'
import t from 'tap'
import { leaveRecords, takeRecords } from '../../../proxy/relay/record-reading.ts'
import { eventually } from '../../e2e/observe.ts'
import { openPair } from './tls-pair.ts'

const hash = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

t.test('what is taken and what is not are all that came, in order', async t => {
  const pair = await openPair()
  t.teardown(() => pair.close())
  const all = randomBytes(4 << 20)
  const came: Buffer[] = []
  let [bytes, taken, left, stops] = [0, 0, 0, 0]
  const keep = (piece: Buffer): void => {
    came.push(piece)
    bytes += piece.length
  }
  pair.far.on('data', (chunk: Buffer) => {
    left++
    // Nobody else's: kept as it is.
    keep(chunk)
    if (left === 1) takeRecords(pair.far, take)
  })
  const take = (record: Buffer): boolean => {
    if (taken % 5 === 4 && Math.random() < 0.5) return false
    taken++
    keep(Buffer.from(record))
    if (taken % 16 === 0) {
      stops++
      pair.far.pause()
      setTimeout(() => pair.far.resume(), 2)
    }
    return true
  }
  for (let at = 0; at < all.length; at += 100_000) pair.near.write(all.subarray(at, at + 100_000))
  t.ok(await eventually(() => bytes === all.length), `${bytes} of ${all.length}`)
  t.equal(hash(Buffer.concat(came)), hash(all))
  t.ok(taken > 0 && left > 1 && stops > 0, `${taken} taken, ${left} left, ${stops} stops`)

  leaveRecords(pair.far)
  const before = taken
  const more = randomBytes(100_000)
  pair.near.write(more)
  t.ok(await eventually(() => bytes === all.length + more.length))
  t.equal(hash(Buffer.concat(came).subarray(all.length)), hash(more))
  t.equal(taken, before, 'nobody is asked any more')

  let isEnded = false
  pair.far.on('end', () => { isEnded = true })
  pair.near.end()
  t.ok(await eventually(() => isEnded), 'its end is told')
})
