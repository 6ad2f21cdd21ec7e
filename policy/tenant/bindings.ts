import type { KeyObject } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import { atMost, leastWeight } from '../at-most.ts'
import type { Account } from '../operation.ts'
import { Sparing } from '../sparing.ts'
import { parseBinding } from '../store/binding-record.ts'
import type { BindingRecord } from '../store/binding-record.ts'
import type { Log } from '../store/log.ts'
import type { Store } from '../store/store.ts'
import { BindingWriter } from './binding-writer.ts'
import type { BindingKind } from './gather.ts'
import { keyedHash } from './keyed-hash.ts'

export type { BindingRecord } from '../store/binding-record.ts'

/** `none`: neither memory nor the store knows it. `failed`: the store did not answer, or not in time; what memory holds counts. */
export type BindingLookup = 'known' | 'none' | 'failed'

export interface BindingsOptions {
  /** `readBindingKey`. */
  readonly key: KeyObject
  /** Where bindings outlive this process and are shared with others; null: nowhere. */
  readonly store?: Pick<Store, 'binding' | 'putBinding'> | null
  /** Other nodes use that store too: they may know better of what must not allow. Default false. */
  readonly shared?: boolean
  /** How many bindings memory holds; the one that was unused for longest goes first. Default 100,000. */
  readonly max?: number
  /** Every lifetime is at least and at most this long, in milliseconds. Default: a minute and 30 days. */
  readonly ttl?: { readonly atLeastMs: number; readonly atMostMs: number }
  /** How long a decision may wait for the store, in milliseconds. Default 250. */
  readonly lookupMs?: number
  /** A clock that never goes back, in milliseconds; not 0. */
  readonly now?: () => number
  readonly log?: Log
}

interface Known {
  readonly record: BindingRecord
  /** Until then the store need not be told the same again. */
  readonly rewriteAt: number
}

const MINUTE_MS = 60_000
const MONTH_MS = 30 * 24 * 60 * MINUTE_MS
/** What all bindings may take in memory: providers choose how long the names of tenants are. */
const MAX_MEMORY = 64 * 1024 * 1024
const ENTRY_BYTES = 400
/** For how long the store's word that it knows nothing (better) counts. */
const ASKED_MS = 2_000
/** For how many digests it does, as a share of `max`: clients make them up. */
const ASKED_SHARE = 1 / 2
/** How many questions are under way at once, as a share of `max`: each is held in memory until it is answered. */
const LOOKUPS_SHARE = 1 / 5
const AWAY_MS = 1_000
const DIGEST_LENGTH = 32

/**
 * Whose credentials, accounts and places are, by what providers' answers told. Memory answers at once; the store is
 * asked for what memory does not know, and told of what is new behind the traffic's back. Only keyed hashes are kept:
 * whoever reads memory's keys, or the store, has no credential and cannot try out guesses.
 */
export class Bindings {
  readonly #hash: ReturnType<typeof keyedHash>
  readonly #store: Pick<Store, 'binding' | 'putBinding'> | null
  readonly #shared: boolean
  readonly #ttl: { readonly atLeastMs: number; readonly atMostMs: number }
  readonly #lookupMs: number
  readonly #now: () => number
  readonly #log: Log
  readonly #known: LRUCache<string, Known>
  /** Apart from what is known, so that a flood of made-up credentials drives none of it out. */
  readonly #asked: LRUCache<string, true>
  readonly #maxLookups: number
  readonly #lookups = new Map<string, Promise<BindingLookup>>()
  readonly #writer: BindingWriter
  readonly #warnings = new Sparing(MINUTE_MS)
  /** When a look-up last failed. */
  #unansweredAt = -Infinity
  #failures = 0

  constructor(options: BindingsOptions) {
    const { store = null, shared = false, max = 100_000, lookupMs = 250, now = () => performance.now(), log = () => undefined } = options
    this.#hash = keyedHash(options.key)
    this.#store = store
    this.#shared = shared
    this.#ttl = options.ttl ?? { atLeastMs: MINUTE_MS, atMostMs: MONTH_MS }
    this.#lookupMs = lookupMs
    this.#now = now
    this.#log = log
    // Without a resolution of 0 the caches ask the clock only now and then.
    const clock = { perf: { now }, ttlResolution: 0 }
    const least = leastWeight(MAX_MEMORY, max)
    this.#known = new LRUCache({
      ...clock, maxSize: MAX_MEMORY, sizeCalculation: ({ record }) => Math.max(least, ENTRY_BYTES + record.tenants.join().length),
      dispose: (_known, digest, reason) => { if (reason !== 'set') this.#writer.drop(digest) },
    })
    this.#asked = new LRUCache({ ...clock, ...atMost(Math.ceil(max * ASKED_SHARE)), ttl: ASKED_MS })
    this.#maxLookups = Math.ceil(max * LOOKUPS_SHARE)
    this.#writer = new BindingWriter({ write: (digest) => this.#write(digest), failed: (error) => this.#failed(error), now })
  }

  /** How many bindings memory holds. */
  get size(): number {
    return this.#known.size
  }

  /** Look-ups and writes that the store failed, or answered too late, and bindings that were out of bounds. */
  get failures(): number {
    return this.#failures
  }

  /** The store failed a look-up within the last second: what memory does not hold, others may know. */
  get isAway(): boolean {
    return this.#now() - this.#unansweredAt < AWAY_MS
  }

  /** The key of a binding: HMAC-SHA256 (RFC 2104), its first 16 bytes in hexadecimal. Once for each request: 1 µs for each 1,000 characters. */
  digest(account: Account, kind: BindingKind, id: string): string {
    // Neither account nor kind has a line break. UTF-8 would make all lone surrogates one.
    return this.#hash(`${account}\n${kind}\n${id}`, id.isWellFormed() ? 'utf8' : 'utf16le').slice(0, DIGEST_LENGTH)
  }

  /** What memory knows. */
  get(digest: string): BindingRecord | undefined {
    return this.#known.get(digest)?.record
  }

  /** Whether the store need not be asked: it could not tell more than memory does. */
  isFresh(digest: string): boolean {
    if (this.#store === null) return true
    const record = this.#known.peek(digest)?.record
    // Another node may have learned meanwhile that it may allow.
    if (record !== undefined && (record.mayAllow || !this.#shared)) return true
    return this.#asked.has(digest)
  }

  /** Asks the store, and takes what it knows into memory. Never rejects and never takes longer than `lookupMs`. */
  load(digest: string): Promise<BindingLookup> {
    const store = this.#store
    if (store === null) return Promise.resolve(this.#known.has(digest) ? 'known' : 'none')
    const running = this.#lookups.get(digest)
    if (running !== undefined) return running
    if (this.isAway) return Promise.resolve('failed')
    if (this.#lookups.size >= this.#maxLookups) {
      this.#failed('too many look-ups at once')
      return Promise.resolve('failed')
    }
    const answer = this.#ask(store, digest)
    const lookup = this.#inTime(answer)
    this.#lookups.set(digest, lookup)
    // A late answer is still awaited, so that there is never a second question for the same.
    void answer.finally(() => this.#lookups.delete(digest))
    return lookup
  }

  /**
   * Remembers a binding for `ttlMs` (see `ttl`), and tells the store. One that may allow is not replaced by one that may
   * not; among equals the newer counts.
   */
  put(digest: string, record: BindingRecord, ttlMs: number): void {
    if (parseBinding(record) === null) return this.#failed('a binding is out of bounds and was left out')
    const before = this.#known.peek(digest)
    if (before !== undefined && isBetter(before.record, record)) return
    const { atLeastMs, atMostMs } = this.#ttl
    const ttl = ttlMs > atLeastMs ? Math.min(ttlMs, atMostMs) : atLeastMs
    const isTold = before !== undefined && isSame(before.record, record) && this.#now() < before.rewriteAt
    this.#known.set(digest, { record, rewriteAt: isTold ? before.rewriteAt : this.#now() + ttl / 2 }, { ttl })
    if (this.#store !== null && !isTold) this.#writer.add(digest)
  }

  /** Writes what is not written yet, for a second at most. */
  async close(): Promise<void> {
    await this.#writer.close()
  }

  async #ask(store: Pick<Store, 'binding'>, digest: string): Promise<BindingLookup> {
    try {
      await this.#learn(store, digest)
      this.#asked.set(digest, true)
      return this.#known.has(digest) ? 'known' : 'none'
    } catch (error) {
      this.#unanswered(error)
      return 'failed'
    }
  }

  #inTime(answer: Promise<BindingLookup>): Promise<BindingLookup> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<BindingLookup>((resolve) => {
      timer = setTimeout(() => {
        this.#unanswered('a look-up took too long')
        resolve('failed')
      }, this.#lookupMs)
    })
    return Promise.race([answer, late]).finally(() => clearTimeout(timer))
  }

  /** Takes what the store knows into memory, unless memory knows better. */
  async #learn(store: Pick<Store, 'binding'>, digest: string): Promise<void> {
    const found = await store.binding(digest)
    if (found === null) return
    const { leftMs, ...record } = found
    const held = this.#known.peek(digest)?.record
    if (held !== undefined && isBetter(held, record)) return
    const ttl = Math.min(leftMs, this.#ttl.atMostMs)
    this.#known.set(digest, { record, rewriteAt: this.#now() + ttl / 2 }, { ttl })
  }

  async #write(digest: string): Promise<void> {
    const record = this.#known.peek(digest)?.record
    if (record === undefined || this.#store === null) return
    if (!record.mayAllow) {
      // The store takes the last write: what it knows better must not be written over.
      await this.#learn(this.#store, digest)
      if (this.#known.peek(digest)?.record !== record) return
    }
    await this.#store.putBinding(digest, record, this.#known.getRemainingTTL(digest))
  }

  #unanswered(error: unknown): void {
    this.#unansweredAt = this.#now()
    this.#failed(error)
  }

  #failed(error: unknown): void {
    this.#failures++
    if (this.#warnings.note(this.#now()) === 0) return
    this.#log('warn', `Not all bindings are kept and shared: ${error instanceof Error ? error.message : String(error)}`)
  }
}

function isBetter(held: BindingRecord, next: BindingRecord): boolean {
  return held.mayAllow === next.mayAllow ? held.at > next.at : held.mayAllow
}

/** Whether both say the same, whenever it was learned. */
function isSame(a: BindingRecord, b: BindingRecord): boolean {
  return a.account === b.account && a.person === b.person && a.mayAllow === b.mayAllow && a.how === b.how
    && a.tenants.length === b.tenants.length && a.tenants.every((id, n) => id === b.tenants[n])
}
