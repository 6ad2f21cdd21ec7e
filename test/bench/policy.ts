/**
 * What one decision costs at 10 to 10,000 rules: `npm run bench:policy`. Limits: at 10,000 rules a median of 10 µs, a 99th
 * percentile of 50 µs, and three times the median at 10 rules. Then the sets that no looking up helps, which have no limit.
 */
import { compile, evaluate } from '../../policy/evaluate.ts'
import type { CompiledPolicy, Facts } from '../../policy/evaluate.ts'
import type { Policy } from '../../policy/policy.ts'
import { AGENT_PATTERNS, PATTERNS_ONLY, policyOf, requests, varied } from './policy-sets.ts'

const SIZES = [10, 100, 1_000, 10_000]
const REQUESTS = 2_000
const LIMITS = { median: 10, p99: 50, ratio: 3 }

/** What consumes results, so that nothing measured can be left out. */
let consumed = 0

interface Cost {
  /** Microseconds. */
  readonly median: number
  readonly p99: number
}

/** Each decision is timed alone; what the timing itself takes is taken off. */
function measure(decide: (facts: Facts) => void, asked: readonly Facts[], rounds: number): Cost {
  const times = new Float64Array(rounds * asked.length)
  let n = 0
  for (let round = -Math.ceil(rounds / 2); round < rounds; round++) {
    for (const facts of asked) {
      const start = process.hrtime.bigint()
      decide(facts)
      const end = process.hrtime.bigint()
      if (round >= 0) times[n++] = Number(end - start) / 1_000
    }
  }
  times.sort()
  return { median: times[Math.floor(n / 2)] ?? 0, p99: times[Math.floor(n * 0.99)] ?? 0 }
}

function decideBy(policy: CompiledPolicy): (facts: Facts) => void {
  return (facts) => { consumed += evaluate(policy, facts).decision.reasons.length }
}

function compiled(policy: Policy): { readonly policy: CompiledPolicy; readonly ms: number; readonly mebibytes: number } {
  globalThis.gc?.()
  const heap = process.memoryUsage().heapUsed
  const start = performance.now()
  const result = compile(policy, 1)
  const ms = performance.now() - start
  globalThis.gc?.()
  return { policy: result, ms, mebibytes: (process.memoryUsage().heapUsed - heap) / 2 ** 20 }
}

const timer = measure(() => { consumed += 1 }, requests(REQUESTS, 10), 40)

function line(name: string, source: Policy, rounds: number, baseline?: number, given?: readonly Facts[]): number {
  const asked = given ?? requests(REQUESTS, source.rules.length)
  const { policy, ms, mebibytes } = compiled(source)
  const cost = measure(decideBy(policy), asked, rounds)
  const median = cost.median - timer.median
  const ratio = baseline === undefined ? 1 : median / baseline
  const cells = [median.toFixed(2), (cost.p99 - timer.median).toFixed(2), ratio.toFixed(2), ms.toFixed(0), mebibytes.toFixed(1)]
  console.log(`| ${name} | ${source.rules.length.toLocaleString('en')} | ${cells.join(' | ')} |`)
  return median
}

console.log(`timing itself: ${timer.median.toFixed(3)} µs, taken off; limits at 10,000 varied rules: ${JSON.stringify(LIMITS)}\n`)
console.log('| rules | count | median µs | p99 µs | to 10 rules | compiled in ms | MiB |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: |')
// Once without looking, so that all sizes meet code that is already optimised.
measure(decideBy(compile(policyOf(1_000, varied), 1)), requests(REQUESTS, 1_000), 20)
let baseline: number | undefined
for (const count of SIZES) {
  const median = line('varied', policyOf(count, varied), 40, baseline)
  baseline ??= median
}
for (const [name, kind] of Object.entries(PATTERNS_ONLY)) line(name, policyOf(10_000, kind), 1, baseline, requests(200, 10_000))
const newAgents = requests(200, 10_000).map((facts, n) => ({ ...facts, userAgent: `person-${n}/1.0` }))
line('user agent patterns, each user agent new', policyOf(10_000, AGENT_PATTERNS), 1, baseline, newAgents)
if (consumed === 0) throw new Error('nothing was measured')
