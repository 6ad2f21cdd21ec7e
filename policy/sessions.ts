import { hash } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { Step } from './operation.ts'
import { SessionWriter } from './session-writer.ts'
import type { Writable } from './session-writer.ts'
import type { Log } from './store/log.ts'
import { mergeSessions } from './store/session-record.ts'
import type { SessionRecord } from './store/session-record.ts'
import type { Store } from './store/store.ts'

export type { SessionRecord } from './store/session-record.ts'

/** What the start of a session told. `bytes`: content that the start itself brought. */
export type StartFacts = Omit<SessionRecord, 'startedAt' | 'updatedAt'>

/** What a look-up in the store found. `failed`: it did not answer, or not in time; what memory holds counts then. */
export type Lookup = 'known' | 'none' | 'failed'

export interface SessionsOptions {
  /** Where sessions outlive this process and are shared with others; null: nowhere. */
  readonly store?: Pick<Store, 'session' | 'putSession'> | null
  /** How many sessions memory holds; the one that was quiet for longest goes first. Default 100,000. */
  readonly max?: number
  /** For how long after its last bytes a session is remembered, in milliseconds. Default: seven days. */
  readonly ttlMs?: number
  /** How long a decision may wait for the store, in milliseconds. Default 250. */
  readonly lookupMs?: number
  /** A clock that never goes back, in milliseconds. */
  readonly now?: () => number
  readonly log?: Log
}

// Dropbox, Box and Google keep a session for seven days; Microsoft for less.
const WEEK_MS = 7 * 24 * 60 * 60 * 1000
/** What the texts of all sessions may take in memory: clients choose their lengths. */
const MAX_MEMORY = 64 * 1024 * 1024
const ENTRY_BYTES = 400
/** How long what memory holds is taken for what the store holds. */
const SECOND_MS = 1_000
const WARN_EVERY_MS = 60_000

interface Entry extends Writable {
  record: SessionRecord
  /** When the store was last asked. */
  checkedAt: number
}

/**
 * What is known of each upload session, so that its parts are judged as one upload: how far it came, and what its
 * start told. Memory answers at once; the store is asked for what memory does not know, and told of changes behind
 * the traffic's back. Keys are `provider:session`; only their digests are kept, because an id can be a credential.
 */
export class Sessions {
  readonly #store: Pick<Store, 'session' | 'putSession'> | null
  readonly #lookupMs: number
  readonly #now: () => number
  readonly #log: Log
  readonly #entries: LRUCache<string, Entry>
  readonly #lookups = new Map<string, Promise<Lookup>>()
  readonly #writer: SessionWriter | null
  #warnedAt = -Infinity
  /** When a look-up last failed. */
  #unansweredAt = -Infinity
  #failures = 0

  constructor(options: SessionsOptions = {}) {
    const { store = null, max = 100_000, ttlMs = WEEK_MS, lookupMs = 250, now = () => performance.now(), log = () => undefined } = options
    this.#store = store
    this.#lookupMs = lookupMs
    this.#now = now
    this.#log = log
    this.#entries = new LRUCache({
      max, maxSize: MAX_MEMORY, sizeCalculation: sizeInMemory, ttl: ttlMs, perf: { now },
      // Without a resolution of 0 the cache asks the clock only now and then.
      ttlResolution: 0,
      dispose: (_entry, id, reason) => { if (reason !== 'set') this.#writer?.drop(id) },
    })
    this.#writer = store === null ? null : new SessionWriter({
      store, ttlMs, now, find: (id) => this.#entries.peek(id), failed: (error) => this.#failed(error),
    })
  }

  /** How many sessions memory holds. */
  get size(): number {
    return this.#entries.size
  }

  /** Look-ups and writes that the store failed, or answered too late. */
  get failures(): number {
    return this.#failures
  }

  /** What memory knows of a session. */
  get(key: string): SessionRecord | undefined {
    return this.#entries.get(digest(key))?.record
  }

  /** The most bytes that memory knows of; 0 if none. */
  seen(key: string): number {
    return this.get(key)?.bytes ?? 0
  }

  /**
   * Whether the store need not be asked: it was within the last second, or there is none. Before a `finish` it always
   * is: another node may just have refused a part.
   */
  isFresh(key: string, step?: Step): boolean {
    if (this.#store === null) return true
    const entry = this.#entries.get(digest(key))
    if (entry === undefined) return false
    // What memory knows serves for a second, so that an outage does not hold up every part.
    if (this.#now() - this.#unansweredAt < SECOND_MS) return true
    return step !== 'finish' && this.#now() - entry.checkedAt < SECOND_MS
  }

  /** Asks the store, and takes what it knows into memory. Never rejects and never takes longer than `lookupMs`. */
  load(key: string): Promise<Lookup> {
    const id = digest(key)
    const running = this.#lookups.get(id)
    if (running !== undefined) return running
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<Lookup>((resolve) => {
      timer = setTimeout(() => {
        this.#unansweredAt = this.#now()
        this.#failed('a look-up took too long')
        resolve('failed')
      }, this.#lookupMs)
    })
    const lookup = Promise.race([this.#ask(id), late]).finally(() => {
      clearTimeout(timer)
      this.#lookups.delete(id)
    })
    this.#lookups.set(id, lookup)
    return lookup
  }

  /**
   * Remembers that the session has reached `bytes`; fewer than before change nothing but its age. `isLast`: nothing
   * more is expected for now, so the store is told at once.
   */
  note(key: string, bytes: number, isLast = false): void {
    const id = digest(key)
    const at = Date.now()
    const entry = this.#entries.get(id) ?? newEntry({ bytes: 0, startedAt: 0, updatedAt: at })
    if (bytes > entry.record.bytes) entry.record = { ...entry.record, bytes, updatedAt: at }
    this.#entries.set(id, entry)
    this.#writer?.save(id, entry, isLast)
  }

  /** Remembers what the start of a session told; the store is told at once. */
  start(key: string, facts: StartFacts): void {
    const id = digest(key)
    const at = Date.now()
    const record = mergeSessions(this.#entries.peek(id)?.record, { ...facts, startedAt: at, updatedAt: at })
    // A session that was started just now is nobody else's yet.
    const entry: Entry = { ...newEntry(record), checkedAt: this.#now(), saved: undefined }
    this.#entries.set(id, entry)
    this.#writer?.save(id, entry, true)
  }

  /** Forgets a session that the provider has completed or given up: its key may name another upload later. */
  end(key: string): void {
    const id = digest(key)
    const entry = this.#entries.get(id)
    this.#entries.delete(id)
    if (entry !== undefined) this.#writer?.forget(id, entry.record)
  }

  /** Writes what is not written yet, for a second at most. */
  async close(): Promise<void> {
    await this.#writer?.close()
  }

  async #ask(id: string): Promise<Lookup> {
    if (this.#store === null) return 'none'
    try {
      const found = await this.#store.session(id)
      const entry = this.#entries.peek(id)
      const checkedAt = this.#now()
      if (entry !== undefined) entry.checkedAt = checkedAt
      if (found === null) return 'none'
      const record = mergeSessions(entry?.record, found)
      const isSaved = entry === undefined || entry.saved === entry.record
      const writtenAt = entry?.writtenAt ?? -Infinity
      // Another entry, because the cache counts the length of its texts when it is set.
      this.#entries.set(id, { record, saved: isSaved ? record : undefined, checkedAt, writtenAt })
      return 'known'
    } catch (error) {
      this.#unansweredAt = this.#now()
      this.#failed(error)
      return 'failed'
    }
  }

  #failed(error: unknown): void {
    this.#failures++
    const now = this.#now()
    if (now - this.#warnedAt < WARN_EVERY_MS) return
    this.#warnedAt = now
    this.#log('warn', `Upload sessions are not shared with the store: ${error instanceof Error ? error.message : String(error)}`)
  }
}

function newEntry(record: SessionRecord): Entry {
  return { record, saved: record, checkedAt: -Infinity, writtenAt: -Infinity }
}

function sizeInMemory({ record }: Entry): number {
  const { fileName = '', contentType = '', tenantId = '', tenantHint = '' } = record
  return ENTRY_BYTES + 2 * (fileName.length + contentType.length + tenantId.length + tenantHint.length)
}

function digest(key: string): string {
  return hash('sha256', key, 'hex').slice(0, 32)
}
