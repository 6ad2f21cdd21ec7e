import t from 'tap'
import { Usage } from '../../policy/usage.ts'

const HOUR = 3_600_000

t.test('uploads are summed by each heading, most bytes first', async (t) => {
  const usage = new Usage({ now: () => 1000 * HOUR })
  usage.add({ user: 'ann', provider: 'dropbox', tenant: 'contoso', client: 'cli', bytes: 10 })
  usage.add({ user: 'bob', provider: 'dropbox', client: 'browser', bytes: 30 })
  usage.add({ provider: 'onedrive', client: 'cli', bytes: 5 })
  t.strictSame(usage.report('user'), [{ key: 'bob', bytes: 30, count: 1 }, { key: 'ann', bytes: 10, count: 1 }])
  t.strictSame(usage.report('provider'), [{ key: 'dropbox', bytes: 40, count: 2 }, { key: 'onedrive', bytes: 5, count: 1 }])
  t.strictSame(usage.report('tenant'), [{ key: 'contoso', bytes: 10, count: 1 }])
  t.strictSame(usage.report('client'), [{ key: 'browser', bytes: 30, count: 1 }, { key: 'cli', bytes: 15, count: 2 }])
})

t.test('a report covers the hours asked for, and old hours go', async (t) => {
  let now = 1000 * HOUR + 1
  const usage = new Usage({ now: () => now })
  const bytes = (hours: number): number => usage.report('provider', hours)[0]?.bytes ?? 0
  usage.add({ provider: 'dropbox', bytes: 1 })
  now += HOUR
  usage.add({ provider: 'dropbox', bytes: 10 })
  t.equal(bytes(1), 10)
  t.equal(bytes(2), 11)
  now += 23 * HOUR
  t.equal(bytes(24), 10)
  t.equal(bytes(25), 11)
  t.equal(bytes(1000), 11)
  now += HOUR
  usage.add({ provider: 'dropbox', bytes: 100 })
  t.equal(bytes(25), 110)
})

t.test('a clock that goes back counts on in the newest hour', async (t) => {
  let now = 1000 * HOUR
  const usage = new Usage({ now: () => now })
  usage.add({ provider: 'dropbox', bytes: 1 })
  now -= 5 * HOUR
  usage.add({ provider: 'dropbox', bytes: 2 })
  t.equal(usage.report('provider', 25)[0]?.bytes, 3)
})

t.test('the number of names is bounded, the sum is whole', async (t) => {
  const usage = new Usage({ maxKeys: 2, now: () => 0 })
  for (const user of ['a', 'b', 'c', 'd', 'a']) usage.add({ user, bytes: 1 })
  t.strictSame(usage.report('user'), [
    { key: '(other)', bytes: 2, count: 2 }, { key: 'a', bytes: 2, count: 2 }, { key: 'b', bytes: 1, count: 1 },
  ])
})

t.test('uploads that were blocked count by name, and are forgotten with it', async t => {
  const usage = new Usage()
  for (let i = 0; i < 3; i++) usage.block('Ada')
  usage.block('bob')
  t.equal(usage.mostBlocked, 3)
  usage.forget(['ada'])
  t.equal(usage.mostBlocked, 1)
})
