import t from 'tap'
import { Roster } from '../../proxy/roster.ts'

t.test('members come and go in any order', async t => {
  const roster = new Roster<string>()
  const [a, b, c] = ['a', 'b', 'c'].map(name => roster.join(name))
  t.equal(roster.size, 3)
  if (a === undefined || b === undefined || c === undefined) throw new Error('no seats')
  t.equal(roster.leave(a), true)
  t.same(roster.values().sort(), ['b', 'c'])
  t.equal(roster.leave(a), false, 'whoever has left has left, and takes nobody along')
  t.same(roster.values().sort(), ['b', 'c'])
  const d = roster.join('d')
  t.equal(roster.leave(c), true)
  t.equal(roster.leave(b), true)
  t.same(roster.values(), ['d'])
  t.equal(roster.leave(d), true)
  t.equal(roster.size, 0)
})

t.test('members may leave while all are looked at', async t => {
  const roster = new Roster<number>()
  const seats = [1, 2, 3].map(n => roster.join(n))
  const seen: number[] = []
  for (const seat of roster.seats()) {
    if (!roster.leave(seat)) continue
    seen.push(seat.member)
    for (const other of seats) if (other.member === 2) roster.leave(other)
  }
  t.same(seen, [1, 3])
  t.equal(roster.size, 0)
})

t.test('what joins and leaves is the same as in a set', async t => {
  const roster = new Roster<number>()
  const seats = new Map<number, ReturnType<typeof roster.join>>()
  let random = 7
  for (let n = 0; n < 5_000; n++) {
    random = (random * 48_271) % 2_147_483_647
    const gone = [...seats.keys()][random % 40]
    if (gone === undefined) seats.set(n, roster.join(n))
    else {
      const seat = seats.get(gone)
      if (seat !== undefined) t.ok(roster.leave(seat))
      seats.delete(gone)
    }
  }
  t.same(roster.values().sort((x, y) => x - y), [...seats.keys()].sort((x, y) => x - y))
})
