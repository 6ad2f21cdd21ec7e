import t from 'tap'
import { shareOf, workerCount, workerNotes } from '../../../proxy/workers/share.ts'

const MIB = 1024 ** 2

t.test('memory is shared out, and no worker gets less than the least', async t => {
  const limits = { memory: 2_048 * MIB }
  t.equal(shareOf(limits, 1).memory, 2_048 * MIB)
  t.equal(shareOf(limits, 4).memory, 512 * MIB)
  t.equal(shareOf(limits, 64).memory, 256 * MIB)
  t.equal(shareOf({ memory: null }, 4).memory, null)
  t.strictSame(workerNotes(limits, 1), [])
  t.match(workerNotes(limits, 4), [/^proxy.workers: 4 processes, and each refuses above 512 MiB/])
  t.strictSame(workerNotes({ memory: null }, 4), [])
  t.equal(workerCount({ workers: 3 }), 3)
  t.ok(workerCount({ workers: 'auto' }) >= 1)
})
