import type { Log } from './log.ts'

/** Those who want to know of changes. One that throws does not keep the others from hearing. */
export class Watchers {
  readonly #listeners = new Set<{ readonly changed: () => void }>()
  readonly #log: Log

  constructor(log: Log) {
    this.#log = log
  }

  get size(): number {
    return this.#listeners.size
  }

  /** Returns the way to stop; the same function may be added twice. */
  add(changed: () => void): () => void {
    const listener = { changed }
    this.#listeners.add(listener)
    return () => {
      this.#listeners.delete(listener)
    }
  }

  tell(): void {
    for (const { changed } of [...this.#listeners]) {
      try {
        changed()
      } catch (error) {
        this.#log('error', `A listener to the store failed: ${error instanceof Error ? error.message : 'unknown error'}`)
      }
    }
  }

  clear(): void {
    this.#listeners.clear()
  }
}
