import t from 'tap'
import { Sessions } from '../../policy/sessions.ts'

t.test('a session remembers the most bytes that it has reached', async (t) => {
  const sessions = new Sessions()
  t.equal(sessions.seen('a'), 0)
  sessions.note('a', 10)
  sessions.note('a', 5)
  t.equal(sessions.seen('a'), 10, 'a repeated chunk does not lower it')
  sessions.note('a', 20)
  t.equal(sessions.seen('a'), 20)
  t.equal(sessions.seen('b'), 0)
})

t.test('the number of sessions is bounded: the one quiet for longest goes', async (t) => {
  const sessions = new Sessions({ max: 3 })
  for (const key of ['a', 'b', 'c']) sessions.note(key, 1)
  sessions.note('a', 2)
  sessions.note('d', 1)
  t.equal(sessions.size, 3)
  t.equal(sessions.seen('b'), 0)
  t.equal(sessions.seen('a'), 2)
})

t.test('a session is forgotten after its last bytes, not after its first', async (t) => {
  let now = 1
  const sessions = new Sessions({ ttlMs: 1000, now: () => now })
  sessions.note('a', 1)
  now += 900
  sessions.note('a', 2)
  now += 900
  t.equal(sessions.seen('a'), 2)
  now += 101
  t.equal(sessions.seen('a'), 0)
})

t.test('long keys that differ at the end only are different sessions', async (t) => {
  const sessions = new Sessions()
  sessions.note(`${'x'.repeat(10_000)}1`, 7)
  t.equal(sessions.seen(`${'x'.repeat(10_000)}2`), 0)
  t.equal(sessions.seen(`${'x'.repeat(10_000)}1`), 7)
})
