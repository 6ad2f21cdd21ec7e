import type { AuditAction, AuditEntry, AuditHead } from '../store/audit-entry.ts'

/** Entries that one request looks through at most, so that a filter that fits nothing costs no more than that. */
const LOOKED_THROUGH_MAX = 10_000
const BLOCK = 500

export interface AuditQuery {
  /** The oldest entry that is wanted, by `seq`. */
  readonly from: number
  /** Only entries before this one; null: from the newest. */
  readonly before: number | null
  readonly limit: number
  readonly action: AuditAction | undefined
  /** Exactly so, or with a label behind: `token:<id>` finds `token:<id> <label>`. */
  readonly author: string | undefined
}

export interface AuditPage {
  readonly entries: readonly AuditEntry[]
  /** `before` of the next page, null on the last. A page may hold fewer than `limit` entries, or none, and still have one. */
  readonly next: number | null
}

/** Entries that fit, newest first. `read` as `Store.audit`. Entries that come meanwhile move no page. */
export async function auditPage(
  head: AuditHead | null, read: (page: { from: number; limit: number }) => Promise<readonly AuditEntry[]>, query: AuditQuery,
): Promise<AuditPage> {
  const { from, before, limit, action, author } = query
  const fits = (entry: AuditEntry): boolean => (action === undefined || entry.action === action) &&
    (author === undefined || entry.author === author || entry.author.startsWith(`${author} `))
  const entries: AuditEntry[] = []
  let upper = Math.min(head?.seq ?? 0, (before ?? Number.MAX_SAFE_INTEGER) - 1)
  const last = Math.max(from, upper - LOOKED_THROUGH_MAX + 1)
  while (upper >= last) {
    const lower = Math.max(last, upper - BLOCK + 1)
    const block = await read({ from: lower, limit: upper - lower + 1 })
    for (const entry of block.filter(({ seq }) => seq <= upper).reverse()) {
      if (!fits(entry)) continue
      entries.push(entry)
      if (entries.length === limit) return { entries, next: entry.seq > from ? entry.seq : null }
    }
    upper = lower - 1
  }
  return { entries, next: upper >= from ? upper + 1 : null }
}
