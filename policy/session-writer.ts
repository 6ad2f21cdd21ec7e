import type { SessionRecord } from './store/session-record.ts'
import type { SessionWriterCount, Store } from './store/store.ts'

/** What of a remembered session the writer reads and marks. */
export interface Writable {
  /** Something of it was not told to the store. */
  readonly isChanged: boolean
  /** When the store was last told. */
  writtenAt: number
  /** Who tells it, and what he has sent in all. */
  readonly count: SessionWriterCount
  /** What the store is to be told; it counts as told from here on. */
  tell(): SessionRecord
  /** The store did not take it after all. */
  untell(told: SessionRecord): void
}

export interface SessionWriterParts {
  readonly store: Pick<Store, 'putSession'>
  /** How long the store keeps a session, in milliseconds. */
  readonly ttlMs: number
  /** A session that is still remembered. */
  readonly find: (id: string) => Writable | undefined
  readonly failed: (error: unknown) => void
  /** Monotonic, milliseconds. */
  readonly now: () => number
}

const SECOND_MS = 1_000
const MAX_WRITES = 64
const RETRY_MS = 2_000
const CLOSE_MS = 1_000

/** Tells the store of sessions behind the traffic's back: at most once a second and session, and a few at a time. */
export class SessionWriter {
  readonly #parts: SessionWriterParts
  /** To be written as soon as their second is over or the store takes more. */
  readonly #due = new Set<string>()
  readonly #writing = new Set<string>()
  readonly #writes = new Set<Promise<void>>()
  #timer: NodeJS.Timeout | undefined
  #pausedUntil = -Infinity
  #isClosing = false

  constructor(parts: SessionWriterParts) {
    this.#parts = parts
  }

  /** Writes what has changed; `isUrgent`: now, whenever it was last written. */
  save(id: string, session: Writable, isUrgent: boolean): void {
    if (!session.isChanged) return
    if (isUrgent || this.#parts.now() - session.writtenAt >= SECOND_MS) this.#write(id, session, MAX_WRITES)
    else this.#later(id)
  }

  /** Removes a session from the store. */
  forget(id: string, record: SessionRecord): void {
    this.drop(id)
    this.#track(this.#parts.store.putSession(id, record, 0).catch(this.#parts.failed))
  }

  /** A session that is no longer remembered is not written either. */
  drop(id: string): void {
    this.#due.delete(id)
  }

  /** Writes what is not written yet, for a second at most. */
  async close(): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    const enough = new Promise<void>((resolve) => { timer = setTimeout(resolve, CLOSE_MS) })
    this.#isClosing = true
    // Twice: what was changed while it was being written is due again.
    for (let round = 0; round < 2; round++) {
      this.#pausedUntil = -Infinity
      this.#writeDue(Infinity)
      await Promise.race([Promise.allSettled(this.#writes), enough])
    }
    clearTimeout(timer)
    clearTimeout(this.#timer)
  }

  #write(id: string, session: Writable, most: number): void {
    const { store, ttlMs, now } = this.#parts
    if (this.#writing.has(id) || this.#writes.size >= most || now() < this.#pausedUntil) {
      this.#later(id)
      return
    }
    this.#due.delete(id)
    this.#writing.add(id)
    session.writtenAt = now()
    const told = session.tell()
    const write = store.putSession(id, told, ttlMs, session.count).catch((error: unknown) => {
      session.untell(told)
      this.#failed(id, error)
    })
    this.#track(write.then(() => void this.#writing.delete(id)))
  }

  #failed(id: string, error: unknown): void {
    this.#pausedUntil = this.#parts.now() + RETRY_MS
    if (this.#parts.find(id) !== undefined) this.#later(id)
    this.#parts.failed(error)
  }

  #track(write: Promise<void>): void {
    const tracked = write.finally(() => this.#writes.delete(tracked))
    this.#writes.add(tracked)
  }

  #later(id: string): void {
    this.#due.add(id)
    if (this.#isClosing) return
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      this.#writeDue(MAX_WRITES)
      const [next] = this.#due
      if (next !== undefined) this.#later(next)
    }, SECOND_MS).unref()
  }

  #writeDue(most: number): void {
    for (const id of [...this.#due]) {
      const session = this.#parts.find(id)
      if (session === undefined || !session.isChanged) this.#due.delete(id)
      else if (this.#writes.size < most) this.#write(id, session, most)
    }
  }
}
