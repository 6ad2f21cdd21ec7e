/** Fuzzes one target in a thread of its own, so that what never comes back or takes all memory can be ended and named. */
import { join } from 'node:path'
import { parentPort, workerData } from 'node:worker_threads'
import { startCoverage } from './coverage.ts'
import { distil, fuzz } from './loop.ts'
import type { Failure } from './loop.ts'
import { Current } from './current.ts'
import { readInputs, readSeeds, seedFile, writeInputs } from './seeds.ts'
import type { Target } from './target.ts'

export interface Job {
  /** URL of the target's file. */
  readonly url: string
  readonly seed: number
  readonly seconds: number
  readonly first: boolean
  /** Directory for what is found. */
  readonly out: string
  /** Put what reaches new code into the seeds. */
  readonly keep: boolean
  /** Where the input that is being run stands. */
  readonly shared: SharedArrayBuffer
}

export interface Report {
  readonly inputs: number
  readonly reached: number
  readonly known: number
  readonly corpus: number
  readonly finds: number
  readonly slowest: number
  readonly growth: number
  readonly mayGrow: number
  readonly failures: readonly Failure[]
  /** What the target counted besides. */
  readonly summary?: string
  /** Seeds that are kept now; undefined where none were asked to be. */
  readonly kept?: number
}

const MAY_GROW = 32 << 20

const { url, seed, seconds, first, out, keep, shared } = workerData as Job
const current = new Current(shared)
const warned: string[] = []
// In the same turn, so that it is known which input it came from.
process.emitWarning = (warning: string | Error) => void warned.push(String(warning))
// Before the target is imported: what is compiled later has its blocks counted.
const coverage = startCoverage()
const { target } = await import(url) as { target: Target }
const opened = await target.open()
const { corpus, ...outcome } = await fuzz(target, opened, {
  seed, seconds, first, coverage, warnings: () => warned.splice(0), seeds: readSeeds(target.name), before: bytes => current.begin(bytes), after: () => current.end(),
})
writeInputs(join(out, target.name, 'corpus.jsonl'), corpus)
let kept: number | undefined
if (keep && outcome.failures.length === 0) {
  const chosen = await distil(target, opened, [...readInputs(seedFile(target.name)), ...corpus], coverage)
  writeInputs(seedFile(target.name), chosen)
  kept = chosen.length
}
const summary = opened.summary?.()
await opened.close?.()
const report: Report = { ...outcome, corpus: corpus.length, mayGrow: target.mayGrow ?? MAY_GROW, ...(summary === undefined ? {} : { summary }), ...(kept === undefined ? {} : { kept }) }
parentPort?.postMessage(report)
