import { SluiceError } from '../errors.ts'
import type { Snapshot } from '../snapshot.ts'
import { Sparing } from '../sparing.ts'
import type { Log } from '../store/log.ts'

const WARN_EVERY_MS = 60_000
const told = new WeakMap<Snapshot, Sparing>()

/** Brings the snapshot up to date before it is answered from. While the store is away, what decides is what is answered; that is said once a minute. */
export async function catchUp(snapshot: Snapshot, log: Log): Promise<void> {
  try {
    await snapshot.refresh()
  } catch (error) {
    if (!(error instanceof SluiceError)) throw error
    const sparing = told.get(snapshot) ?? new Sparing(WARN_EVERY_MS)
    told.set(snapshot, sparing)
    if (sparing.note(performance.now()) > 0) log('warn', `The API answers from revision ${snapshot.current().revision}: ${error.message}`)
  }
}
