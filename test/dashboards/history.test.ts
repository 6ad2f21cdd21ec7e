import { readFile, readdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { toLine } from '../../dashboards/ecs.ts'
import { Events } from '../../dashboards/events.ts'
import type { EcsEvent, EventFilter } from '../../policy/ecs-event.ts'
import { History, newestSequence } from '../../dashboards/history.ts'
import type { HistoryOptions } from '../../dashboards/history.ts'
import type { Outcome } from '../../dashboards/outcome.ts'
import { fileSink } from '../../dashboards/sinks/file.ts'
import type { FileSink } from '../../dashboards/sinks/file.ts'
import { outcome } from './outcome.ts'

const NOON = Date.UTC(2026, 10, 30, 12)
const idsOf = (events: readonly EcsEvent[]) => events.map(({ event }) => event.id)
const names = (from: number, to: number) => Array.from({ length: Math.abs(to - from) + 1 }, (_, i) => `event-${from + (from < to ? i : -i)}`)

/** Events over a file that is rotated at every few events. */
function world(t: Test, { rotate = 4_000, files = {}, options, held }: {
  rotate?: number | null; files?: Record<string, string>; options?: HistoryOptions; held?: Promise<void>
} = {}) {
  const path = join(t.testdir(files), 'events.ndjson')
  const clock = { now: NOON }
  const file = fileSink(path, { rotate, now: () => clock.now })
  const sink: FileSink = held === undefined ? file : { ...file, write: async lines => { await held; await file.write(lines) } }
  const events = new Events([sink], { now: () => clock.now })
  t.teardown(() => events.close(50))
  let count = 0
  const record = (n: number, change: Partial<Outcome> = {}) => {
    for (let i = 0; i < n; i++) {
      clock.now += 1
      events.record(outcome({ id: `event-${++count}`, at: clock.now, ...change }))
    }
  }
  /** Waits until all is in files. */
  const written = async () => { while (events.unwritten().length > 0) await new Promise(resolve => setImmediate(resolve)) }
  const history = new History(events, path, options)
  const pages = async (limit: number, filter: EventFilter = {}, between: () => void | Promise<void> = () => {}) => {
    const found: string[][] = []
    for (let before: number | null = Infinity; before !== null;) {
      const page = await history.page(filter, limit, before)
      found.push(idsOf(page.events))
      before = page.next
      await between()
    }
    return found
  }
  return { path, events, record, written, history, pages, clock, sink: file, dir: join(path, '..') }
}

t.test('pages go back over all files, the newest first', async t => {
  const { record, written, pages, dir } = world(t)
  for (let i = 0; i < 10; i++) {
    record(5)
    await written()
  }
  t.ok((await readdir(dir)).length > 5, 'over several files')
  const found = await pages(7)
  t.strictSame(found.flat(), names(50, 1))
  t.strictSame(found.map(({ length }) => length), [7, 7, 7, 7, 7, 7, 7, 1])
})

t.test('nothing is skipped or repeated while events come and files are rotated under the reader', async t => {
  const { record, written, pages, sink, path } = world(t)
  record(40)
  await written()
  let round = 0
  const found = await pages(3, {}, async () => {
    record(3)
    round++
    if (round % 2 === 0) await written()
    if (round === 3) await sink.rotate()
    if (round === 5) await rename(path, `${path}.1`)
  })
  t.strictSame(found.flat(), names(40, 1))
})

t.test('what the disk does not have yet is told too, once', async t => {
  const gate = Promise.withResolvers<void>()
  const { record, history, pages, written } = world(t, { held: gate.promise })
  record(1)
  await new Promise(resolve => setImmediate(resolve)) // the first is in the sink's hands
  record(4)
  t.strictSame((await pages(2)).flat(), names(5, 1))
  t.match(await history.find('event-3'), { event: { id: 'event-3' } })
  const found: string[] = []
  for (let before: number | null = Infinity; before !== null;) {
    const page = await history.page({}, 2, before)
    found.push(...idsOf(page.events))
    before = page.next
    gate.resolve()
    await written()
  }
  t.strictSame(found, names(5, 1), 'also where it is written between two pages')
})

t.test('filters go by what was decided, by whom, where and when', async t => {
  const { record, written, history } = world(t, { rotate: null })
  record(2)
  record(1, { client: { ...outcome().client, user: 'Bob' } })
  record(1, { decision: { action: 'block', ruleId: 'no-box', revision: 1, reasons: ['rule'] } })
  record(1, { operation: { provider: 'box', activity: 'download', step: 'single', size: { bytes: 0, is: 'exact' } }, attribution: null })
  record(1, { decision: { action: 'log', ruleId: 'watch', revision: 1, reasons: ['rule'], noted: ['seen'], monitored: [{ ruleId: 'trial', action: 'block' }] } })
  await written()
  const ids = async (filter: EventFilter) => idsOf((await history.page(filter, 10)).events)
  t.strictSame(await ids({ users: ['bob'] }), ['event-3'])
  t.strictSame(await ids({ users: ['nobody', 'ada'], action: 'block' }), ['event-4'])
  t.strictSame(await ids({ provider: 'box' }), ['event-5'])
  t.strictSame(await ids({ activity: 'upload', action: 'log' }), ['event-6'])
  for (const rule of ['watch', 'seen', 'trial']) t.strictSame(await ids({ rule }), ['event-6'], rule)
  t.strictSame(await ids({ tenant: 'Dropbox/team', rule: 'no-box' }), ['event-4'])
  t.strictSame(await ids({ tenant: 'other' }), [])
  const at = (ms: number) => new Date(NOON + ms).toISOString()
  t.strictSame(await ids({ since: at(3), until: at(5) }), ['event-4', 'event-3'])
})

t.test('a long transfer is found by when it began, though it was recorded later', async t => {
  const { record, written, history } = world(t)
  record(1, { at: NOON - 86_400_000 })
  record(20)
  await written()
  t.strictSame(idsOf((await history.page({ until: new Date(NOON - 1).toISOString() }, 10)).events), ['event-1'])
})

t.test('a page that takes too long is answered with what was found, and goes on', async t => {
  const { record, written, history, pages } = world(t, { options: { pageMs: -1 } })
  record(30)
  await written()
  const first = await history.page({ users: ['nobody'] }, 10)
  t.strictSame(first.events, [])
  t.type(first.next, 'number')
  t.strictSame((await pages(100)).flat(), names(30, 1))
})

t.test('without a file, memory answers and says so', async t => {
  const events = new Events([])
  const history = new History(events, null)
  for (let i = 1; i <= 1_005; i++) events.record(outcome({ id: `event-${i}`, at: Date.now() }))
  const page = await history.page({}, 600)
  t.strictSame([page.source, page.events.length], ['memory', 600])
  const rest = await history.page({}, 600, page.next ?? 0)
  t.strictSame([...idsOf(page.events), ...idsOf(rest.events)], names(1_005, 6))
  t.equal(rest.next, null)
  t.equal(await history.find('event-1'), null)
  t.match(await history.find('event-6'), { event: { id: 'event-6' } })
})

t.test('events of a version without numbers, torn lines and foreign ones hide none', async t => {
  const old = (n: number) => toLine(outcome({ id: `old-${n}`, at: NOON - 1_000 + n }), 1).replace('"sequence":1,', '')
  const { record, written, pages, history } = world(t, {
    files: { 'events-2026-11-29.1.ndjson': `${old(1)}{"@timest\n${old(2)}\n{"a":1}\n[]\n${old(3)}` },
  })
  record(2)
  await written()
  t.strictSame((await pages(1)).flat(), ['event-2', 'event-1', 'old-3', 'old-2', 'old-1'])
  t.match(await history.find('old-2'), { event: { id: 'old-2' } })
})

t.test('numbers ascend over restarts, whatever the clock says', async t => {
  const { path, record, written, sink } = world(t)
  record(3)
  await written()
  const newest = await newestSequence([sink])
  const events = new Events([sink], { after: newest, now: () => 0 })
  events.record(outcome({ id: 'next' }))
  await events.close()
  t.match(JSON.parse((await readFile(path, 'utf8')).trimEnd().split('\n').at(-1) ?? ''), { event: { id: 'next', sequence: newest + 1 } })
})

t.test('whoever follows gets each event once, from files, memory and as they come', async t => {
  const { record, written, history, sink, events } = world(t)
  record(30)
  await written()
  const first = (await history.page({}, 30)).events.at(-1)?.event.sequence ?? 0
  // More than memory keeps, so that the beginning is read from files.
  record(1_100)
  await written()
  const stop = new AbortController()
  const found: string[] = []
  for await (const event of history.follow({}, stop.signal, first)) {
    found.push(event.event.id)
    if (found.length === 10) {
      record(1_200) // far more than memory keeps for a slow reader
      await sink.rotate()
    }
    if (found.length === 2_329) setImmediate(() => record(5))
    if (found.length === 2_334) stop.abort()
  }
  // The directory goes when the test ends, and must not be written to any more.
  await events.close()
  t.strictSame(found, names(2, 2_335))
  t.equal(events.dropped, 0)
})

t.test('files that cannot be read keep no proxy from starting', async t => {
  const file = join(t.testdir({ file: '' }), 'file')
  t.equal(await newestSequence([fileSink(join(file, 'below', 'events.ndjson')), fileSink(join(file, 'events.ndjson'))]), 0)
})

t.test('following begins with what comes, filters it, and ends when told to', async t => {
  const { record, history } = world(t)
  record(3)
  const stop = new AbortController()
  const following = (async () => {
    const found: string[] = []
    for await (const event of history.follow({ action: 'block' }, stop.signal)) found.push(event.event.id)
    return found
  })()
  record(2)
  record(1, { decision: { action: 'block', ruleId: null, revision: 1, reasons: ['rule'] } })
  await new Promise(resolve => setImmediate(resolve))
  stop.abort()
  t.strictSame(await following, ['event-6'])
})

t.test('without a file, whoever is so slow that memory forgets is let go', async t => {
  const events = new Events([])
  const history = new History(events, null)
  const found: string[] = []
  events.record(outcome({ id: 'event-0' }))
  const start = events.latest
  events.record(outcome({ id: 'event-1' }))
  for await (const event of history.follow({}, new AbortController().signal, start)) {
    found.push(event.event.id)
    if (found.length === 1) for (let i = 2; i < 1_500; i++) events.record(outcome({ id: `event-${i}` }))
  }
  t.strictSame(found, ['event-1'])
})

t.test('a file that is no event file answers nothing', async t => {
  const { path, history } = world(t)
  await writeFile(path, 'not json\n'.repeat(1_000))
  t.match(await history.page({}, 10), { events: [], next: null })
})
