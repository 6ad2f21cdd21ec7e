import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { Sessions } from '../../policy/sessions.ts'
import type { SessionRecord } from '../../policy/sessions.ts'
import { mergeSessions } from '../../policy/store/session-record.ts'
import { until } from './store/wait.ts'

/** A store in memory that is slow or fails on command. */
class FakeStore {
  readonly held = new Map<string, SessionRecord>()
  reads = 0
  writes = 0
  down = false
  delayMs = 0

  async session(digest: string): Promise<SessionRecord | null> {
    this.reads++
    if (this.delayMs > 0) await sleep(this.delayMs)
    if (this.down) throw new Error('the store is down')
    return this.held.get(digest) ?? null
  }

  async putSession(digest: string, record: SessionRecord, ttlMs: number): Promise<void> {
    this.writes++
    if (this.delayMs > 0) await sleep(this.delayMs)
    if (this.down) throw new Error('the store is down')
    if (ttlMs === 0) this.held.delete(digest)
    else this.held.set(digest, mergeSessions(this.held.get(digest), record))
  }
}

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

t.test('their memory is bounded too, however long the names are', async (t) => {
  const sessions = new Sessions()
  for (let n = 0; n < 40_000; n++) sessions.start(`s${n}`, { bytes: 0, fileName: 'x'.repeat(1024) })
  t.ok(sessions.size > 10_000 && sessions.size < 30_000, `${sessions.size} sessions`)
})

t.test('parts are told apart in bounded memory: of too many the earliest count again', async (t) => {
  const sessions = new Sessions()
  const session = sessions.open('a')
  t.equal(session.part('1'), 0)
  session.setPart('1', 5)
  session.setPart('1', 3)
  t.equal(session.part('1'), 5, 'a part is as large as it ever was')
  for (let n = 2; n < 2_000; n++) session.setPart(String(n), n)
  t.strictSame([session.part('1'), session.part('1999')], [0, 1_999])
  t.ok((sessions.get('a')?.parts?.size ?? 0) <= 512)
  for (let n = 0; n < 2_000; n++) {
    const one = sessions.open(`s${n}`)
    for (let i = 0; i < 400; i++) one.setPart(`${i} ${'x'.repeat(120)}`, 1)
  }
  t.ok(sessions.size > 300 && sessions.size < 600, `${sessions.size} sessions`)
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

t.test('what the start told stays with the bytes, and another process learns it from the store', async (t) => {
  const store = new FakeStore()
  const one = new Sessions({ store })
  one.start('onedrive:g1', { bytes: 0, fileName: 'a.docx', size: 900 })
  one.note('onedrive:g1', 300, true)
  await one.close()
  const two = new Sessions({ store })
  t.equal(two.get('onedrive:g1'), undefined)
  t.equal(two.isFresh('onedrive:g1'), false)
  t.equal(await two.load('onedrive:g1'), 'known')
  t.match(two.get('onedrive:g1'), { bytes: 300, fileName: 'a.docx', size: 900, startedAt: Number })
  t.equal(two.isFresh('onedrive:g1'), true)
  t.equal(await two.load('onedrive:g2'), 'none')
  t.notMatch(JSON.stringify([...store.held]), /g1|onedrive/, 'no id of a provider is kept')
  for (const digest of store.held.keys()) t.match(digest, /^[0-9a-f]{32}$/)
})

t.test('what memory holds is checked against the store once a second', async (t) => {
  let now = 0
  const store = new FakeStore()
  const one = new Sessions({ store, now: () => now })
  const two = new Sessions({ store })
  one.start('a', { bytes: 5 })
  t.equal(one.isFresh('a'), true)
  t.equal(one.isFresh('a', 'chunk'), true)
  t.equal(one.isFresh('a', 'finish'), false, 'another node may just have refused a part')
  await until('it is stored', () => store.held.size === 1)
  await two.load('a')
  two.note('a', 70, true)
  await until('it is stored', () => [...store.held.values()][0]?.bytes === 70)
  now += 1_001
  t.equal(one.isFresh('a'), false)
  await one.load('a')
  t.equal(one.seen('a'), 70)
})

t.test('a look-up that fails or takes too long says so in time, and many at once are one', async (t) => {
  const store = new FakeStore()
  const lines: string[] = []
  const sessions = new Sessions({ store, lookupMs: 50, log: (_level, message) => lines.push(message) })
  store.delayMs = 400
  const started = performance.now()
  t.strictSame(await Promise.all([sessions.load('a'), sessions.load('a')]), ['failed', 'failed'])
  t.ok(performance.now() - started < 300)
  t.equal(store.reads, 1)
  store.delayMs = 0
  store.down = true
  t.equal(await sessions.load('b'), 'failed')
  t.equal(sessions.failures, 2)
  t.equal(lines.length, 1, 'one line a minute')
  sessions.start('c', { bytes: 1 })
  t.equal(sessions.isFresh('c', 'finish'), true, 'for a second, what memory knows has to do')
  sessions.note('d', 1)
  t.equal(sessions.isFresh('d'), false, 'but of a session that was only counted here it does not know what went before')
  t.strictSame([sessions.knows('c'), sessions.knows('d'), sessions.knows('e')], [true, false, false])
})

t.test('the store is told at most once a second and session, at the start and at the end at once', async (t) => {
  const store = new FakeStore()
  const sessions = new Sessions({ store })
  sessions.start('a', { bytes: 0 })
  t.equal(store.writes, 1)
  await sleep(5)
  for (let n = 1; n <= 500; n++) sessions.note('a', n)
  t.equal(store.writes, 1, 'it has its second')
  await until('its second is over', () => store.writes === 2)
  t.equal([...store.held.values()][0]?.bytes, 500)
  sessions.note('a', 501, true)
  t.equal(store.writes, 3, 'the last is not held back')
  await sleep(5)
  for (let n = 0; n < 100; n++) sessions.note('a', 501, true)
  t.equal(store.writes, 3, 'what brings nothing new is not written')
})

t.test('what two nodes forward in a session adds up, each counting its own until it is told', async (t) => {
  const store = new FakeStore()
  const [one, two] = [new Sessions({ store, shared: true }), new Sessions({ store, shared: true })]
  const [first, second] = [one.open('a'), two.open('a')]
  first.forwarded(100)
  first.reached(100, 'over')
  second.forwarded(100)
  second.forwarded(100)
  t.strictSame([first.sent, second.sent], [100, 200])
  await two.load('a')
  t.equal(second.sent, 300, 'what is not told yet counts beside what the store holds')
  second.reached(100, 'over')
  await until('it is stored', () => [...store.held.values()][0]?.sent === 300)
  for (const sessions of [one, two, one]) await sessions.load('a')
  t.strictSame([first.sent, second.sent], [300, 300], 'and nothing counts twice')
  store.down = true
  first.forwarded(50)
  first.reached(100, 'over')
  await until('it was refused', () => one.failures > 0)
  store.down = false
  t.equal(first.sent, 350)
  await one.close()
  await two.load('a')
  t.strictSame([first.sent, second.sent], [350, 350], 'what the store did not take is told again')
  t.equal(one.isFresh('a', 'chunk'), false, 'a store that others write to is asked before each part')
})

t.test('what could not be stored is stored when the store is back; closing writes what is left', async (t) => {
  let now = 0
  const store = new FakeStore()
  store.down = true
  const sessions = new Sessions({ store, now: () => now })
  for (let n = 0; n < 200; n++) sessions.note(`s${n}`, 10)
  await sleep(5)
  t.ok(store.writes <= 64, `${store.writes} attempts during the outage`)
  t.equal(store.held.size, 0)
  store.down = false
  now += 10_000
  await until('all are stored', () => store.held.size === 200)
  sessions.note('s1', 20, true)
  sessions.note('s1', 30)
  await sessions.close()
  t.ok([...store.held.values()].some(({ bytes }) => bytes === 30))
})

t.test('closing does not wait for a store that is silent', async (t) => {
  const store = new FakeStore()
  store.delayMs = 5_000
  const sessions = new Sessions({ store })
  sessions.note('a', 1)
  const started = performance.now()
  await sessions.close()
  t.ok(performance.now() - started < 3_000)
})

t.test('a session that ended is forgotten, and its key may begin anew', async (t) => {
  const store = new FakeStore()
  const sessions = new Sessions({ store })
  sessions.note('azure-blob:/c/a.bin', 900)
  await until('it is stored', () => store.held.size === 1)
  sessions.end('azure-blob:/c/a.bin')
  t.equal(sessions.seen('azure-blob:/c/a.bin'), 0)
  await until('it is gone', () => store.held.size === 0)
})
