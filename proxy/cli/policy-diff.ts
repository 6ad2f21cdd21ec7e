import { diffPolicies } from '../../policy/diff.ts'
import type { Difference } from '../../policy/diff.ts'
import { ruleToYaml } from '../../policy/policy.ts'
import type { Policy } from '../../policy/policy.ts'

/** How many differences there are, and a text that says each; `before` is stored, `after` is the file. */
export function describeDifferences(before: Policy, after: Policy): { readonly count: number; readonly text: string } {
  const found = diffPolicies(before, after)
  return { count: found.length, text: found.map(told).join('') }
}

function told(difference: Difference): string {
  switch (difference.kind) {
    case 'set': return `~ ${difference.path}: ${shown(difference.before)} → ${shown(difference.after)}\n`
    case 'added':
    case 'removed': {
      const { kind, rule, place } = difference
      const sign = kind === 'added' ? '+' : '-'
      return `${sign} ${rule.id}: ${kind}, rule ${place}\n${ruleToYaml(rule).replace(/^(?=.)/gm, '    ')}`
    }
    case 'moved': return `~ ${difference.ruleId}: moved from ${difference.from} to ${difference.to}\n`
    case 'changed': return `~ ${difference.ruleId}: changed\n${difference.fields
      .map(({ path, before, after }) => `    ${path}: ${shown(before)} → ${shown(after)}\n`).join('')}`
  }
}

/** One line, whatever is in it. */
function shown(value: unknown): string {
  return value === undefined ? '(left out)' : typeof value === 'string' && /^[\w.*/-]+$/.test(value) ? value : JSON.stringify(value)
}
