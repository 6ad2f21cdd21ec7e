/**
 * What small requests and new tunnels cost with one process and with workers: `node test/bench/workers.ts`, `--workers 1,2`, `--rounds 3`,
 * `--warm 15` (seconds for each worker: each compiles for itself what is often run). Clients come from 16 addresses. Prints a table.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Load } from './peers/load.ts'
import { API_HOST } from './peers/names.ts'
import { startOrigin } from './peers/rounds.ts'
import { startSluice } from './peers/sluice.ts'
import type { Target } from './peers/target.ts'
import type { Repeated } from './peers/works.ts'

const ADDRESSES = 16
const MS = 5_000
const WORKS: Readonly<Record<string, Repeated>> = {
  request: { kind: 'requests', concurrency: 16, http: '1.1' },
  tunnel: { kind: 'tunnels', concurrency: 16, isResumed: false },
}

const { values } = parseArgs({ options: {
  workers: { type: 'string', default: '1,2' }, rounds: { type: 'string', default: '3' }, warm: { type: 'string', default: '15' },
} })
const counts = values.workers.split(',').map(Number)
const dir = await mkdtemp(join(tmpdir(), 'sluice-bench-workers-'))
const hosts = [API_HOST]
const { origin, close } = await startOrigin(hosts)
const load = new Load()
const targets: { workers: number; target: Target }[] = []
try {
  const originCaFile = join(dir, 'origin.pem')
  await writeFile(originCaFile, origin.ca)
  for (const [n, workers] of counts.entries()) {
    const own = join(dir, String(n))
    await mkdir(own)
    targets.push({ workers, target: await startSluice({ origin, originCaFile, hosts, dir: own }, { workers }) })
  }
  /** CPU seconds for 1,000, and how many a second. */
  const run = async (target: Target, work: Repeated, warmMs: number): Promise<readonly [cost: number, rate: number]> => {
    const { cpuSeconds, count, seconds } = await load.run({ ...target, addresses: ADDRESSES }, work, { warmMs, ms: MS })
    return [cpuSeconds / count * 1_000, count / seconds]
  }
  console.log('| of a | workers | CPU-s for 1,000 | least–most | to the first | least–most | a second |\n| --- | ---: | ---: | --- | ---: | --- | ---: |')
  for (const [name, work] of Object.entries(WORKS)) {
    for (const { workers, target } of targets) await run(target, work, Number(values.warm) * 1_000 * workers)
    const rounds: (readonly [cost: number, rate: number])[][] = []
    for (let i = 0; i < Number(values.rounds); i++) {
      const round: (readonly [number, number])[] = []
      // Whoever was first comes last in the next round.
      for (const n of i % 2 === 0 ? targets.keys() : [...targets.keys()].reverse()) {
        const { target } = targets[n] ?? {}
        if (target !== undefined) round[n] = await run(target, work, 500)
      }
      rounds.push(round)
    }
    for (const [n, { workers }] of targets.entries()) {
      const costs = rounds.map((round) => round[n]?.[0] ?? NaN)
      const ratios = rounds.map((round) => (round[n]?.[0] ?? NaN) / (round[0]?.[0] ?? NaN))
      console.log(`| ${name} | ${workers} | ${told(costs, 3)} | ${told(ratios, 2)} | ${median(rounds.map((round) => round[n]?.[1] ?? NaN)).toFixed(0)} |`)
    }
  }
} finally {
  load.close()
  await Promise.all(targets.map(({ target }) => target.close()))
  close()
  await rm(dir, { recursive: true, force: true })
}

function told(numbers: readonly number[], digits: number): string {
  return `${median(numbers).toFixed(digits)} | ${Math.min(...numbers).toFixed(digits)}–${Math.max(...numbers).toFixed(digits)}`
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[numbers.length >> 1] ?? NaN
}
