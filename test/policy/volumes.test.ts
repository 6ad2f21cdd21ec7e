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

t.test('what one process has counted another learns, when the body is over', async t => {
  const other = new Volumes()
  const volumes = new Volumes(undefined, (key, bytes) => other.learn(key, bytes))
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
