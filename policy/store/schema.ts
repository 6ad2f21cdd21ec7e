import { SluiceError } from '../errors.ts'
import { changeOf } from './audit-changes.ts'
import type { Change } from './audit-entry.ts'
import { corrupt } from './corrupt.ts'

/**
 * The layout of a store that this program reads and writes. 1: without a mark, and without an audit log. 2: with both, and with
 * controls; what 1 holds is read as it is.
 */
export const SCHEMA = 2

/** What a mark says; undefined where there is none. `store.newer` for a later layout, `store.corrupt` for what is no mark. */
export function checkSchema(found: unknown, where: string): void {
  if (found === undefined || found === SCHEMA) return
  if (typeof found !== 'number' || !Number.isSafeInteger(found) || found < 1) throw corrupt(where, 'it names no schema')
  if (found > SCHEMA) {
    throw new SluiceError('store.newer', `The store has schema ${found} (${where}); this Sluice knows schemas up to ${SCHEMA}.`,
      'Run the version of Sluice that has written it, or a later one; nothing was changed.')
  }
}

/** What the audit log tells of a store of layout 1 that was found: its log begins there. */
export function upgradeChange(): Change {
  return changeOf({ author: 'sluice', from: 'sluice' }, 'store.upgrade', `schema ${SCHEMA}`, { from: 1, to: SCHEMA })
}
