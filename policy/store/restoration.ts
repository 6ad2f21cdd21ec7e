import { SluiceError } from '../errors.ts'
import { changeOf } from './audit-changes.ts'
import { headText } from './audit-entry.ts'
import type { AuditEntry, AuditHead, Change } from './audit-entry.ts'
import type { Backup } from './backup.ts'
import type { By, Controls, Revision, Store, StoredToken } from './store.ts'
import type { Tenant } from '../operation.ts'

/** What a store is to hold, in place of what it holds. */
export interface Restoration {
  /** Ascending; the last becomes the current one. Those that the store has under other numbers stay. */
  readonly revisions: readonly Revision[]
  readonly tenants: readonly Tenant[]
  readonly tokens: readonly StoredToken[]
  readonly controls: Controls
  /** Null: the store's own log goes on. Otherwise that is put aside, and this one goes on. */
  readonly audit: readonly AuditEntry[] | null
  /** The entry that tells of it. */
  readonly change: Change
  /** Where the store must be still. */
  readonly expected: { readonly revision: number; readonly head: AuditHead | null }
}

/**
 * What has to be done to put a backup in place. Into a store that holds something only with `replace` (`store.not-empty`). Then the
 * policy becomes a new revision above all that any node has seen there, and the log that tells more goes on: the store's own where
 * the backup's is a part of it.
 */
export async function planRestoration(store: Store, backup: Backup, by: By, replace: boolean): Promise<Restoration> {
  const { policy, tenants, controls } = await store.load()
  const head = await store.auditHead()
  const isEmpty = policy === null && tenants.length === 0 && controls.version === 0 && head === null && (await store.tokens()).length === 0
  if (!isEmpty && !replace) {
    throw new SluiceError('store.not-empty', 'The store holds something already',
      'Take a backup of it, and use --replace to put this one in its place')
  }
  const last = backup.revisions.at(-1)
  const end = backup.audit.at(-1)
  const isKnown = end === undefined || (end.seq <= (head?.seq ?? 0) && (await store.audit({ from: end.seq, limit: 1 }))[0]?.hash === end.hash)
  const change = changeOf(by, 'store.restore', `backup of ${backup.madeAt}`, {
    revision: last?.revision ?? 0, tenants: backup.tenants.length, tokens: backup.tokens.length, exceptions: backup.controls.exceptions.length,
    ...end !== undefined && { head: headText(end) }, ...!isKnown && head !== null && { replaces: headText(head) },
  })
  const found = policy?.revision ?? 0
  if (last === undefined && found > 0) {
    throw new SluiceError('backup.unreadable', 'The backup holds no policy, which the store would lose', 'Take a backup of a store that holds one')
  }
  const again = last === undefined || found === 0 ? [] : [{
    revision: Math.max(found, last.revision) + 1, policy: last.policy, author: by.author, from: by.from, at: change.at,
    comment: `restored from the backup of ${backup.madeAt}`, restores: last.revision, ...last.source !== undefined && { source: last.source },
  }]
  return {
    revisions: [...backup.revisions, ...again],
    tenants: backup.tenants,
    tokens: backup.tokens,
    controls: { ...backup.controls, version: controls.version === 0 ? backup.controls.version : Math.max(controls.version, backup.controls.version) + 1 },
    audit: isKnown ? null : backup.audit,
    change,
    expected: { revision: found, head },
  }
}

/** Another has changed the store between planning and doing. */
export function changedMeanwhile(): SluiceError {
  return new SluiceError('store.locked', 'The store was changed by others meanwhile; nothing was restored.', 'Try again.')
}
