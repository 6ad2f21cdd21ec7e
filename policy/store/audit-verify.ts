import { SluiceError } from '../errors.ts'
import { hashOfEntry, headText } from './audit-entry.ts'
import type { AuditEntry, AuditHead } from './audit-entry.ts'
import type { Store } from './store.ts'

/** How many entries are read at once. */
const PAGE = 1_000

/** `fault`: the place of the first break and what is wrong there; null where the chain holds. */
export interface Verdict {
  /** How many entries hold, from the first. */
  readonly entries: number
  /** The last entry that holds; null where there is none. */
  readonly head: AuditHead | null
  readonly fault: string | null
}

/**
 * Walks the whole audit log. `noted`: a head that was seen earlier and kept elsewhere. Whoever can write the store can also make a
 * chain anew or cut it, and only what is kept elsewhere shows that. Rejects with `store.unreachable`.
 */
export async function verifyAudit(store: Pick<Store, 'audit' | 'auditHead'>, noted?: AuditHead): Promise<Verdict> {
  let head: AuditHead | null = null
  const broken = (fault: string): Verdict => ({ entries: head?.seq ?? 0, head, fault })
  try {
    const end = (await store.auditHead())?.seq ?? 0
    while ((head?.seq ?? 0) < end) {
      const page = await store.audit({ from: (head?.seq ?? 0) + 1, limit: PAGE })
      if (page.length === 0) return broken(`entry ${(head?.seq ?? 0) + 1} is missing`)
      for (const entry of page) {
        const fault = faultOf(entry, head, noted)
        if (fault !== null) return broken(fault)
        head = { seq: entry.seq, hash: entry.hash }
      }
    }
  } catch (error) {
    if (!(error instanceof SluiceError) || error.code !== 'store.corrupt') throw error
    return broken(error.message)
  }
  if (noted !== undefined && (head?.seq ?? 0) < noted.seq) {
    return broken(`the log ends with entry ${head?.seq ?? 0}, but ${headText(noted)} was noted: what came after has been cut off`)
  }
  return { entries: head?.seq ?? 0, head, fault: null }
}

function faultOf(entry: AuditEntry, before: AuditHead | null, noted: AuditHead | undefined): string | null {
  const expected = (before?.seq ?? 0) + 1
  if (entry.seq !== expected) return `entry ${expected} is missing`
  if (entry.hash !== hashOfEntry(entry)) return `entry ${entry.seq} has been changed: its hash is another`
  if (entry.prev !== (before?.hash ?? '')) return `entry ${entry.seq} does not follow upon the one before it, which has been changed or put there`
  if (noted?.seq === entry.seq && noted.hash !== entry.hash) return `entry ${entry.seq} is another than ${headText(noted)}, which was noted: the log has been made anew`
  return null
}
