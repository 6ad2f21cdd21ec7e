/**
 * `npm run bench:memory`: long transfers between a fast side and a slow one, each through a Sluice of its own, and how
 * much its resident memory grows. Exits 1 when one grows by 64 MiB or more.
 *
 * `--only up1,up2,down1,down2` (or `up`, `down`; default: all, at the same time), `--size 2GiB`, `--rate 10MB`
 * (a second).
 */
import { parseArgs } from 'node:util'
import { parseSize } from '../../policy/size.ts'
import { measureMemory } from './memory-run.ts'
import type { Measurement, Transfer } from './memory-run.ts'
import { startOriginProcess } from './processes.ts'

const LIMIT = 64 * 1024 * 1024
const RUNS = {
  up1: { direction: 'up', http: '1.1' },
  up2: { direction: 'up', http: '2' },
  down1: { direction: 'down', http: '1.1' },
  down2: { direction: 'down', http: '2' },
} as const satisfies Record<string, Pick<Transfer, 'direction' | 'http'>>
const NAMES = Object.keys(RUNS) as (keyof typeof RUNS)[]

const settings = readArguments()
if (typeof settings === 'string') {
  console.error(`bench:memory: ${settings}`)
  process.exitCode = 2
} else process.exitCode = await bench(settings)

interface Settings {
  readonly names: readonly (keyof typeof RUNS)[]
  readonly bytes: number
  readonly rate: number
}

async function bench({ names, bytes, rate }: Settings): Promise<number> {
  const origin = await startOriginProcess()
  try {
    console.log(`${bytes} bytes each, the slow side reads ${rate} bytes a second: about ${Math.round(bytes / rate)} s`)
    console.log('run     HTTP   start MiB   peak MiB   growth MiB   samples   seconds')
    const ended = await Promise.allSettled(names.map(async name => {
      const measured = await measureMemory(origin, { ...RUNS[name], bytes, rate })
      console.log(row(name, measured))
      return measured.growth < LIMIT
    }))
    for (const run of ended) if (run.status === 'rejected') console.error(String(run.reason))
    return ended.every(run => run.status === 'fulfilled' && run.value) ? 0 : 1
  } finally {
    await origin.close()
  }
}

function row(name: keyof typeof RUNS, measured: Measurement): string {
  const mib = (value: number, width: number): string => (value / 1024 / 1024).toFixed(1).padStart(width)
  const { start, peak, growth, samples, seconds } = measured
  return `${name.padEnd(8)}${RUNS[name].http.padEnd(7)}${mib(start, 9)}${mib(peak, 11)}${mib(growth, 13)}` +
    `${String(samples).padStart(10)}${seconds.toFixed(1).padStart(10)}${growth < LIMIT ? '' : '   too much'}`
}

/** The settings, or what is wrong with the arguments. */
function readArguments(): Settings | string {
  const { values } = parseArgs({
    options: { only: { type: 'string' }, size: { type: 'string', default: '2GiB' }, rate: { type: 'string', default: '10MB' } },
  })
  const bytes = parseSize(values.size)
  const rate = parseSize(values.rate)
  if (bytes === undefined || bytes === 0) return `--size ${values.size} is not a size; write one such as 2GiB`
  if (rate === undefined || rate === 0) return `--rate ${values.rate} is not a size; write one such as 10MB`
  if (values.only === undefined) return { names: NAMES, bytes, rate }
  const names = new Set<keyof typeof RUNS>()
  for (const word of values.only.split(',')) {
    const found = NAMES.filter(name => name === word || RUNS[name].direction === word)
    if (found.length === 0) return `there is no run ${JSON.stringify(word)}; use up, down or some of ${NAMES.join(', ')}`
    for (const name of found) names.add(name)
  }
  return { names: [...names], bytes, rate }
}
