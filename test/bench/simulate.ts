/**
 * How long a simulation over many recorded events takes, and in how much memory: `npm run bench:simulate`. Limit: 1,000,000
 * events in 60 s. `--events=N` for another number.
 */
import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { toLine } from '../../dashboards/ecs.ts'
import { rotatedName } from '../../dashboards/sinks/names.ts'
import { ACTIVITIES } from '../../policy/operation.ts'
import { parsePolicy } from '../../policy/policy.ts'
import { PROVIDERS } from '../../policy/providers/index.ts'
import { Simulator } from '../../proxy/simulate.ts'
import { outcome } from '../dashboards/outcome.ts'
import { policyOf, varied } from './policy-sets.ts'

const { values } = parseArgs({ options: { events: { type: 'string', default: '1000000' } } })
const EVENTS = Number(values.events)
const LIMIT_SECONDS = 60
const PER_FILE = 200_000

function line(i: number): string {
  const user = `person-${i % 20_000}`
  return toLine(outcome({
    id: `event-${String(i).padStart(16, '0')}`, at: Date.UTC(2026, 10, 1) + i * 100,
    operation: {
      provider: PROVIDERS[i % PROVIDERS.length] ?? 'dropbox', activity: ACTIVITIES[i % 7] ?? 'upload', step: 'single',
      size: { bytes: (i * 7_919) % 50_000_000, is: 'exact' }, fileName: `Report ${i % 997} of the quarter.docx`, contentType: 'application/octet-stream',
    },
    client: {
      ip: `10.${i % 200}.${i % 250}.7`, user, groups: ['staff', `team-${i % 300}`], class: 'browser',
      userAgent: 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36',
    },
    path: `/upload/drive/v3/files/${i % 5_000}/content`, evidence: {
      tenantIds: ['contoso', 'contoso.example', '11111111-2222-3333-4444-555555555555'], tenantDenies: false, namedElsewhere: false, sessionLost: false,
      decidedAt: Date.UTC(2026, 10, 1) + i * 100,
    },
  }), Date.UTC(2026, 10, 1) * 1_000 + i)
}

const dir = await mkdtemp(join(tmpdir(), 'sluice-bench-'))
const sink = join(dir, 'events.ndjson')
try {
  let bytes = 0
  for (let i = 0, n = 1; i < EVENTS; n++) {
    await using file = await open(i + PER_FILE >= EVENTS ? sink : join(dir, rotatedName(sink, '2026-11-01', n)), 'w')
    for (const end = Math.min(EVENTS, i + PER_FILE); i < end;) {
      const lines: string[] = []
      for (const stop = Math.min(end, i + 5_000); i < stop; i++) lines.push(line(i))
      const text = lines.join('')
      bytes += Buffer.byteLength(text)
      await file.write(text)
    }
  }
  console.log(`${EVENTS.toLocaleString('en')} events of ${Math.round(bytes / EVENTS)} bytes; limit: ${LIMIT_SECONDS} s\n`)
  console.log('| rules in each policy | seconds | CPU seconds | events a second | MB a second | changed | memory before MiB | peak MiB | event loop waits at most ms |')
  console.log('| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |')
  for (const rules of [10, 1_000]) {
    const current = policyOf(rules, varied)
    const added = { id: 'draft', when: { activity: 'upload', size: { atLeast: '10MB' } }, action: 'block' }
    const draft = parsePolicy({ ...current, rules: [added, ...current.rules] })
    const before = process.memoryUsage.rss()
    let [peak, waited, last] = [before, 0, performance.now()]
    const timer = setInterval(() => {
      peak = Math.max(peak, process.memoryUsage.rss())
      waited = Math.max(waited, performance.now() - last - 20)
      last = performance.now()
    }, 20)
    const start = performance.now()
    const cpu = process.cpuUsage()
    const result = await new Simulator().run({ sink }, { draft, current, against: 'current', late: 'block' }, new AbortController().signal, () => undefined)
    const seconds = (performance.now() - start) / 1_000
    clearInterval(timer)
    const { user, system } = process.cpuUsage(cpu)
    if (result.events !== EVENTS || result.unreadable > 0) throw new Error(`${result.events} events were replayed, ${result.unreadable} not read`)
    const mib = (value: number): string => Math.round(value / 2 ** 20).toString()
    const cells = [
      rules, seconds.toFixed(1), ((user + system) / 1e6).toFixed(1), Math.round(EVENTS / seconds), (bytes / seconds / 1e6).toFixed(0), result.changed,
      mib(before), mib(peak), waited.toFixed(0),
    ]
    console.log(`| ${cells.map(cell => cell.toLocaleString('en')).join(' | ')} |`)
    if (seconds > LIMIT_SECONDS) process.exitCode = 1
  }
} finally {
  await rm(dir, { recursive: true, force: true })
}
