/** Simulations over real event files, in the thread that the proxy uses for them. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { toLine } from '../../dashboards/ecs.ts'
import { parsePolicy } from '../../policy/policy.ts'
import { replay } from '../../proxy/replay.ts'
import type { Progress } from '../../proxy/replay.ts'
import { Simulator } from '../../proxy/simulate.ts'
import { outcome } from '../dashboards/outcome.ts'

const NOON = Date.UTC(2026, 10, 30, 12)
const HOUR = 3_600_000
const evidence = { tenantIds: ['team'], tenantDenies: false, namedElsewhere: false, sessionLost: false, decidedAt: NOON }
/** The n-th event, which ended n hours after noon. */
const line = (n: number) => toLine(outcome({ id: `event-${n}`, at: NOON + n * HOUR, evidence }), (NOON + n * HOUR) * 1_000)
const lines = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => line(from + i)).join('')
const current = parsePolicy({ default: 'allow', unknownTenant: 'log', rules: [] })
const draft = parsePolicy({ default: 'allow', unknownTenant: 'log', rules: [{ id: 'none', when: { activity: 'upload' }, action: 'block' }] })
const settings = { draft, current, against: 'current', late: 'block' } as const
const never = new AbortController().signal
const ids = ({ samples }: { samples: readonly { id: string }[] }) => samples.map(({ id }) => id)

function sinkOf(t: { testdir(files: Record<string, string>): string }): string {
  return join(t.testdir({
    'events-2026-11-30.1.ndjson': lines(1, 3), 'events-2026-11-30.2.ndjson': `${line(4)}{"torn\n${lines(5, 6)}`, 'events.ndjson': lines(7, 9),
  }), 'events.ndjson')
}

t.test('all files are replayed, the newest event first, within the period and up to the limit', async t => {
  const sink = sinkOf(t)
  const simulator = new Simulator()
  const told: Progress[] = []
  const all = await simulator.run({ sink, lines: [line(10), line(11)] }, settings, never, progress => told.push(progress))
  t.match(all, { events: 11, changed: 11, unreadable: 1, oldest: new Date(NOON + HOUR).toISOString(), byRule: [{ before: null, after: 'none', events: 11 }] })
  t.strictSame(ids(all), [11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1].map(n => `event-${n}`))
  t.match(told[0], { events: 0, bytes: 0 })
  t.ok((told[0]?.totalBytes ?? 0) > 9 * 1_000)
  const at = (n: number) => new Date(NOON + n * HOUR).toISOString()
  t.strictSame(ids(await simulator.run({ sink, since: at(3), until: at(6) }, settings, never, () => {})), ['event-5', 'event-4', 'event-3'])
  t.strictSame(ids(await simulator.run({ sink, limit: 4 }, settings, never, () => {})), ['event-9', 'event-8', 'event-7', 'event-6'])
})

t.test('without files, what memory holds is replayed', async t => {
  t.strictSame(ids(await new Simulator().run({ sink: null, lines: [line(1), line(2)] }, settings, never, () => {})), ['event-2', 'event-1'])
})

t.test('one runs at a time, and the next when it is over', async t => {
  const sink = sinkOf(t)
  const simulator = new Simulator()
  const first = simulator.run({ sink }, settings, never, () => {})
  await t.rejects(simulator.run({ sink }, settings, never, () => {}), { code: 'simulate.busy' })
  await first
  t.match(await simulator.run({ sink }, settings, never, () => {}), { events: 9 })
})

t.test('it ends when aborted, in the middle of the files, and the next may begin', async t => {
  const sink = join(t.testdir(), 'events.ndjson')
  await writeFile(sink, line(1).repeat(1).concat(lines(2, 40_000)))
  const simulator = new Simulator()
  const stop = new AbortController()
  const running = simulator.run({ sink }, settings, stop.signal, () => stop.abort())
  await t.rejects(running, { name: 'AbortError' })
  t.match(await simulator.run({ sink, limit: 5 }, settings, never, () => {}), { events: 5 })
  await t.rejects(simulator.run({ sink }, settings, stop.signal, () => {}), { name: 'AbortError' }, 'also before it began')
})

t.test('a file that cannot be read is told, and the next simulation runs', async t => {
  const simulator = new Simulator()
  await t.rejects(simulator.run({ sink: null, files: [join(t.testdir(), 'missing')] }, settings, never, () => {}), { code: 'ENOENT' })
  t.match(await simulator.run({ sink: sinkOf(t) }, settings, never, () => {}), { events: 9 })
})

t.test('named files are read whatever their order, and none twice', async t => {
  const dir = join(sinkOf(t), '..')
  const files = ['events.ndjson', 'events-2026-11-30.1.ndjson'].map(name => join(dir, name))
  t.match(await replay({ sink: null, files }, settings, () => {}), { events: 6 })
})
