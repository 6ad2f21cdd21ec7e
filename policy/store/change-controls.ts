import { SluiceError } from '../errors.ts'
import type { AuditAction, By, Controls, Store } from './store.ts'

/** How often a change is made anew when others come between. */
const ATTEMPTS = 20

/** The controls as they are to be, what the audit log is told of it, and what the caller wants to know. */
export interface ControlsResult<T> {
  readonly controls: Omit<Controls, 'version'>
  readonly action: AuditAction
  readonly subject: string
  readonly detail?: Readonly<Record<string, unknown>>
  readonly result: T
}

export interface ControlsPlace {
  /** The controls as they are in the store now. */
  readonly read: () => Promise<Controls>
  readonly store: Pick<Store, 'putControls'>
}

/**
 * Changes the controls that are there, whatever others store meanwhile: then they are read, and `change` asked, again. `change` is
 * pure, and throws where there is nothing to be changed. Rejects with `store.locked` where others keep coming between, or `store.*`.
 */
export async function changeControls<T>({ read, store }: ControlsPlace, by: By, change: (controls: Controls) => ControlsResult<T>): Promise<T> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const before = await read()
    const { controls, result, ...told } = change(before)
    const expected = before.version
    if (await store.putControls({ ...controls, version: expected + 1 }, { ...by, ...told, expected })) return result
  }
  throw new SluiceError('store.locked', 'Exceptions and break-glass are being changed by others all the time.', 'Try again.')
}
