import t from 'tap'
import { chooseWorker } from '../../../proxy/workers/choose-worker.ts'

const CLIENTS = Array.from({ length: 4_000 }, (_, i) => `10.0.${i >> 8}.${i & 255}`)
const all = (count: number): boolean[] => Array.from({ length: count }, () => true)

t.test('a client has one worker, and workers have about as many clients each', async t => {
  for (const seed of [0, 1, 0xffff_ffff, 0x1234_5678]) {
    const counts = [0, 0, 0, 0]
    for (const client of CLIENTS) {
      const slot = chooseWorker(client, seed, all(4)) ?? -1
      t.equal(chooseWorker(client, seed, all(4)), slot)
      counts[slot] = (counts[slot] ?? 0) + 1
    }
    t.ok(counts.every((count) => count > 800 && count < 1_200), counts.join())
  }
})

t.test('when one goes only its clients go elsewhere, to all the others', async t => {
  const before = CLIENTS.map((client) => chooseWorker(client, 7, all(4)))
  const after = CLIENTS.map((client) => chooseWorker(client, 7, [true, false, true, true]))
  t.ok(before.every((slot, i) => slot === 1 ? after[i] !== 1 : after[i] === slot))
  t.same(new Set(after.filter((_, i) => before[i] === 1)), new Set([0, 2, 3]))
})

t.test('nobody can tell by the address which worker is his', async t => {
  const [one, other] = [1, 2].map((seed) => CLIENTS.map((client) => chooseWorker(client, seed, all(2))))
  const same = CLIENTS.filter((_, i) => one?.[i] === other?.[i]).length
  t.ok(same > 1_700 && same < 2_300, `${same} of ${CLIENTS.length} have the same under another seed`)
})

t.test('none is chosen while none is ready', async t => {
  t.equal(chooseWorker('10.0.0.1', 1, [false, false]), null)
  t.equal(chooseWorker('10.0.0.1', 1, []), null)
})
