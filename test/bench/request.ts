/**
 * What Sluice's own stages cost a small request, without any connection: reading the head, recognising, attributing and deciding,
 * metering, and the record (metrics, event, its line). `npm run bench:request`; `--requests 200000`, `--rounds 5`.
 */
import { parseArgs } from 'node:util'
import { STEPS, createStages } from './request-parts.ts'
import type { Stages, Step } from './request-parts.ts'

const { values } = parseArgs({ options: { requests: { type: 'string', default: '100000' }, rounds: { type: 'string', default: '5' } } })
const requests = Number(values.requests)
const rounds = Number(values.rounds)

/** Microseconds of processor time a request. */
async function measure(stages: Stages, until: Step): Promise<number> {
  const before = process.cpuUsage()
  for (let i = 0; i < requests; i++) {
    await stages.run(until)
    // What waits for a turn of the event loop gets one, as between requests of a connection.
    if (i % 64 === 0) await new Promise(resolve => setImmediate(resolve))
  }
  const { user, system } = process.cpuUsage(before)
  return (user + system) / requests
}

const stages = createStages()
const times = new Map<Step, number[]>(STEPS.map(step => [step, []]))
for (let round = -1; round < rounds; round++) {
  for (const step of STEPS) {
    const took = await measure(stages, step)
    if (round >= 0) times.get(step)?.push(took)
  }
}
await stages.close()

console.log(`microseconds of processor time a request, median of ${rounds} rounds of ${requests.toLocaleString('en')}; each step with those before it\n`)
console.log('| until | µs | added µs |\n| --- | ---: | ---: |')
let before = 0
for (const step of STEPS) {
  const sorted = (times.get(step) ?? []).sort((a, b) => a - b)
  const median = sorted[Math.floor(sorted.length / 2)] ?? 0
  console.log(`| ${step} | ${median.toFixed(2)} | ${(median - before).toFixed(2)} |`)
  before = median
}
