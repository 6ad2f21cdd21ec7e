/** The policy of a soak: the organisation's own accounts and nobody else's, one limit by size, one rule that comes and goes. */

/** What ids begin with that are blocked from this size on (bytes), and those that are blocked while the policy says so. */
export const LIMITED = 'limited-'
export const LIMIT = 2_000_000
export const FLIPPED = 'flip-'

export function policyOf(blocksFlipped: boolean): unknown {
  return {
    default: 'log', unknownTenant: 'block',
    rules: [
      { id: 'limited', when: { activity: 'upload', userAgent: { contains: [LIMITED] }, size: { atLeast: LIMIT } }, action: 'block', message: 'Too large.' },
      ...blocksFlipped ? [{ id: 'flipped', when: { activity: 'upload', userAgent: { contains: [FLIPPED] } }, action: 'block' }] : [],
      { id: 'own', when: { activity: 'upload', tenant: 'sanctioned' }, action: 'allow' },
      { id: 'foreign', when: { activity: 'upload', tenant: 'unsanctioned' }, action: 'block', message: 'Company files go to the company account.' },
    ],
  }
}
