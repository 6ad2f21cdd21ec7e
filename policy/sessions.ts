import { hash } from 'node:crypto'
import { LRUCache } from 'lru-cache'

export interface SessionsOptions {
  /** How many sessions are remembered; the one that was quiet for longest goes first. Default 100,000 (about 20 MB). */
  readonly max?: number
  /** For how long after its last bytes a session is remembered, in milliseconds. Default 24 hours. */
  readonly ttlMs?: number
  /** A clock that never goes back, in milliseconds. */
  readonly now?: () => number
}

/**
 * How many bytes each upload session has brought so far, so that the parts of one upload are judged as one.
 * In the memory of this process: several proxies do not add up yet, and a restart forgets.
 */
export class Sessions {
  readonly #bytes: LRUCache<string, number>

  constructor({ max = 100_000, ttlMs = 24 * 60 * 60 * 1000, now = () => performance.now() }: SessionsOptions = {}) {
    // Without a resolution of 0 the cache asks the clock only now and then.
    this.#bytes = new LRUCache({ max, ttl: ttlMs, ttlResolution: 0, perf: { now } })
  }

  get size(): number {
    return this.#bytes.size
  }

  /** The most bytes seen of the session; 0 if none. */
  seen(key: string): number {
    return this.#bytes.get(digest(key)) ?? 0
  }

  /** Remembers that the session has reached `bytes`; a smaller count than before changes nothing but its age. */
  note(key: string, bytes: number): void {
    const id = digest(key)
    this.#bytes.set(id, Math.max(bytes, this.#bytes.peek(id) ?? 0))
  }
}

// Clients choose the keys: hashed, a long one takes no more memory than a short one, and none holds a secret.
function digest(key: string): string {
  return hash('sha256', key, 'base64url')
}
