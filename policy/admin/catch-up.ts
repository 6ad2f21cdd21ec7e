import { SluiceError } from '../errors.ts'
import type { Snapshot } from '../snapshot.ts'
import type { Log } from '../store/log.ts'

/** Brings the snapshot up to date before it is answered from. While the store is away, what decides is what is answered. */
export async function catchUp(snapshot: Snapshot, log: Log): Promise<void> {
  try {
    await snapshot.refresh()
  } catch (error) {
    if (!(error instanceof SluiceError)) throw error
    log('warn', `The API answers from revision ${snapshot.current().revision}: ${error.message}`)
  }
}
