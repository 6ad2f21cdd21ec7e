/**
 * Counts calls in windows, as @fastify/rate-limit asks for it. Its own store goes by the system's clock: put back by a day, that would
 * shut the API for a day to whoever calls a little more often than is allowed in a minute.
 */
import { LRUCache } from 'lru-cache'
import { atMost } from '../at-most.ts'

/** Callers that are remembered, the latest. */
const CALLERS = 5_000

interface Window {
  count: number
  readonly from: number
}

export class CallCounts {
  readonly #windows = new LRUCache<string, Window>(atMost(CALLERS))
  readonly #now: () => number

  /** `now`: milliseconds that never go back. */
  constructor(_options: unknown, now: () => number = () => performance.now()) {
    this.#now = now
  }

  incr(key: string, done: (error: Error | null, counted?: { current: number; ttl: number }) => void, windowMs: number): void {
    const now = this.#now()
    let window = this.#windows.get(key)
    if (window === undefined || now - window.from >= windowMs) {
      window = { count: 0, from: now }
      this.#windows.set(key, window)
    }
    window.count += 1
    done(null, { current: window.count, ttl: windowMs - (now - window.from) })
  }

  child(): CallCounts {
    return new CallCounts(undefined, this.#now)
  }
}
