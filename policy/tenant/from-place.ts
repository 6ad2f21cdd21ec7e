import { listed } from './finding.ts'
import type { Finding } from './finding.ts'
import { isPart, UNSEEN } from './from-session.ts'
import type { Question } from './question.ts'

/** The host, or a path that the provider follows, names the tenant whose storage takes the bytes. */
export function fromPlace(question: Question): Finding | undefined {
  const hint = question.operation.tenantHint?.toLowerCase()
  if (hint === undefined) return undefined
  return isSentElsewhere(question, hint) ? UNSEEN : { ids: [hint], how: 'place', reasons: ['tenant-from-place'], trust: 'sure' }
}

/**
 * Google's upload servers know a resumable upload by `upload_id` ("session URI", Cloud Storage, "Resumable uploads"), and one
 * protocol serves all products: whatever bucket the path of a part names, its bytes go where the start said.
 */
function isSentElsewhere({ account, operation, session, index }: Question, hint: string): boolean {
  if (account !== 'gcp' || operation.offset === undefined || !isPart(operation)) return false
  if (session === undefined || session.startedAt === 0 || session.tenantIs !== 'sure' || session.tenantId === undefined) return true
  const tenant = listed(index, account, [hint])
  return session.tenantId !== hint && (tenant === undefined || listed(index, account, [session.tenantId]) !== tenant)
}
