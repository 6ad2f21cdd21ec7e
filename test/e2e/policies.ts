/** Small policies for the end-to-end tests. */
import type { Policy } from '../../policy/policy.ts'

type RuleAsWritten = Omit<Policy['rules'][number], 'enabled' | 'mode' | 'when'> & Partial<Policy['rules'][number]>

/** Lets everything pass that no rule stops. */
export function withRules(...rules: readonly RuleAsWritten[]): unknown {
  return { default: 'allow', unknownTenant: 'allow', rules }
}

export const ALLOW_ALL = withRules()

export const MESSAGE = 'Company files go to the company OneDrive.'

/** A rule that the head of every upload settles. */
export const BLOCK_UPLOADS = withRules({ id: 'no-uploads', when: { activity: 'upload' }, action: 'block', message: MESSAGE })

export const LIMIT = 1_000_000

export const BLOCK_LARGE = withRules({
  id: 'no-large-uploads', when: { activity: 'upload', size: { atLeast: LIMIT } }, action: 'block', message: MESSAGE,
})

/** What may have left before a body of unknown length is cut: DESIGN.md's first promise. */
export const LEAVES_AT_MOST = LIMIT + (1 << 20)
