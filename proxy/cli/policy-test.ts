import { classify } from '../../policy/client-class.ts'
import { mismatches, parseCases } from '../../policy/cases.ts'
import type { Case, CaseFile } from '../../policy/cases.ts'
import { SluiceError } from '../../policy/errors.ts'
import { compile } from '../../policy/evaluate.ts'
import type { Explanation } from '../../policy/admin/explain.ts'
import type { Policy } from '../../policy/policy.ts'
import { TenantIndexer } from '../../policy/tenant/allowlist.ts'
import type { Config } from '../config.ts'
import { explain } from '../explain.ts'
import { openedCatalogue } from '../intercepts.ts'
import { loadCatalogue } from '../load-catalogue.ts'
import { NO_PEOPLE } from '../people/people.ts'
import { readText } from '../read-text.ts'
import { followAllowlist } from '../restrict-headers.ts'

/** Answers what is decided for a case. */
type Run = (one: Case) => Promise<Explanation>

export interface Tally {
  readonly passed: number
  readonly failed: number
}

/**
 * Runs every case of `files` against `policy` as a proxy with `config` decides, without store or network, and says each in a line;
 * a failed one is followed by what was expected and found. Rejects with `cases.invalid` before the first, where a file is faulty.
 */
export async function testPolicy(
  policy: Policy, revision: number, files: readonly string[], config: Config, out: (text: string) => void,
): Promise<Tally> {
  const read = files.map(file => ({ file, content: parseCases(readText(file, 'the cases'), file) }))
  const compiled = compile(policy, revision, { late: config.policy.late })
  const { catalogue } = loadCatalogue(config.intercept.catalogue)
  const opened = openedCatalogue(config, catalogue)
  const tally = { passed: 0, failed: 0 }

  const runner = ({ tenants }: CaseFile): Run => {
    const indexer = new TenantIndexer()
    for (const tenant of tenants) indexer.add(tenant)
    const view = { policy: compiled, tenants: indexer.index(1) }
    const restrictions = followAllowlist(config.tenants.restrict, () => tenants)
    return async ({ request, at, refuse }) => {
      try {
        return await explain({
          view: () => view, catalogue: opened, classify, restrictions, lookUp: () => null, people: NO_PEOPLE,
          unexplainedLimit: config.intercept.unexplainedBody,
          // A recogniser that fails is a defect, which `intercept.onError` must not hide from a test.
          settings: { onError: config.intercept.onError, now: () => at, session: () => undefined, failed: error => { throw error } },
        }, request)
      } catch (error) {
        throw error instanceof SluiceError && error.code === 'admin.invalid' ? refuse(error.message) : error
      }
    }
  }

  for (const { file, content } of read) {
    const run = runner(content)
    for (const one of content.cases) {
      const wrong = mismatches(one.expect, await run(one))
      if (wrong.length === 0) tally.passed++
      else tally.failed++
      out(wrong.length === 0 ? `ok    ${one.name}\n` : `FAIL  ${one.name} (${file}:${one.line})\n${wrong
        .map(({ field, expected, found }) => `        ${field}: expected ${expected}, found ${found}\n`).join('')}`)
    }
  }
  return tally
}
