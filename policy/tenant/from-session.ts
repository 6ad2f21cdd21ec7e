import type { Finding } from './finding.ts'
import type { Question } from './question.ts'

/** Nobody saw where the start of the session went. */
export const UNSEEN: Finding = { ids: [], how: 'none', reasons: ['session-unknown'], trust: 'foreign' }

/** The steps that open an upload: they inherit nothing. */
const OPENS: ReadonlySet<string> = new Set(['start', 'link', 'copy-in', 'batch'])

/**
 * A part goes where the start of its session went. Undefined where the start's credential speaks for it: the same one
 * sends the part, to its own account.
 */
export function fromSession({ operation, session, credentialDigest }: Question): Finding | undefined {
  if (!isPart(operation)) return undefined
  if (session === undefined || session.startedAt === 0) return UNSEEN
  const { tenantIs, tenantId, credential } = session
  if (tenantIs === undefined) return credential === credentialDigest ? undefined : UNSEEN
  const ids = tenantId === undefined ? [] : [tenantId]
  return { ids, how: 'session', reasons: tenantIs === 'foreign' ? ['tenant-from-session', 'foreign-place'] : ['tenant-from-session'], trust: tenantIs }
}

export function isPart({ activity, session, step }: Question['operation']): boolean {
  return activity === 'upload' && session !== undefined && !OPENS.has(step)
}
