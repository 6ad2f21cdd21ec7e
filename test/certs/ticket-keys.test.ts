import t from 'tap'
import { TICKET_LIFETIME_MS, TicketKeys } from '../../certs/ticket-keys.ts'

const START = 1_000 * TICKET_LIFETIME_MS

t.test('one key a purpose and period, in the form that Node takes', async t => {
  let at = START
  const keys = new TicketKeys({ now: () => at })
  const first = keys.keyFor('one')
  t.equal(first.length, 48)
  t.same(keys.keyFor('one'), first)
  t.notSame(keys.keyFor('two'), first)
  at += TICKET_LIFETIME_MS - 1
  t.same(keys.keyFor('one'), first)
  t.equal(keys.msLeft(), 1)
  at += 1
  t.notSame(keys.keyFor('one'), first)
  t.equal(keys.msLeft(), TICKET_LIFETIME_MS)
  t.notSame(new TicketKeys({ now: () => at }).keyFor('one'), keys.keyFor('one'), 'nobody else makes the same')
})

t.test('who shares the secret makes the same keys, however long either has slept, and none of before', async t => {
  let at = START
  const now = (): number => at
  const one = new TicketKeys({ now })
  const before = one.keyFor('one')
  at += 3 * TICKET_LIFETIME_MS
  const sleeper = new TicketKeys({ shared: one.share(), now })
  t.same(sleeper.keyFor('one'), one.keyFor('one'))
  for (let i = 0; i < 5; i++) {
    at += TICKET_LIFETIME_MS
    one.keyFor('one')
  }
  t.same(sleeper.keyFor('one'), one.keyFor('one'))
  const shared = one.share()
  at = START
  t.notSame(new TicketKeys({ shared, now }).keyFor('one'), before)
  t.notOk([0, 16].some(from => shared.secret.includes(one.keyFor('one').subarray(from, from + 16))), 'a key is no secret')
})

t.test('a clock that is put back a little changes nothing; one that was wrong for long begins anew', async t => {
  let at = START
  const keys = new TicketKeys({ now: () => at })
  const key = keys.keyFor('one')
  at -= 1
  t.same(keys.keyFor('one'), key)
  at -= 10 * TICKET_LIFETIME_MS
  const back = keys.keyFor('one')
  t.notSame(back, key)
  t.equal(keys.msLeft() > 0, true)
  at += 1e15
  t.notSame(keys.keyFor('one'), back, 'without counting all the way')
})
