/** Time of a decision as rules and tenants become more. */
import { compile, evaluate } from '../../../policy/evaluate.ts'
import { indexTenants } from '../../../policy/tenant/allowlist.ts'
import { policyOf, requests, varied } from '../policy-sets.ts'

export interface Cost {
  readonly count: number
  /** Nanoseconds of processor time each. */
  readonly each: number
}

const REQUESTS = 2_000
const ROUNDS = 15

/** What consumes results, so that nothing measured can be left out. */
let consumed = 0

export function measureRules(counts: readonly number[]): Cost[] {
  return counts.map(count => {
    const policy = compile(policyOf(count, varied), 1)
    const asked = requests(REQUESTS, count)
    return { count, each: median(() => { for (const facts of asked) consumed += evaluate(policy, facts).decision.reasons.length }) / asked.length }
  })
}

/** A look-up for each: by id, by alias, by a wildcard, and of what is not listed. */
export function measureTenants(counts: readonly number[]): Cost[] {
  return counts.map(count => {
    const index = indexTenants(Array.from({ length: count }, (_, i) => ({
      account: 'google', id: `t${i}.example`, aliases: i % 10 === 0 ? [`a${i}.example`, `*.t${i}.example`] : [`a${i}.example`],
    })))
    const asked = Array.from({ length: REQUESTS / 4 }, (_, i) => (i * 7_919) % count)
      .flatMap(i => [`t${i}.example`, `a${i}.example`, `x.y.t${i - i % 10}.example`, `x.y.none${i}.example`])
    return { count, each: median(() => { for (const name of asked) if (index.has('google', name) !== undefined) consumed++ }) / asked.length }
  })
}

function median(work: () => void): number {
  const times: number[] = []
  for (let round = -5; round < ROUNDS; round++) {
    const before = process.cpuUsage()
    for (let i = 0; i < 5; i++) work()
    const { user, system } = process.cpuUsage(before)
    if (round >= 0) times.push((user + system) * 1_000 / 5)
  }
  if (consumed === 0) throw new Error('nothing was measured')
  return times.sort((a, b) => a - b)[Math.floor(ROUNDS / 2)] ?? 0
}
