import t from 'tap'
import type { Outcome } from './load.ts'
import { targets } from './targets.ts'
import type { NamedWork } from './works.ts'

const outcome = (cpuSeconds: number, over: Partial<Outcome> = {}): Outcome => ({
  count: 1_000, seconds: 1, cpuSeconds, peakBytes: 100 << 20, waits: [], resumed: 0, worstBystander: null, ...over,
})
const works: NamedWork[] = [
  { id: 'requests-16', name: 'small', unit: 'request', work: { kind: 'requests', concurrency: 16, http: '1.1' } },
  { id: 'contact', name: 'contact', unit: 'host', work: { kind: 'contact', hosts: 1, concurrency: 1 } },
]

t.test('a target is met or not by the median of the rounds, and what was not measured has no row', t => {
  const outcomes = new Map([
    ['small', new Map([['Sluice', [outcome(1), outcome(1), outcome(9)]], ['Squid', [outcome(2), outcome(2), outcome(2)]]])],
    ['contact', new Map([['Sluice', [outcome(1, { worstBystander: 8 })]], ['Squid', [outcome(1, { worstBystander: 10 })]]])],
  ])
  const text = targets({ works, outcomes, shares: [{ stages: 1, engine: 2, collector: 3 }] }, 'Sluice', { squid: 'Squid', tunnel: 'plain tunnel' })
  t.strictSame(text.trimEnd().split('\n').slice(2), [
    '| CPU per 1,000 small requests, 16 at once, to Squid | ≤ 0.6 | 0.50 | met |',
    '| first contact, hosts a second, to Squid | ≥ 1.5 | 1.00 | not met |',
    '| a bystander\'s worst wait meanwhile, to Squid | ≤ 0.5 | 0.80 | not met |',
    '| stages of a small request, to the relay\'s own cost | ≤ 0.4 | 0.50 | not met |',
  ])
  t.end()
})
