export interface BindingWriterParts {
  /** Tells the store of one binding, as it is known at that moment. */
  readonly write: (digest: string) => Promise<void>
  readonly failed: (error: unknown) => void
  /** Monotonic, milliseconds. */
  readonly now: () => number
}

const MAX_WRITES = 64
const RETRY_MS = 2_000
const CLOSE_MS = 1_000

/** Tells the store of bindings behind the traffic's back: a few at a time, one after the other for each, again after a failure. */
export class BindingWriter {
  readonly #parts: BindingWriterParts
  readonly #due = new Set<string>()
  readonly #writing = new Set<string>()
  #timer: NodeJS.Timeout | undefined
  #pausedUntil = -Infinity
  #state: 'open' | 'closing' | 'closed' = 'open'
  #idle: () => void = () => undefined

  constructor(parts: BindingWriterParts) {
    this.#parts = parts
  }

  add(digest: string): void {
    if (this.#state === 'closed') return
    this.#due.add(digest)
    this.#next()
  }

  /** One that is no longer remembered is not written either. */
  drop(digest: string): void {
    this.#due.delete(digest)
  }

  /** Writes what is not written yet, for a second at most. */
  async close(): Promise<void> {
    this.#state = 'closing'
    this.#pausedUntil = -Infinity
    await new Promise<void>((resolve) => {
      const enough = setTimeout(resolve, CLOSE_MS)
      this.#idle = () => {
        clearTimeout(enough)
        resolve()
      }
      this.#next()
    })
    this.#state = 'closed'
    this.#due.clear()
    clearTimeout(this.#timer)
  }

  #next(): void {
    if (this.#parts.now() < this.#pausedUntil) return this.#later()
    for (const digest of this.#due) {
      if (this.#writing.size >= MAX_WRITES) return
      if (this.#writing.has(digest)) continue
      this.#due.delete(digest)
      void this.#write(digest)
    }
    if (this.#writing.size === 0) this.#idle()
  }

  async #write(digest: string): Promise<void> {
    this.#writing.add(digest)
    try {
      await this.#parts.write(digest)
    } catch (error) {
      this.#parts.failed(error)
      if (this.#state === 'open') {
        this.#pausedUntil = this.#parts.now() + RETRY_MS
        this.#due.add(digest)
      }
    } finally {
      this.#writing.delete(digest)
    }
    this.#next()
  }

  #later(): void {
    if (this.#state !== 'open') return
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      this.#next()
    }, RETRY_MS).unref()
  }
}
