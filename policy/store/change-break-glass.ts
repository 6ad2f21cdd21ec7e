import { BREAK_GLASS_MAX_MS, isBroken } from '../break-glass.ts'
import { SluiceError } from '../errors.ts'
import { steadyNow } from '../steady-clock.ts'
import { changeControls } from './change-controls.ts'
import type { ControlsPlace } from './change-controls.ts'
import type { BreakGlass, By } from './store.ts'

/** Lets everything pass for `forMs` milliseconds from now, or goes on so where it does already. Rejects with `break-glass.invalid`, `store.*`. */
export async function breakGlass(place: ControlsPlace, reason: string, forMs: number, by: By): Promise<BreakGlass> {
  if (!(forMs > 0 && forMs <= BREAK_GLASS_MAX_MS)) {
    throw new SluiceError('break-glass.invalid', 'Break-glass lasts at most 24 hours.', 'Name a shorter time; it can be set on again.',
      { faults: [{ path: 'for', message: 'must be a time of up to 24h' }] })
  }
  return changeControls(place, by, ({ exceptions }) => {
    const now = steadyNow()
    const set = { reason, author: by.author, since: new Date(now).toISOString(), until: new Date(now + forMs).toISOString() }
    return { controls: { breakGlass: set, exceptions }, action: 'break-glass.on', subject: 'break-glass', detail: { reason, until: set.until }, result: set }
  })
}

/** Ends it. Resolves false where it does not last. */
export async function mendGlass(place: ControlsPlace, by: By): Promise<boolean> {
  if (!isBroken((await place.read()).breakGlass, steadyNow())) return false
  return changeControls(place, by, ({ exceptions }) => ({
    controls: { breakGlass: null, exceptions }, action: 'break-glass.off', subject: 'break-glass', result: true,
  }))
}
