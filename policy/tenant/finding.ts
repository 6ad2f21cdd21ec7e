import type { Account, How, Reason } from '../operation.ts'
import type { TenantIndex } from './allowlist.ts'
import { isGuid } from './guid.ts'
import { PERSONAL } from './personal.ts'
import type { Trust } from './question.ts'

/** What one resolver found. */
export interface Finding {
  /** Names of one tenant, lower case; empty where the place is nobody's that is known. */
  readonly ids: readonly string[]
  readonly how: How
  readonly reasons: readonly Reason[]
  readonly trust: Trust
}

/**
 * Whether `others` name another tenant than `ids`, as far as the allowlist can tell: a listed tenant that has no name
 * of that kind (a directory id beside a SharePoint name) may well be the one that is meant.
 */
export function isElsewhere(index: TenantIndex, account: Account, ids: readonly string[], others: readonly string[]): boolean {
  const tenant = listed(index, account, ids)
  if (tenant === undefined || others.length === 0) return false
  const other = listed(index, account, others)
  if (other !== undefined) return other !== tenant
  if (others.includes(PERSONAL)) return true
  const kinds = new Set([tenant.id, ...tenant.aliases ?? []].map(kindOf))
  return others.some(id => kinds.has(kindOf(id)))
}

export function listed(index: TenantIndex, account: Account, ids: readonly string[]): ReturnType<TenantIndex['has']> {
  for (const id of ids) {
    const tenant = index.has(account, id)
    if (tenant !== undefined) return tenant
  }
  return undefined
}

function kindOf(id: string): 'directory' | 'domain' | 'name' {
  return isGuid(id.toLowerCase()) ? 'directory' : id.includes('.') ? 'domain' : 'name'
}
