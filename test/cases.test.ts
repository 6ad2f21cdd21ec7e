/** Reads every behaviour case in `test/cases/*.yaml`: data, so that a case can be added without reading code. */
import { readdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import { parse } from 'yaml'
import { compile, evaluate } from '../policy/evaluate.ts'
import type { Facts } from '../policy/evaluate.ts'
import type { Reason } from '../policy/operation.ts'
import { parsePolicy, parsePolicyYaml } from '../policy/policy.ts'

interface CaseFile {
  name: string
  policy?: unknown
  policyFile?: string
  late?: 'block' | 'allow'
  cases: {
    name: string
    request: Omit<Partial<Facts>, 'at'> & { at?: string | number }
    expect: {
      action: string
      ruleId?: string | null
      reasons?: Reason[]
      settled?: boolean
      recheckAt?: number
      monitorOpen?: boolean
      message?: string
      noted?: string[]
      monitored?: unknown[]
    }
  }[]
}

/** A command-line upload of 1 kB to a Dropbox account that nothing tells about. */
const REQUEST: Facts = {
  provider: 'dropbox', activity: 'upload', step: 'single', size: { bytes: 1000, is: 'exact' },
  standing: 'unknown', tenantIds: [], method: 'POST', userAgent: 'rclone/v1.60.1-DEV', client: 'cli',
  ip: '10.1.2.3', host: 'content.dropboxapi.com', path: '/2/files/upload', fileNameIs: 'none',
  at: Date.parse('2026-11-24T12:00:00Z'),
}

const folder = new URL('cases/', import.meta.url)
const files = readdirSync(folder).filter(name => name.endsWith('.yaml')).sort()
t.ok(files.length > 0, 'there are cases')

for (const file of files) {
  const { name, policy, policyFile, late, cases }: CaseFile = parse(readFileSync(new URL(file, folder), 'utf8'))
  t.test(`${file}: ${name}`, async t => {
    const parsed = policyFile === undefined
      ? parsePolicy(policy)
      : parsePolicyYaml(readFileSync(new URL(`../${policyFile}`, import.meta.url), 'utf8'), policyFile)
    const compiled = compile(parsed, 7, late === undefined ? {} : { late })
    for (const { name: what, request, expect } of cases) {
      const { decision, ...verdict } = evaluate(compiled, { ...REQUEST, ...request, at: new Date(request.at ?? REQUEST.at).getTime() })
      const found: Record<string, unknown> = { ...verdict, ...decision }
      for (const [key, value] of Object.entries({ settled: true, ...expect })) t.same(found[key], value, `${what}: ${key}`)
      if (!('noted' in expect) && expect.action !== 'log') t.notOk(decision.noted, `${what}: nothing else is noted`)
      if (!('monitored' in expect)) t.notOk(decision.monitored, `${what}: nothing else is monitored`)
      t.equal(decision.revision, 7, `${what}: revision`)
    }
  })
}
