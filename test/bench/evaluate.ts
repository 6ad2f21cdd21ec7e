/**
 * Time and allocation of one evaluation, printed: `node --expose-gc test/bench/evaluate.ts`.
 */
import { compile, evaluate } from '../../policy/evaluate.ts'
import type { Facts } from '../../policy/evaluate.ts'
import { parsePolicy } from '../../policy/policy.ts'

const ROUNDS = 1_000_000

const FACTS: Facts = {
  provider: 'dropbox', activity: 'upload', step: 'single', size: { bytes: 5_000_000, is: 'exact' },
  standing: 'unsanctioned', tenantIds: ['fabrikam'], method: 'POST', userAgent: 'rclone/v1.60.1-DEV', client: 'cli',
  ip: '10.1.2.3', host: 'content.dropboxapi.com', path: '/2/files/upload', fileName: 'report.docx', fileNameIs: 'known', at: 0,
}

const last = { id: 'last', when: { activity: 'upload', tenant: 'unsanctioned' }, action: 'block', message: 'No.' }
const rules = (count: number, when: (i: number) => object): unknown[] =>
  [...Array.from({ length: count }, (_, i) => ({ id: `r${i}`, when: when(i), action: 'block' })), last]

const POLICIES: Record<string, unknown[]> = {
  '1 rule': [last],
  '10 rules, one note': [
    { id: 'note', when: { activity: 'upload' }, action: 'log' },
    ...rules(9, i => ({ activity: 'upload', client: 'cli', size: { atLeast: `${i + 6}MB` } })),
  ],
  '100 rules, tenants and sizes': rules(99, i => ({ activity: 'upload', tenant: `t${i}`, size: { atLeast: '1MB' } })),
  '100 rules, networks and user agents': rules(99, i => ({ source: `10.9.${i}.0/24`, userAgent: { matches: `curl/${i}` } })),
  '100 rules, patterns': rules(99, i => ({ userAgent: { matches: `(?i)tool-${i}|wget` }, fileName: `*.x${i}` })),
  '1,000 rules, activities': rules(999, () => ({ activity: 'share' })),
}

for (const [name, list] of Object.entries(POLICIES)) {
  const policy = compile(parsePolicy({ default: 'allow', unknownTenant: 'log', rules: list }), 1)
  for (let i = 0; i < 20_000; i++) evaluate(policy, FACTS)
  const rounds = Math.ceil(ROUNDS / Math.max(1, list.length))
  globalThis.gc?.()
  const heap = process.memoryUsage().heapUsed
  const start = process.hrtime.bigint()
  for (let i = 0; i < rounds; i++) evaluate(policy, FACTS)
  const nanoseconds = Number(process.hrtime.bigint() - start) / rounds
  const bytes = Math.max(0, process.memoryUsage().heapUsed - heap) / rounds
  console.log(`${name.padEnd(38)} ${(nanoseconds / 1000).toFixed(3).padStart(9)} µs ${bytes.toFixed(1).padStart(8)} bytes`)
}
