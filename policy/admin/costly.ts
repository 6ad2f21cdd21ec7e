import { setTimeout as delay } from 'node:timers/promises'
import { SluiceError } from '../errors.ts'

/** Of one caller, what may wait or run. */
const WAITING_MAX = 4
/** After its own time, what the next of the same caller waits for: no caller has more than a fifth of the thread. */
const REST = 4
/** No longer, so that a stop is not held up by it. */
const REST_MAX_MS = 5_000

interface Line {
  last: Promise<void>
  count: number
}

/**
 * Work that holds up the thread, and with it the traffic, for as long as it takes: a long policy is a second. Each caller's is done
 * one after the other, with rests between.
 */
export class Costly {
  readonly #lines = new Map<string, Line>()

  /** Rejects as `work` throws, and with `admin.too-many-requests` where too much of this caller waits. */
  async run<T>(who: string, work: () => T): Promise<T> {
    const line = this.#lines.get(who) ?? { last: Promise.resolve(), count: 0 }
    if (line.count >= WAITING_MAX) {
      throw new SluiceError('admin.too-many-requests', 'Policies of this token are being checked already.', 'Wait for the answer to one.')
    }
    this.#lines.set(who, line)
    line.count++
    const turn = line.last.then(() => timed(work))
    line.last = turn.then(({ ms }) => delay(Math.min(ms * REST, REST_MAX_MS))).finally(() => {
      line.count--
      if (line.count === 0) this.#lines.delete(who)
    })
    const { result } = await turn
    return result()
  }
}

/** Never rejects: `result` throws what `work` has thrown. */
async function timed<T>(work: () => T): Promise<{ readonly result: () => T; readonly ms: number }> {
  const from = performance.now()
  try {
    const value = work()
    return { result: () => value, ms: performance.now() - from }
  } catch (error) {
    return { result: () => { throw error }, ms: performance.now() - from }
  }
}
