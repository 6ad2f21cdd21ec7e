import { renameSync } from 'node:fs'
import { readFile, readdir, stat, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { toLine } from '../../dashboards/ecs.ts'
import { eraseFromFiles } from '../../dashboards/erase.ts'
import { Events } from '../../dashboards/events.ts'
import type { EcsEvent } from '../../policy/ecs-event.ts'
import { History } from '../../dashboards/history.ts'
import { fileSink } from '../../dashboards/sinks/file.ts'
import { outcome } from './outcome.ts'

const of = (user: string) => ({ client: { ...outcome().client, user } })
const line = (n: number, user: string) => toLine(outcome({ id: `event-${n}`, ...of(user) }), n)
const isOf = (name: string) => ({ user }: EcsEvent) => (user as { name?: string } | undefined)?.name === name
const idsOf = async (path: string) => (await readFile(path, 'utf8')).trimEnd().split('\n').filter(text => text !== '').map(text => JSON.parse(text).event.id)

t.test('one person\'s events leave every file, and nothing else does', async t => {
  const dir = t.testdir({
    'events-2026-11-29.1.ndjson': line(1, 'ada') + line(2, 'bob'), 'events-2026-11-30.1.ndjson': `${line(3, 'bob')}not an event, ada\n${line(4, 'ada')}`,
    'events-2026-11-30.2.ndjson': line(5, 'bob'), 'events.ndjson.1': line(6, 'ada'), 'events-2026-11-01.1.ndjson.gz': 'x', 'other.ndjson': line(9, 'ada'),
  })
  const sink = join(dir, 'events.ndjson')
  const old = new Date('2026-11-29T10:00:00Z')
  await utimes(join(dir, 'events-2026-11-29.1.ndjson'), old, old)
  const before = await stat(join(dir, 'events-2026-11-30.2.ndjson'))
  t.strictSame(await eraseFromFiles(sink, isOf('ada')), { erased: 3, unread: ['events-2026-11-01.1.ndjson.gz'] })
  t.strictSame(await idsOf(join(dir, 'events-2026-11-29.1.ndjson')), ['event-2'])
  t.equal(await readFile(join(dir, 'events-2026-11-30.1.ndjson'), 'utf8'), `${line(3, 'bob')}not an event, ada\n`)
  t.equal(await readFile(join(dir, 'events.ndjson.1'), 'utf8'), '')
  const rewritten = await stat(join(dir, 'events-2026-11-29.1.ndjson'))
  t.equal(rewritten.mode & 0o777, 0o600)
  t.equal(rewritten.mtimeMs, old.getTime(), 'so that it is as old as before')
  t.equal((await stat(join(dir, 'events-2026-11-30.2.ndjson'))).ino, before.ino, 'a file without such events is left alone')
  t.strictSame((await readdir(dir)).filter(name => name.endsWith('.tmp')), [])
})

t.test('events that come meanwhile are kept, those of the person that were before are not', async t => {
  const path = join(t.testdir(), 'events.ndjson')
  const events = new Events([fileSink(path)])
  t.teardown(() => events.close())
  const history = new History(events, path)
  for (let i = 0; i < 300; i++) events.record(outcome({ id: `event-${i}`, ...of(i % 3 === 0 ? 'ada' : 'bob') }))
  const written = async () => { while (events.unwritten().length > 0) await new Promise(resolve => setImmediate(resolve)) }
  await written()
  const erasing = events.erase(isOf('ada'))
  // The clock of the test is the work itself: these are recorded while files are rewritten.
  let more = 300
  const recording = setInterval(() => { for (let i = 0; i < 5; i++) events.record(outcome({ id: `event-${more++}`, ...of('bob') })) }, 1)
  t.match(await erasing, { erased: 100, unread: [] })
  clearInterval(recording)
  await written()
  const { events: left } = await history.page({}, 10_000)
  t.strictSame(left.map(({ event }) => event.id).reverse(), Array.from({ length: more }, (_, i) => i).filter(i => i >= 300 || i % 3 !== 0).map(i => `event-${i}`))
  t.equal(events.recent().some(isOf('ada')), false, 'nor does memory keep them')
  t.match(await events.erase(isOf('ada')), { erased: 0 }, 'again is safe')
})

t.test('what a failing disk never took is erased from the queue', async t => {
  const path = join(t.testdir(), 'events.ndjson')
  let isBroken = true
  const file = fileSink(path)
  const sink = { ...file, write: async (lines: string) => { if (isBroken) throw new Error('disk full'); await file.write(lines) } }
  const events = new Events([sink], { retryAfter: 1 })
  events.record(outcome({ id: 'event-0', ...of('ada') }))
  await new Promise(resolve => setTimeout(resolve, 5))
  for (let i = 1; i < 10; i++) events.record(outcome({ id: `event-${i}`, ...of(i % 2 === 0 ? 'ada' : 'bob') }))
  await events.erase(isOf('ada'))
  isBroken = false
  await events.close()
  t.strictSame(await idsOf(path), [1, 3, 5, 7, 9].map(i => `event-${i}`))
})

t.test('without files, memory forgets them', async t => {
  const events = new Events([])
  for (let i = 0; i < 1_500; i++) events.record(outcome({ id: `event-${i}`, ...of(i % 2 === 0 ? 'ada' : 'bob') }))
  t.match(await events.erase(isOf('ada')), { erased: 500 })
  t.equal(events.recent().length, 500)
  events.record(outcome({ id: 'next', ...of('bob') }))
  t.equal(events.recent()[0]?.event.id, 'next')
  t.equal(events.recent().length, 501)
})

t.test('a half line at the end of a file that was cut off is not kept', async t => {
  const dir = t.testdir({ 'events-2026-11-30.1.ndjson': `${line(1, 'ada')}${line(2, 'bob')}{"user":{"name":"ad` })
  await eraseFromFiles(join(dir, 'events.ndjson'), isOf('ada'))
  t.strictSame(await idsOf(join(dir, 'events-2026-11-30.1.ndjson')), ['event-2'])
})

t.test('another process may erase while this one writes', async t => {
  const path = join(t.testdir(), 'events.ndjson')
  const writer = fileSink(path)
  t.teardown(() => writer.close())
  await writer.write(line(1, 'ada') + line(2, 'bob'))
  // As `sluice events erase` does.
  const other = fileSink(path)
  await other.rotate()
  await writer.write(line(3, 'bob'))
  t.match(await eraseFromFiles(path, isOf('ada'), { settleMs: 1 }), { erased: 1 })
  await writer.write(line(4, 'bob'))
  t.strictSame(await idsOf(path), ['event-3', 'event-4'])
  const rotated = (await readdir(join(path, '..'))).find(name => name !== 'events.ndjson') ?? ''
  t.strictSame(await idsOf(join(path, '..', rotated)), ['event-2'])
})

t.test('several erasures at once leave none of their people behind', async t => {
  const path = join(t.testdir(), 'events.ndjson')
  const events = new Events([fileSink(path, { rotate: 5_000 })])
  t.teardown(() => events.close())
  const people = ['ada', 'bob', 'eve', 'dan']
  for (let i = 0; i < 200; i++) events.record(outcome({ id: `event-${i}`, ...of(people[i % 4] ?? '') }))
  while (events.unwritten().length > 0) await new Promise(resolve => setImmediate(resolve))
  const done = await Promise.all(['ada', 'bob', 'eve'].map(name => events.erase(isOf(name))))
  t.strictSame(done.map(({ erased }) => erased), [50, 50, 50])
  const { events: left } = await new History(events, path).page({}, 1_000)
  t.ok(left.length === 50 && left.every(isOf('dan')))
})

t.test('a file that is renamed while it is rewritten is rewritten under its new name', async t => {
  const dir = t.testdir({ 'events.ndjson.1': line(1, 'ada') + line(2, 'bob') })
  let isRenamed = false
  const done = await eraseFromFiles(join(dir, 'events.ndjson'), event => {
    if (!isRenamed) renameSync(join(dir, 'events.ndjson.1'), join(dir, 'events.ndjson.2'))
    isRenamed = true
    return isOf('ada')(event)
  })
  t.equal(done.erased, 1)
  t.strictSame(await readdir(dir), ['events.ndjson.2'])
  t.strictSame(await idsOf(join(dir, 'events.ndjson.2')), ['event-2'])
})
