import t from 'tap'
import type { Outcome } from './load.ts'
import { median, quantile, ratio, table } from './table.ts'
import type { NamedWork } from './works.ts'

const work: NamedWork = { id: 'requests-16', name: 'small requests', unit: 'request', work: { kind: 'requests', concurrency: 1, http: '1.1' } }
const outcome = (cpuSeconds: number, over: Partial<Outcome> = {}): Outcome => ({
  count: 2_000, seconds: 1, cpuSeconds, peakBytes: 100 << 20, waits: [1, 2, 3], resumed: 0, worstBystander: null, ...over,
})

t.test('a row tells processor time for a thousand, its spread, and how it compares within each round', t => {
  const outcomes = new Map([[work.name, new Map([
    ['Sluice', [outcome(0.2), outcome(0.8), outcome(0.3)]], ['Squid', [outcome(0.4), outcome(0.4), outcome(0.6)]], ['mitmproxy', []],
  ])]])
  const lines = table([work], outcomes, { squid: 'Squid', tunnel: 'plain tunnel' }).trimEnd().split('\n').slice(2)
  t.strictSame(lines, [
    '| small requests; CPU-s per 1,000 requests, requests/s | Sluice | 0.150 | 0.100–0.400 | 0.50 |  | 2,000 | 2,000–2,000 | 1.00 | 2.00 | 3.00 | 100 |  |',
    '|  | Squid | 0.200 | 0.200–0.300 | 1.00 |  | 2,000 | 2,000–2,000 | 1.00 | 2.00 | 3.00 | 100 |  |',
  ])
  t.end()
})

t.test('a GiB is told in MiB a second, first contact with the wait of who stood by', t => {
  const upload: NamedWork = { id: 'upload-1', name: 'upload', unit: 'GiB', work: { kind: 'upload', host: 'a.example', streams: 1, bytes: 1 << 29 } }
  const contact: NamedWork = { id: 'contact', name: 'first contact', unit: 'host', work: { kind: 'contact', hosts: 1, concurrency: 1 } }
  const outcomes = new Map([
    [upload.name, new Map([['Sluice', [outcome(1, { count: 1 << 29, seconds: 2, waits: [] })]]])],
    [contact.name, new Map([['Sluice', [outcome(1, { worstBystander: 5 })]], ['Squid', [outcome(1, { worstBystander: 20 })]]])],
  ])
  const text = table([upload, contact], outcomes, { squid: 'Squid', tunnel: 'plain tunnel' })
  t.match(text, '| upload; CPU-s per GiB, MiB/s | Sluice | 2.00 | 2.00–2.00 |  |  | 256 | 256–256 |  |  |  | 100 |  |')
  t.match(text, 'a bystander waited 5.00 ms (5.00–5.00), 0.25 × Squid\'s')
  t.end()
})

t.test('medians, quantiles and ratios', t => {
  t.equal(median([3, 1, 2]), 2)
  t.equal(median([1, 2]), 1.5)
  t.equal(quantile([1, 2, 3, 4], 0.5), 3)
  t.equal(quantile([1, 2, 3, 4], 0.99), 4)
  t.equal(ratio([1, 2], []), '')
  t.equal(ratio([1], [0]), '')
  t.end()
})
