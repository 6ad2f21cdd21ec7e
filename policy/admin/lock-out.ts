/**
 * Keeps an address out after repeated failures to say who it is. In memory and on this node only, so that nobody who
 * fails can make the store work. Clocks are monotonic milliseconds.
 */
import { LRUCache } from 'lru-cache'
import { atMost } from '../at-most.ts'
import { sameCaller } from '../same-caller.ts'

/** As many failures within the window lock an address; a person who mistypes a token needs a few. */
const FAILURES_MAX = 10
const WINDOW_MS = 15 * 60_000
const LOCK_MS = 15 * 60_000
/** Each lock that follows another within a day is twice as long, up to this. */
const LOCK_MAX_MS = 4 * 3_600_000
const REMEMBERED_MS = 24 * 3_600_000
/** Who has more addresses than these has more tries than a lock could take from him. */
const ADDRESSES_MAX = 20_000

interface Standing {
  failures: number
  /** When the first of the failures was. */
  since: number
  lockedUntil: number
  /** How many locks there were, one upon another. */
  locks: number
}

export class LockOut {
  readonly #standings = new LRUCache<string, Standing>(atMost(ADDRESSES_MAX))

  /** For how many milliseconds an address stays locked, 0 where it is not. A good token in between does not shorten it. */
  lockedFor(address: string, now: number): number {
    return Math.max(0, (this.#standings.get(sameCaller(address))?.lockedUntil ?? 0) - now)
  }

  /** Counts a failure. Answers for how many milliseconds it has locked the address, 0 where it has not. */
  failed(address: string, now: number): number {
    const key = sameCaller(address)
    const standing = this.#standings.get(key) ?? { failures: 0, since: now, lockedUntil: Number.NEGATIVE_INFINITY, locks: 0 }
    if (now - standing.since > WINDOW_MS) {
      standing.failures = 0
      standing.since = now
    }
    if (now - standing.lockedUntil > REMEMBERED_MS) standing.locks = 0
    standing.failures += 1
    this.#standings.set(key, standing)
    if (standing.failures < FAILURES_MAX) return 0
    const lock = Math.min(LOCK_MS * 2 ** standing.locks, LOCK_MAX_MS)
    standing.failures = 0
    standing.since = now + lock
    standing.lockedUntil = now + lock
    standing.locks += 1
    return lock
  }
}
