/**
 * `npm run bench:grow`: what grows with the work, and how: time of a decision over rules and tenants, memory over idle tunnels and hosts, and
 * how long a start takes. Prints the table, and writes it to `test/bench/results/grow-DATE.md`. `--scale 0.1` for a tenth of the tunnels and hosts.
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { availableParallelism, loadavg } from 'node:os'
import { parseArgs } from 'node:util'
import { measureRules, measureTenants } from './grow/decisions.ts'
import { KINDS, measureGrowth } from './grow/memory.ts'
import { reportOf } from './grow/report.ts'
import type { Line } from './grow/report.ts'
import { measureStarts } from './grow/starts.ts'

const { values } = parseArgs({ options: { scale: { type: 'string', default: '1' } } })
const scale = Number(values.scale)
if (!(scale > 0 && scale <= 1)) throw new Error(`--scale ${values.scale} is no number above 0 and up to 1`)

const KIB = 1_024
const TUNNELS = [100, 1_000, 5_000]
const HOSTS = [100, 1_000, 10_000]
/** KiB each, where there are many. */
const LIMITS = { tunnel: 40, host: 20 }
const FEW = 1_000

const load = loadavg()[0] ?? 0
const lines: Line[] = []
const notes: string[] = []
for (const { count, each } of measureRules([10, 100, 1_000, 10_000])) lines.push({ what: 'rules, a decision', count, value: each / 1_000, unit: 'µs' })
for (const { count, each } of measureTenants([100, 1_000, 10_000, 100_000])) lines.push({ what: 'tenants, a look-up', count, value: each, unit: 'ns' })
for (const kind of Object.keys(KINDS) as (keyof typeof KINDS)[]) {
  const isHosts = kind === 'hosts'
  const counts = (isHosts ? HOSTS : TUNNELS).map(count => Math.max(1, Math.round(count * scale)))
  const { rows, before, after } = await measureGrowth(kind, counts)
  for (const { count, each } of rows) {
    const limit = isHosts ? LIMITS.host : LIMITS.tunnel
    lines.push({ what: isHosts ? 'hosts, memory' : `${kind}, memory`, count, value: each / KIB, unit: 'KiB', ...count >= FEW * scale && { limit } })
  }
  const mib = (bytes: number): string => `${(bytes / KIB ** 2).toFixed(0)} MiB`
  notes.push(`${kind}: ${mib(before)} resident before, ${mib(rows.at(-1)?.resident ?? 0)} with all, ${mib(after)} some seconds after all had closed.`)
}
const starts = await measureStarts(5)
const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
lines.push({ what: 'start to first request', count: 1, value: median(starts.map(({ took }) => took)), unit: 'ms', limit: 1_000 })
lines.push({ what: 'start, processor time', count: 1, value: median(starts.map(({ worked }) => worked)), unit: 'ms' })

const date = new Date().toISOString().slice(0, 10)
const words = `${date}, Node ${process.versions.node}, ${process.platform} ${process.arch}, ${availableParallelism()} cores, a load of ${load.toFixed(1)} at the beginning; ` +
  `\`npm run bench:grow${scale === 1 ? '' : ` -- --scale ${scale}`}\`.`
const report = reportOf('Cost as work grows', words, lines, notes)
console.log(report)
await mkdir(new URL('results/', import.meta.url), { recursive: true })
await writeFile(new URL(`results/grow-${date}.md`, import.meta.url), report)
