import type { Account, Tenant } from '../operation.ts'

/** How many tenants a page holds where nothing is said, and at most. */
export const PAGE = 1_000
export const PAGE_MAX = 10_000

export interface Page {
  readonly tenants: readonly Tenant[]
  /** The cursor of the next page; absent on the last. */
  readonly next?: string
}

/**
 * The tenants after `cursor` (`account/id` of the last one before), of one account or all. `sorted`: by account, then by id.
 * A list that changes between two pages leaves out and repeats nothing that stays.
 */
export function pageOf(
  sorted: readonly Tenant[], { only, cursor, limit }: { only: Account | undefined; cursor: string | undefined; limit: number },
): Page {
  const slash = cursor?.indexOf('/') ?? -1
  const after = cursor === undefined ? -1 : firstAfter(sorted, cursor.slice(0, slash), cursor.slice(slash + 1))
  const start = Math.max(after, only === undefined ? 0 : firstAfter(sorted, only, ''))
  const end = only === undefined ? sorted.length : firstAfter(sorted, `${only}\u0000`, '')
  const tenants = sorted.slice(start, Math.min(end, start + limit))
  const last = tenants.at(-1)
  return last === undefined || start + limit >= end ? { tenants } : { tenants, next: `${last.account}/${last.id}` }
}

function firstAfter(sorted: readonly Tenant[], account: string, id: string): number {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >>> 1
    const tenant = sorted[middle]
    if (tenant !== undefined && (tenant.account < account || (tenant.account === account && tenant.id <= id))) low = middle + 1
    else high = middle
  }
  return low
}
