import t from 'tap'
import { SluiceError } from '../../policy/errors.ts'
import { askException, ASKED_MAX, ASKED_MAX_ALL, declineException, giveException, grantException, revokeException } from '../../policy/exception-list.ts'
import type { Wish } from '../../policy/exception-list.ts'
import { ExceptionIndex } from '../../policy/exceptions.ts'
import { EXCEPTIONS_MAX } from '../../policy/store/controls-record.ts'
import type { Exception } from '../../policy/store/store.ts'

const NOW = Date.UTC(2026, 10, 30, 12)
const HOUR = 3_600_000
const BY = { by: 'token:1 eve', now: NOW }
const WISH: Wish = { id: 'a', rule: 'r0', provider: 'box', user: 'Alice', reason: 'Why not?', event: 'e' }

function refusal(work: () => unknown): string {
  try {
    work()
  } catch (error) {
    if (error instanceof SluiceError) return `${error.code} ${error.message}`
    throw error
  }
  return ''
}

t.test('asked, granted, revoked; each only from where it comes', async t => {
  const { exceptions: asked, changed } = askException([], WISH, NOW)
  t.match(changed, { state: 'asked', askedAt: '2026-11-30T12:00:00.000Z' })
  const { exceptions: granted } = grantException(asked, 'a', NOW + HOUR, { ...BY, comment: 'Fine.' })
  t.match(granted, [{ state: 'granted', until: '2026-11-30T13:00:00.000Z', decidedBy: BY.by, comment: 'Fine.' }])
  const { exceptions: revoked } = revokeException(granted, 'a', BY)
  t.match(revoked, [{ state: 'revoked' }])
  t.match(declineException(asked, 'a', BY).exceptions, [{ state: 'declined' }])
  for (const [all, work] of [[granted, grantException], [revoked, grantException]] as const) {
    t.match(refusal(() => work(all, 'a', NOW + HOUR, BY)), /^exception\.conflict/)
  }
  for (const all of [granted, revoked]) t.match(refusal(() => declineException(all, 'a', BY)), /^exception\.conflict/)
  for (const all of [asked, revoked]) t.match(refusal(() => revokeException(all, 'a', BY)), /^exception\.conflict/)
  t.match(refusal(() => revokeException(granted, 'a', { ...BY, now: NOW + HOUR })), /^exception\.conflict .*has ended/)
  t.match(refusal(() => grantException(asked, 'b', NOW + HOUR, BY)), /^exception\.not-found/)
  t.match(asked, [{ state: 'asked' }], 'nothing is changed in place')
})

t.test('the same is asked for once, by whoever writes his name how', async t => {
  const { exceptions } = askException([], WISH, NOW)
  t.match(refusal(() => askException(exceptions, { ...WISH, id: 'b', user: 'alice' }, NOW)), /asked for already/)
  for (const other of [{ user: 'bob' }, { provider: null }, { rule: 'r1' }]) {
    t.equal(askException(exceptions, { ...WISH, id: 'b', ...other }, NOW).exceptions.length, 2)
  }
  const { exceptions: granted } = grantException(exceptions, 'a', NOW + HOUR, BY)
  t.match(refusal(() => askException(granted, { ...WISH, id: 'b' }, NOW)), /granted already/)
  t.match(refusal(() => giveException(granted, { ...WISH, id: 'b' }, NOW + HOUR, BY)), /granted already: a/)
  t.equal(askException(granted, { ...WISH, id: 'b' }, NOW + HOUR).exceptions.length, 2, 'it has ended')
  t.equal(askException(exceptions, { ...WISH, id: 'b' }, NOW + 31 * 24 * HOUR).exceptions.length, 2, 'nobody has decided for a month')
})

t.test('who has a whole network of addresses asks for no more than others', async t => {
  const from = (ip: string, id: string): Wish => ({ id, rule: 'r0', provider: 'box', ip, reason: 'Why not?', event: 'e' })
  let all: readonly Exception[] = []
  for (let i = 0; i < ASKED_MAX; i++) all = askException(all, from(`2001:db8::${i.toString(16)}`, `a${i}`), NOW).exceptions
  t.match(refusal(() => askException(all, from('2001:db8::ffff', 'b'), NOW)), /too many/)
  t.equal(askException(all, from('2001:db8:0:1::1', 'b'), NOW).exceptions.length, ASKED_MAX + 1, 'another network')
})

t.test('nobody asks for more than can be decided, and what is over makes room', async t => {
  let all: readonly Exception[] = []
  for (let i = 0; i < ASKED_MAX; i++) all = askException(all, { ...WISH, id: `a${i}`, rule: `r${i}` }, NOW).exceptions
  t.match(refusal(() => askException(all, { ...WISH, id: 'b', rule: 'more' }, NOW)), /too many/)
  t.equal(askException(all, { ...WISH, id: 'b', rule: 'more', user: 'bob' }, NOW).exceptions.length, ASKED_MAX + 1)
  const many = Array.from({ length: ASKED_MAX_ALL }, (_, i): Exception => ({ ...WISH, id: `m${i}`, user: `u${i}`, state: 'asked', askedAt: new Date(NOW).toISOString() }))
  t.match(refusal(() => askException(many, { ...WISH, id: 'b' }, NOW)), /Too many people/)
  t.equal(giveException(many, { ...WISH, id: 'b' }, NOW + HOUR, BY).exceptions.length, ASKED_MAX_ALL + 1, 'editors still grant')
  const one = { ...WISH, state: 'granted', askedAt: new Date(NOW).toISOString(), until: new Date(NOW + HOUR).toISOString() } as const
  const full = Array.from({ length: EXCEPTIONS_MAX }, (_, i): Exception => ({ ...one, id: `f${i}`, user: `u${i}` }))
  t.match(refusal(() => askException(full, { ...WISH, id: 'b' }, NOW)), /too many exceptions/)
  const ended = full.map((other, i): Exception => i === 7 || i === 9 ? { ...other, state: 'declined' } : other)
  const { exceptions } = askException(ended, { ...WISH, id: 'b' }, NOW)
  t.equal(exceptions.length, EXCEPTIONS_MAX)
  t.notOk(exceptions.some(({ id }) => id === 'f7'), 'the oldest of those that are over')
  t.ok(exceptions.some(({ id }) => id === 'f9'))
})

t.test('an exception counts for its person, rule and provider, until its time has come', async t => {
  const granted: Exception = { ...WISH, state: 'granted', askedAt: '', until: new Date(NOW + HOUR).toISOString() }
  const { user: _, ...nobody } = granted
  const index = new ExceptionIndex([
    granted, { ...granted, id: 'any', rule: 'r1', provider: null }, { ...nobody, id: 'ip', rule: 'r2', ip: '10.0.0.1' },
    { ...granted, id: 'asked', rule: 'r3', state: 'asked' }, { ...granted, id: 'revoked', rule: 'r4', state: 'revoked' },
  ])
  const of = (user: string | undefined, ip: string, provider: 'box' | 'dropbox' | null, at = NOW) =>
    [...index.of({ ip, ...user === undefined ? {} : { user } }, provider, at) ?? []]
  t.strictSame(of('ALICE', '10.9.9.9', 'box'), [['r0', 'a'], ['r1', 'any']])
  t.strictSame(of('alice', '10.9.9.9', 'dropbox'), [['r1', 'any']])
  t.strictSame(of('alice', '10.9.9.9', null), [['r1', 'any']])
  t.strictSame(of('alice', '10.9.9.9', 'box', NOW + HOUR), [])
  t.strictSame(of(undefined, '10.0.0.1', 'box'), [['r2', 'ip']])
  t.strictSame(of('bob', '10.0.0.1', 'box'), [], 'who is known is not excepted by his address')
  t.strictSame(of(undefined, '10.0.0.2', 'box'), [])
  t.equal(new ExceptionIndex([]).of({ ip: '' }, 'box', NOW), undefined)
  t.equal(new ExceptionIndex([granted], () => NOW + HOUR).of({ user: 'alice', ip: '' }, 'box', NOW), undefined, 'a clock that is put back brings nothing back')
})
