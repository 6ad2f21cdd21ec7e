import type { Reason } from '../operation.ts'
import { listed } from './finding.ts'
import type { Finding } from './finding.ts'
import { isPart } from './from-session.ts'
import type { Question } from './question.ts'

/** How a request tries to pass as a sanctioned tenant's, whatever else it shows; undefined where it does not. */
export function attemptOf(question: Question, own: Finding | undefined): Reason | undefined {
  if (question.credential.is === 'several') return 'several-credentials'
  if (question.signature === 'forged') return 'credential-forged'
  if (question.isRestrictedByClient) return 'client-restriction'
  return continuesOthers(question, own) ? 'session-other-credential' : undefined
}

/**
 * A part that another credential sends than the one that started the session, unless both are known to be of one tenant
 * (a token that was renewed meanwhile). Where the host names the tenant, the bytes go there whoever sends them.
 */
function continuesOthers({ operation, session, credentialDigest, account, index }: Question, own: Finding | undefined): boolean {
  if (!isPart(operation) || operation.tenantHint !== undefined || session === undefined || session.startedAt === 0) return false
  if (credentialDigest === undefined || credentialDigest === session.credential) return false
  const { tenantIs, tenantId } = session
  if (own?.trust !== 'sure' || tenantIs !== 'sure' || tenantId === undefined) return true
  const tenant = listed(index, account, [tenantId])
  return !own.ids.includes(tenantId) && (tenant === undefined || listed(index, account, own.ids) !== tenant)
}
