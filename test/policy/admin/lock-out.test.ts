import t from 'tap'
import { LockOut } from '../../../policy/admin/lock-out.ts'
import { sameCaller } from '../../../policy/same-caller.ts'
import { startAdmin } from './harness.ts'

const MINUTE = 60_000

/** Fails `n` times and answers what the last one locked for, in minutes. */
function fail(locks: LockOut, address: string, n: number, now: number): number {
  let locked = 0
  for (let i = 0; i < n; i++) locked = locks.failed(address, now)
  return locked / MINUTE
}

t.test('ten failures within a quarter of an hour lock for a quarter of an hour', async (t) => {
  const locks = new LockOut()
  t.equal(fail(locks, '192.0.2.1', 9, 0), 0)
  t.equal(locks.lockedFor('192.0.2.1', 0), 0)
  t.equal(fail(locks, '192.0.2.1', 1, 14 * MINUTE), 15)
  t.equal(locks.lockedFor('192.0.2.1', 20 * MINUTE), 9 * MINUTE)
  t.equal(locks.lockedFor('192.0.2.1', 29 * MINUTE), 0)
  t.equal(locks.lockedFor('192.0.2.2', 20 * MINUTE), 0, 'no other address')
})

t.test('slow failures do not add up', async (t) => {
  const locks = new LockOut()
  fail(locks, '192.0.2.1', 9, 0)
  t.equal(fail(locks, '192.0.2.1', 9, 16 * MINUTE), 0)
})

t.test('locks that follow each other double up to four hours, and a quiet day forgets them', async (t) => {
  const locks = new LockOut()
  let now = 0
  const lengths = [1, 2, 3, 4, 5, 6].map(() => {
    const locked = fail(locks, '192.0.2.1', 10, now)
    now += locked * MINUTE
    return locked
  })
  t.strictSame(lengths, [15, 30, 60, 120, 240, 240])
  t.equal(fail(locks, '192.0.2.1', 10, now + 25 * 60 * MINUTE), 15)
})

t.test('addresses that one caller has at will count as one', async (t) => {
  t.equal(sameCaller('2001:db8:1:2::1'), sameCaller('2001:0db8:1:2:ffff::7'))
  t.not(sameCaller('2001:db8:1:2::1'), sameCaller('2001:db8:1:3::1'))
  t.equal(sameCaller('::ffff:192.0.2.1'), '192.0.2.1')
  t.not(sameCaller('192.0.2.1'), sameCaller('192.0.2.2'))
})

t.test('memory is bounded: a flood of addresses forgets the oldest', async (t) => {
  const locks = new LockOut()
  fail(locks, '192.0.2.1', 10, 0)
  for (let i = 0; i < 20_000; i++) locks.failed(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`, 0)
  t.equal(locks.lockedFor('192.0.2.1', 0), 0)
})

t.test('an address that fails again and again is locked out, good tokens of it included', async (t) => {
  const { send, lines } = await startAdmin(t)
  const remoteAddress = '198.51.100.7'
  const guess = (from: string) => send(null, { url: '/v1/policy', remoteAddress: from, headers: { authorization: 'Bearer slc_guess' } })
  for (let i = 0; i < 5; i++) await guess(remoteAddress)
  t.equal((await send('viewer', { url: '/v1/policy', remoteAddress })).statusCode, 200)
  t.equal((await send('telemetry', { url: '/v1/policy', remoteAddress })).statusCode, 403, 'too small a role is no failure')
  for (let i = 0; i < 20; i++) t.equal((await send(null, { url: '/v1/policy', remoteAddress })).statusCode, 401, 'nor is no token')
  for (let i = 0; i < 5; i++) t.equal((await guess(remoteAddress)).statusCode, 401, 'a good token in between resets nothing')
  const locked = await send('admin', { url: '/v1/policy', remoteAddress })
  t.equal(locked.statusCode, 429)
  t.equal(locked.headers['content-type'], 'application/problem+json')
  t.match(locked.json(), { code: 'admin.locked-out', status: 429 })
  const wait = Number(locked.headers['retry-after'])
  t.ok(wait > 0 && wait <= 900, String(wait))
  t.equal((await guess(remoteAddress)).statusCode, 429)
  t.equal((await send('admin', { url: '/v1/policy', remoteAddress: '198.51.100.8' })).statusCode, 200, 'nobody else')
  t.equal((await send(null, { url: '/healthz', remoteAddress })).statusCode, 200, 'health answers on')
  t.match(lines, [/^warn 198\.51\.100\.7 .*locked out .* 15 min/])
})

t.test('guesses at the same moment do not get past the lock', async (t) => {
  const { send, secrets } = await startAdmin(t)
  const remoteAddress = '198.51.100.7'
  const answers = await Promise.all(Array.from({ length: 40 }, (_, i) => send(null, {
    url: '/v1/policy', remoteAddress, headers: { authorization: `Bearer ${i === 39 ? secrets.admin : `slc_guess${i}`}` },
  })))
  t.equal(answers[39]?.statusCode, 429, 'the one that would have opened')
})

t.test('loopback and trusted peers are never locked: behind them is anybody', async (t) => {
  const access = { limits: { perToken: 1_000, perAddress: 1_000 }, trustedPeers: ['10.0.0.0/24'], tls: null, oidc: null }
  const { send } = await startAdmin(t, { access })
  for (const remoteAddress of ['127.0.0.1', '::1', '::ffff:127.0.0.1', '10.0.0.9']) {
    for (let i = 0; i < 12; i++) await send(null, { url: '/v1/policy', remoteAddress, headers: { authorization: 'Bearer slc_guess' } })
    t.equal((await send('viewer', { url: '/v1/policy', remoteAddress })).statusCode, 200, remoteAddress)
  }
  const through = (client: string, authorization: string) =>
    send(null, { url: '/v1/policy', remoteAddress: '10.0.0.9', headers: { authorization, 'x-forwarded-for': `127.0.0.1, ${client}` } })
  for (let i = 0; i < 10; i++) await through('203.0.113.5', 'Bearer slc_guess')
  t.equal((await through('203.0.113.5', 'Bearer slc_guess')).statusCode, 429, 'the client that the peer names is')
  t.equal((await through('203.0.113.6', 'Bearer slc_guess')).statusCode, 401)
  const claims = (authorization: string) =>
    send(null, { url: '/v1/policy', remoteAddress: '10.0.0.9', headers: { authorization, 'x-forwarded-for': '127.0.0.1' } })
  for (let i = 0; i < 10; i++) await claims('Bearer slc_guess')
  t.equal((await claims('Bearer slc_guess')).statusCode, 429, 'a client that says it is this machine is none of those')
  for (let i = 0; i < 10; i++) {
    await send(null, { url: '/v1/policy', remoteAddress: '198.51.100.9', headers: { authorization: 'Bearer x', 'x-forwarded-for': '127.0.0.1' } })
  }
  t.equal((await send('viewer', { url: '/v1/policy', remoteAddress: '198.51.100.9' })).statusCode, 429, 'nobody else may name another address')
})
