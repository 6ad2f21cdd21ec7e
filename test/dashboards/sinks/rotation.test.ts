import { link, readFile, readdir, rename, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { toLine } from '../../../dashboards/ecs.ts'
import { tidy } from '../../../dashboards/retention.ts'
import { fileSink } from '../../../dashboards/sinks/file.ts'
import { eventFiles } from '../../../dashboards/sinks/names.ts'
import { outcome } from '../outcome.ts'

const DAY = 86_400_000
/** Noon, so that no test runs over midnight. */
const NOON = Date.UTC(2026, 10, 30, 12)

/** A sink whose clock the test sets. */
function sinkAt(t: Test, rotate: number | null, files: Record<string, string> = {}) {
  const dir = t.testdir(files)
  const path = join(dir, 'events.ndjson')
  const clock = { now: NOON }
  const troubles: string[] = []
  const sink = fileSink(path, { rotate, now: () => clock.now, onTrouble: error => troubles.push(error.message) })
  t.teardown(() => sink.close())
  return { dir, path, clock, sink, troubles, read: (name: string) => readFile(join(dir, name), 'utf8'), names: async () => (await readdir(dir)).sort() }
}

t.test('a full file makes way for a new one, and none is written over', async t => {
  const { sink, names, read } = sinkAt(t, 10, { 'events-2026-11-30.7.ndjson': 'there\n' })
  for (const line of ['one\n', 'two\n', 'three\n', 'longer than a file may be\n', 'five\n']) await sink.write(line)
  t.strictSame(await names(), [7, 8, 9, 10].map(n => `events-2026-11-30.${n}.ndjson`).sort().concat('events.ndjson'))
  t.strictSame(await Promise.all([7, 8, 9, 10].map(n => read(`events-2026-11-30.${n}.ndjson`))), [
    'there\n', 'one\ntwo\n', 'three\n', 'longer than a file may be\n',
  ])
  t.equal(await read('events.ndjson'), 'five\n')
})

t.test('a new day begins a new file, which is named for the day of what is in it', async t => {
  const { sink, clock, names, read } = sinkAt(t, 1_000)
  await sink.write('monday\n')
  clock.now += DAY
  await sink.write('tuesday\n')
  t.strictSame(await names(), ['events-2026-11-30.1.ndjson', 'events.ndjson'])
  t.equal(await read('events-2026-11-30.1.ndjson'), 'monday\n')
  clock.now += DAY
  await sink.tidy()
  t.strictSame(await names(), ['events-2026-11-30.1.ndjson', 'events-2026-12-01.1.ndjson'], 'also where nothing is written')
})

t.test('a file of an earlier run is of the day on which it was last written', async t => {
  const { sink, path, names } = sinkAt(t, 1_000, { 'events.ndjson': 'old\n' })
  await utimes(path, new Date(NOON - 3 * DAY), new Date(NOON - 3 * DAY))
  await sink.write('new\n')
  t.strictSame(await names(), ['events-2026-11-27.1.ndjson', 'events.ndjson'])
})

t.test('what another program has moved away is not written on, with and without a signal', async t => {
  const { sink, path, read } = sinkAt(t, null)
  await sink.write('one\n')
  await rename(path, `${path}.1`)
  await sink.write('two\n')
  t.equal(await read('events.ndjson.1'), 'one\n')
  t.equal(await read('events.ndjson'), 'two\n')
})

t.test('a rotation that fails is told, costs no event, and is not tried with every write', async t => {
  // With a day and a number the name is longer than a name may be.
  const path = join(t.testdir(), `${'e'.repeat(245)}.ndjson`)
  const troubles: string[] = []
  let now = NOON
  const sink = fileSink(path, { rotate: 5, now: () => NOON, elapsed: () => now, onTrouble: error => troubles.push(error.message) })
  t.teardown(() => sink.close())
  for (const line of ['one\n', 'two\n', 'three\n']) await sink.write(line)
  t.equal(await readFile(path, 'utf8'), 'one\ntwo\nthree\n')
  t.match(troubles, [/ENAMETOOLONG/])
  t.equal(troubles.length, 1)
  now += 60_000
  await sink.write('four\n')
  t.equal(troubles.length, 2)
})

t.test('a rotation that was cut short is finished at the next start', async t => {
  const { sink, dir, path, read } = sinkAt(t, 1_000, { 'events.ndjson': 'old\n' })
  await link(path, join(dir, 'events-2026-11-30.1.ndjson'))
  t.equal((await eventFiles(path)).length, 1, 'until then it is read once')
  await sink.write('new\n')
  t.equal(await read('events-2026-11-30.1.ndjson'), 'old\n')
  t.equal(await read('events.ndjson'), 'new\n')
})

t.test('files are told in the order of their events, those of a log rotation too', async t => {
  const line = (sequence: number) => toLine(outcome(), sequence)
  const dir = t.testdir({
    'events.ndjson': line(9), 'events-2026-11-30.2.ndjson': line(8), 'events-2026-11-30.10.ndjson': line(7), 'events.ndjson.1': line(6),
    'events.ndjson-20261129': line(5), 'events-2026-11-28.1.ndjson.gz': 'x', 'others.ndjson': line(1), 'events-2026-11-28.1.ndjson': '', 'events.ndjson.swp': 'x',
  })
  const files = await eventFiles(join(dir, 'events.ndjson'))
  t.strictSame(files.map(({ name }) => name), [
    'events-2026-11-28.1.ndjson', 'events.ndjson-20261129', 'events.ndjson.1', 'events-2026-11-30.10.ndjson', 'events-2026-11-30.2.ndjson', 'events.ndjson',
  ])
})

t.test('what is older than the retention is removed, and nothing else', async t => {
  const at = (days: number) => toLine(outcome(), (NOON - days * DAY) * 1_000)
  const kept = {
    'events-2026-08-02.1.ndjson': at(95) + at(89), 'events-2026-08-03.1.ndjson.gz': 'x', 'events.ndjson.1': at(99),
    'other-2026-08-01.1.ndjson': at(99), 'events-2026-08-01.1.ndjson.bak': at(99), 'events.ndjson': at(99),
  }
  const { dir, sink, names } = sinkAt(t, 1_000_000, { ...kept, 'events-2026-08-01.1.ndjson': at(95) + at(91) })
  for (const name of await names()) await utimes(join(dir, name), new Date(NOON), new Date(NOON))
  const removed: string[] = []
  const options = { retention: 90 * DAY, now: () => NOON, onRemoved: (file: string) => removed.push(file), onFailure: (_: string, error: Error) => t.fail(error.message) }
  await tidy(sink, options)
  t.strictSame(await names(), Object.keys(kept).sort())
  t.strictSame(removed, [join(dir, 'events-2026-08-01.1.ndjson')])
})

t.test('numbers that run ahead of a clock that was put back keep nothing for longer', async t => {
  const { dir, sink, names } = sinkAt(t, 1_000_000, { 'events-2026-08-01.1.ndjson': toLine(outcome(), (NOON + 1_000 * DAY) * 1_000) })
  await utimes(join(dir, 'events-2026-08-01.1.ndjson'), new Date(NOON - 91 * DAY), new Date(NOON - 91 * DAY))
  await tidy(sink, { retention: 90 * DAY, now: () => NOON })
  t.strictSame(await names(), [])
})

t.test('the current file goes too when nothing was written for so long', async t => {
  const { sink, path, names } = sinkAt(t, 1_000_000, { 'events.ndjson': toLine(outcome(), (NOON - 91 * DAY) * 1_000) })
  await utimes(path, new Date(NOON - 91 * DAY), new Date(NOON - 91 * DAY))
  await tidy(sink, { retention: 90 * DAY, now: () => NOON })
  t.strictSame(await names(), [])
})
