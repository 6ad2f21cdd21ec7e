import t from 'tap'
import { isCounted, MAX_WINDOW_MS, Volumes, volumeKey } from '../../policy/volumes.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const upload = { provider: 'dropbox', activity: 'upload' } as const

t.test('bytes leave a window when all of their minute, hour or day has', async t => {
  let now = 1_000 * HOUR
  const volumes = new Volumes(() => now)
  const send = (bytes: number): void => volumes.open('a').close(bytes)
  send(100)
  now += 30 * MINUTE
  send(10)
  t.strictSame([volumes.sent('a', 10 * MINUTE), volumes.sent('a', HOUR), volumes.sent('a', 24 * HOUR)], [10, 110, 110])
  now += 30 * MINUTE
  t.equal(volumes.sent('a', HOUR), 110, 'the last moment of the window is within it')
  now += MINUTE
  t.equal(volumes.sent('a', HOUR), 10)
  t.equal(volumes.sent('a', 24 * HOUR), 110)
  now += 24 * HOUR
  t.equal(volumes.sent('a', 24 * HOUR), 0)
  t.equal(volumes.sent('a', 25 * HOUR + MINUTE), 110)
  t.equal(volumes.sent('a', 49 * HOUR), 110, 'by the day: it began within the window')
  now += MAX_WINDOW_MS
  send(1)
  t.equal(volumes.sent('a', MAX_WINDOW_MS), 1)
})

t.test('a slow drip is seen for as long as the longest window', async t => {
  let now = 1_000 * HOUR
  const volumes = new Volumes(() => now)
  for (let i = 0; i < 31 * 24; i++) {
    volumes.open('a').close(1_000)
    now += HOUR
  }
  t.equal(volumes.sent('a', MAX_WINDOW_MS), 31 * 24 * 1_000)
  t.equal(volumes.sent('a', 24 * HOUR), 24 * 1_000)
})

t.test('a clock that is set back forgets nothing', async t => {
  let now = 1_000 * HOUR
  const volumes = new Volumes(() => now)
  volumes.open('a').close(100)
  now -= 5 * HOUR
  t.equal(volumes.sent('a', HOUR), 100)
  volumes.open('a').close(7)
  now += 5 * HOUR
  t.equal(volumes.sent('a', 24 * HOUR), 107)
})

t.test('what is on its way counts for others, not for itself', async t => {
  const volumes = new Volumes(() => 0)
  const one = volumes.open('a')
  const other = volumes.open('a')
  one.claim(50)
  one.claim(40)
  t.strictSame([one.others(HOUR), other.others(HOUR), volumes.sent('a', HOUR)], [0, 50, 50])
  one.close(30)
  one.close(30)
  one.claim(100)
  t.strictSame([one.others(HOUR), other.others(HOUR), volumes.sent('a', HOUR)], [30, 30, 30])
})

t.test('counted are users, else addresses, IPv6 by its /64, each at one provider; and bodies that can carry content', async t => {
  const key = (client: { user?: string; ip: string }, operation: Parameters<typeof volumeKey>[1] = upload) => volumeKey(client, operation)
  t.equal(key({ user: 'Ann', ip: '10.0.0.1' }), key({ user: 'ann', ip: '10.0.0.2' }))
  t.not(key({ ip: '10.0.0.1' }), key({ ip: '10.0.0.2' }))
  t.equal(key({ ip: '2001:db8::1' }), key({ ip: '2001:db8::ffff:1:2:3' }))
  t.not(key({ ip: '2001:db8::1' }), key({ ip: '2001:db8:0:1::1' }))
  t.not(key({ ip: '10.0.0.1' }), key({ user: '10.0.0.1', ip: '10.0.0.1' }))
  t.not(key({ ip: '10.0.0.1' }), key({ ip: '10.0.0.1' }, { provider: 'box', activity: 'upload' }))
  t.equal(key({ ip: '10.0.0.1' }), key({ ip: '10.0.0.1' }, { provider: 'dropbox', activity: 'edit' }))
  t.not(key({ ip: '10.0.0.1' }), key({ ip: '10.0.0.1' }, { provider: 'dropbox', activity: 'tunnel' }), 'tunnels for themselves')
  t.strictSame((['upload', 'edit', 'tunnel', 'download', 'list', 'login'] as const).map(isCounted), [true, true, true, false, false, false])
})

t.test('memory is bounded: who sent nothing for longest is forgotten', async t => {
  const volumes = new Volumes(() => 0)
  for (let i = 0; i < 20_001; i++) volumes.open(`key ${i}`).close(1)
  t.equal(volumes.sent('key 0', HOUR), 0)
  t.equal(volumes.sent('key 1', HOUR), 1)
})

t.test('what one process has counted another learns: small bodies when they are over', async t => {
  const other = new Volumes()
  const volumes = new Volumes(undefined, (key, news) => other.learn(key, news))
  const waiting = other.open('a')
  const count = volumes.open('a')
  count.claim(100)
  t.equal(other.sent('a', HOUR), 0)
  count.close(80)
  count.close(80)
  volumes.open('a').close(0)
  t.equal(other.sent('a', HOUR), 80)
  t.equal(waiting.othersEver, 80, 'and whoever is under way is told')
  t.equal(volumes.sent('a', HOUR), 80)
})

t.test('and large ones while they pass, none twice', async t => {
  const other = new Volumes()
  const volumes = new Volumes(undefined, (key, news) => other.learn(key, news))
  const waiting = other.open('a')
  const count = volumes.open('a')
  count.claim(1_000_000)
  t.strictSame([other.sent('a', HOUR), waiting.others(HOUR), waiting.othersEver], [1_000_000, 1_000_000, 1_000_000])
  for (let bytes = 1_000_000; bytes <= 1_100_000; bytes += 1_000) count.claim(bytes)
  const known = other.sent('a', HOUR)
  t.ok(known > 1_100_000 - 65_536 && known <= 1_100_000, `${known}`)
  count.close(1_100_000)
  t.equal(other.sent('a', HOUR), 1_100_000)
  const broken = volumes.open('a')
  broken.claim(1_000_000)
  broken.close(0)
  t.equal(other.sent('a', HOUR), 1_100_000, 'what was not sent after all')
  other.learn('b', { bytes: 0, onWay: -5 })
  t.equal(other.sent('b', HOUR), 0, 'what was forgotten is not owed')
})

t.test('one that begins takes over the past, whatever its clock: never too little, and no longer than by one slot', async t => {
  let [now, later] = [1_000 * HOUR + 7 * MINUTE, 5 * HOUR + 31_000]
  const volumes = new Volumes(() => now)
  const send = (bytes: number): void => volumes.open('a').close(bytes)
  send(1)
  now += 3 * 24 * HOUR
  later += 3 * 24 * HOUR
  send(10)
  now += 30 * MINUTE
  later += 30 * MINUTE
  send(100)
  volumes.learn('b', { bytes: 0, onWay: 7 })
  const next = new Volumes(() => later)
  next.recall(volumes.past())
  t.strictSame([next.sent('a', MINUTE), next.sent('a', HOUR), next.sent('a', 48 * HOUR), next.sent('a', MAX_WINDOW_MS), next.sent('b', HOUR)], [100, 110, 110, 111, 7])
  const expected = (): number => volumes.sent('a', HOUR)
  for (let i = 0; i < 2 * 60; i++) {
    const before = expected()
    now += MINUTE
    later += MINUTE
    t.ok(next.sent('a', HOUR) >= expected() && next.sent('a', HOUR) <= before, `${i} minutes later`)
  }
  t.equal(next.sent('a', HOUR), 0)
})
