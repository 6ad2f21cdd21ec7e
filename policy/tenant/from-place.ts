import type { Finding } from './finding.ts'
import type { Question } from './question.ts'

/** The host, or a path that the provider follows, names the tenant whose storage takes the bytes. */
export function fromPlace({ operation }: Question): Finding | undefined {
  const hint = operation.tenantHint?.toLowerCase()
  return hint === undefined ? undefined : { ids: [hint], how: 'place', reasons: ['tenant-from-place'], trust: 'sure' }
}
