import { hash } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import { leastWeight } from './at-most.ts'
import type { Step } from './operation.ts'
import { LiveSession } from './live-session.ts'
import type { KnownSession } from './live-session.ts'
import { SessionWriter } from './session-writer.ts'
import { Sparing } from './sparing.ts'
import type { Log } from './store/log.ts'
import type { SessionRecord } from './store/session-record.ts'
import type { Store } from './store/store.ts'

export type { KnownSession } from './live-session.ts'
export type { SessionRecord } from './store/session-record.ts'

/** What the start of a session told. `bytes`: content that the start itself brought. */
export type StartFacts = Omit<SessionRecord, 'sent' | 'startedAt' | 'updatedAt'>

/** The counts of one session, for a request of it that is under way. All are of bytes. */
export interface SessionCount {
  /** How far it has come; 0 if nothing is known. */
  readonly bytes: number
  /** What was forwarded in it, repeated bytes too. */
  readonly sent: number
  /** What was counted of a part that has a name but no place; 0 if it is not remembered. */
  part(name: string): number
  setPart(name: string, bytes: number): void
  /** So many more bytes leave. */
  forwarded(bytes: number): void
  /** It has come this far. `over`: nothing more of this request comes; `final`: nor is anything else expected for now. */
  reached(bytes: number, progress: 'on' | 'over' | 'final'): void
}

/** What a look-up in the store found. `failed`: it did not answer, or not in time; what memory holds counts then. */
export type Lookup = 'known' | 'none' | 'failed'

export interface SessionsOptions {
  /** Where sessions outlive this process and are shared with others; null: nowhere. */
  readonly store?: Pick<Store, 'session' | 'putSession'> | null
  /** Other nodes use that store too: it is asked before each part and told after each. Default false. */
  readonly shared?: boolean
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

/** In the cache. It counts the size of an entry when it is set, so that another is set when a session has grown. */
interface Entry {
  readonly live: LiveSession
}

/**
 * What is known of each upload session, so that its parts are judged as one upload: how far it came, and what its
 * start told. Memory answers at once; the store is asked for what memory does not know, and told of changes behind
 * the traffic's back. Keys are `provider:session`; only their digests are kept, because an id can be a credential.
 */
export class Sessions {
  readonly #store: Pick<Store, 'session' | 'putSession'> | null
  readonly #shared: boolean
  readonly #lookupMs: number
  readonly #now: () => number
  readonly #log: Log
  readonly #entries: LRUCache<string, Entry>
  readonly #lookups = new Map<string, Promise<Lookup>>()
  readonly #writer: SessionWriter | null
  readonly #warnings = new Sparing(WARN_EVERY_MS)
  /** When a look-up last failed. */
  #unansweredAt = -Infinity
  #failures = 0

  constructor(options: SessionsOptions = {}) {
    const { store = null, shared = false, max = 100_000, ttlMs = WEEK_MS, lookupMs = 250, now = () => performance.now(), log = () => undefined } = options
    this.#store = store
    this.#shared = shared
    this.#lookupMs = lookupMs
    this.#now = now
    this.#log = log
    const least = leastWeight(MAX_MEMORY, max)
    this.#entries = new LRUCache({
      maxSize: MAX_MEMORY, sizeCalculation: ({ live }) => Math.max(least, ENTRY_BYTES + live.memory), ttl: ttlMs, perf: { now },
      // Without a resolution of 0 the cache asks the clock only now and then.
      ttlResolution: 0,
      dispose: (_entry, id, reason) => { if (reason !== 'set') this.#writer?.drop(id) },
    })
    this.#writer = store === null ? null : new SessionWriter({
      store, ttlMs, now, find: (id) => this.#entries.peek(id)?.live, failed: (error) => this.#failed(error),
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
  get(key: string): KnownSession | undefined {
    return this.#entries.get(digest(key))?.live.known()
  }

  /** The most bytes that memory knows of; 0 if none. */
  seen(key: string): number {
    return this.#entries.get(digest(key))?.live.bytes ?? 0
  }

  /** Whether memory holds what went before in a session: its start was seen here, or the store has told of it. */
  knows(key: string): boolean {
    return this.#store === null || this.#entries.peek(digest(key))?.live.isKnown === true
  }

  /**
   * Whether the store need not be asked: there is none, or nobody else uses it and it was asked within the last second.
   * Before a `finish` it always is.
   */
  isFresh(key: string, step?: Step): boolean {
    if (this.#store === null) return true
    const live = this.#entries.get(digest(key))?.live
    if (live === undefined || !live.isKnown) return false
    // What memory knows serves for a second, so that an outage does not hold up every part.
    if (this.#now() - this.#unansweredAt < SECOND_MS) return true
    return step !== 'finish' && !this.#shared && this.#now() - live.checkedAt < SECOND_MS
  }

  /** Asks the store, and takes what it knows into memory. Never rejects and never takes longer than `lookupMs`. */
  load(key: string): Promise<Lookup> {
    return this.#load(digest(key))
  }

  /** The counts of a session for one of its requests: found by its digest, which is made once. */
  open(key: string): SessionCount {
    const id = digest(key)
    const live = (): LiveSession | undefined => this.#entries.get(id)?.live
    return {
      get bytes() { return live()?.bytes ?? 0 },
      get sent() { return live()?.sent ?? 0 },
      part: (name) => live()?.part(name) ?? 0,
      setPart: (name, bytes) => {
        const session = this.#live(id)
        if (session.setPart(name, bytes)) this.#entries.set(id, { live: session })
      },
      forwarded: (bytes) => this.#live(id).forwarded(bytes),
      reached: (bytes, progress) => this.#reached(id, bytes, progress === 'final' || (this.#shared && progress === 'over')),
    }
  }

  /**
   * Remembers that the session has reached `bytes`; fewer than before change nothing but its age. `isLast`: nothing
   * more is expected for now, so the store is told at once.
   */
  note(key: string, bytes: number, isLast = false): void {
    this.#reached(digest(key), bytes, isLast)
  }

  /** Remembers what the start of a session told; the store is told at once. */
  start(key: string, facts: StartFacts): void {
    const id = digest(key)
    const at = Date.now()
    const live = this.#entries.peek(id)?.live ?? new LiveSession(0, at)
    live.start({ ...facts, sent: facts.bytes, startedAt: at, updatedAt: at })
    // A session that was started just now is nobody else's yet.
    live.checkedAt = this.#now()
    this.#entries.set(id, { live })
    this.#writer?.save(id, live, true)
  }

  /** Forgets a session that the provider has completed or given up: its key may name another upload later. */
  end(key: string): void {
    const id = digest(key)
    const live = this.#entries.get(id)?.live
    this.#entries.delete(id)
    if (live !== undefined) this.#writer?.forget(id, live.known())
  }

  /** Writes what is not written yet, for a second at most. */
  async close(): Promise<void> {
    await this.#writer?.close()
  }

  #live(id: string): LiveSession {
    const found = this.#entries.get(id)?.live
    if (found !== undefined) return found
    const live = new LiveSession(0, Date.now())
    this.#entries.set(id, { live })
    return live
  }

  #reached(id: string, bytes: number, isUrgent: boolean): void {
    const live = this.#live(id)
    live.reached(bytes, Date.now())
    // Set again, so that its age begins anew.
    this.#entries.set(id, { live })
    this.#writer?.save(id, live, isUrgent)
    // A long part must hear of what other nodes take meanwhile.
    if (this.#shared && live.isKnown && this.#now() - Math.max(live.checkedAt, this.#unansweredAt) >= SECOND_MS) void this.#load(id)
  }

  #load(id: string): Promise<Lookup> {
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

  async #ask(id: string): Promise<Lookup> {
    if (this.#store === null) return 'none'
    const before = this.#entries.peek(id)?.live
    const toldSent = before?.toldSent ?? 0
    try {
      const found = await this.#store.session(id)
      const held = this.#entries.peek(id)?.live
      if (held !== undefined) held.checkedAt = this.#now()
      if (found === null) return 'none'
      const live = held ?? new LiveSession(0, found.updatedAt)
      // One that was forgotten meanwhile knows no longer what was its own.
      live.learn(found, live === before ? toldSent : 0)
      live.checkedAt = this.#now()
      this.#entries.set(id, { live })
      return 'known'
    } catch (error) {
      this.#unansweredAt = this.#now()
      this.#failed(error)
      return 'failed'
    }
  }

  #failed(error: unknown): void {
    this.#failures++
    if (this.#warnings.note(this.#now()) === 0) return
    this.#log('warn', `Upload sessions are not shared with the store: ${error instanceof Error ? error.message : String(error)}`)
  }
}

function digest(key: string): string {
  return hash('sha256', key, 'hex').slice(0, 32)
}
