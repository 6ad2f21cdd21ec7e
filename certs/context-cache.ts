import { constants } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import type { SecureContext, SecureContextOptions, SecureVersion } from 'node:tls'
import { LRUCache } from 'lru-cache'
import type { Authority } from './authority.ts'
import { isFresh, makeLeafKey } from './leaf-cache.ts'
import type { LeafSource, MadeLeaf } from './leaf-cache.ts'
import { issueLeaf } from './leaf.ts'
import { TICKET_LIFETIME_MS, TicketKeys } from './ticket-keys.ts'

/**
 * Ephemeral keys and authenticated encryption only (RFC 9325 §4.2); the leaf key is EC, so no RSA suite applies. AES-128 first: all that
 * is on this list is beyond anybody's reach, and it takes an eighth less than AES-256.
 */
const CIPHERS = [
  'TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-ECDSA-AES256-GCM-SHA384', 'ECDHE-ECDSA-CHACHA20-POLY1305',
].join(':')
/** Who puts ChaCha20 first has no hardware for AES, a phone for one, and gets it. */
export const CHACHA_IF_FIRST = constants.SSL_OP_PRIORITIZE_CHACHA

/**
 * What is spoken with clients: of the contexts themselves, and of a server that takes them by SNI. From the context of an SNICallback
 * OpenSSL takes only certificate and key: protocol, ciphers and ticket keys stay those of the server (SSL_set_SSL_CTX).
 */
export const serverTls = (minVersion: SecureVersion = 'TLSv1.2'): Required<
  Pick<SecureContextOptions, 'minVersion' | 'ciphers' | 'honorCipherOrder' | 'secureOptions'>
> => ({ minVersion, ciphers: CIPHERS, honorCipherOrder: true, secureOptions: CHACHA_IF_FIRST })

export interface ContextCacheOptions {
  readonly authority: Authority
  /** Leaves kept, at 1 KiB each; the least recently used goes first. Default 10,000. */
  readonly max?: number
  /** Contexts kept, at 30 KiB each: of other hosts they are made again, from the leaf, in half a millisecond. Default 400. */
  readonly maxContexts?: number
  readonly now?: () => Date
  /** By what clients resume their sessions; without it nobody else takes the tickets made here. */
  readonly tickets?: TicketKeys
  /** Makes the leaves, which are asked for once each; without it they are signed here. */
  readonly source?: LeafSource | undefined
  /** Called for every leaf that is signed here. */
  readonly onIssue?: () => void
  /** Lowest protocol towards clients; the same goes into `serverTls`. Default TLSv1.2. */
  readonly minVersion?: SecureVersion
}

export interface ContextCacheStats {
  readonly size: number
  readonly hits: number
  readonly misses: number
}

interface Made {
  readonly context: SecureContext
  readonly leaf: MadeLeaf
  /** That of its ticket key. */
  readonly period: number
}

/**
 * TLS server contexts by host name, their leaves signed on demand. Of more hosts than contexts are kept of, the leaf alone is. All leaves share one P-256 key, made with the cache
 * or its source
 * and never written anywhere; it is not the authority's. A session begun under one name is resumed under that name alone, and not
 * after the authority was replaced.
 */
export class ContextCache {
  readonly #leaves: LRUCache<string, MadeLeaf>
  readonly #contexts: LRUCache<string, Made>
  readonly #keyPem: string
  readonly #spki: Buffer
  readonly #source: LeafSource | null
  /** What the source is being asked for. */
  readonly #asked = new Map<string, Promise<MadeLeaf>>()
  readonly #now: () => Date
  readonly #onIssue: (() => void) | undefined
  readonly #minVersion: SecureVersion
  readonly #tickets: TicketKeys
  #authority: Authority
  #hits = 0
  #misses = 0

  constructor(options: ContextCacheOptions) {
    const { keyPem, spki } = makeLeafKey()
    this.#source = options.source ?? null
    this.#keyPem = options.source?.keyPem ?? keyPem
    this.#spki = spki
    this.#leaves = new LRUCache({ maxSize: options.max ?? 10_000, sizeCalculation: () => 1 })
    this.#contexts = new LRUCache({ max: options.maxContexts ?? 400, dispose: ({ context }) => release(context) })
    this.#authority = options.authority
    this.#now = options.now ?? (() => new Date())
    this.#onIssue = options.onIssue
    this.#minVersion = options.minVersion ?? 'TLSv1.2'
    this.#tickets = options.tickets ?? new TicketKeys({ now: () => this.#now().getTime() })
  }

  /**
   * The context for a host name: begin the handshake in the same turn, later it may be freed. Rejects with the `CertificateError` of `issueLeaf`. Signing takes well under a
   * millisecond and happens at once, so two calls for one name never sign twice.
   */
  async get(host: string): Promise<SecureContext> {
    const found = this.#leafOf(host, this.#now())
    const leaf = found instanceof Promise ? await found : found
    const { period } = this.#tickets
    const made = this.#contexts.get(host)
    if (made !== undefined && made.leaf === leaf && made.period === period) return made.context
    const context = this.#contextOf(host, leaf.certificatePem)
    this.#contexts.set(host, { context, leaf, period })
    return context
  }

  get stats(): ContextCacheStats {
    return { size: this.#leaves.size, hits: this.#hits, misses: this.#misses }
  }

  /** Further contexts come from this authority; those in use stay as they are. */
  replaceAuthority(authority: Authority): void {
    this.#authority = authority
    this.#leaves.clear()
    this.#asked.clear()
    this.#contexts.clear()
  }

  #leafOf(host: string, now: Date): MadeLeaf | Promise<MadeLeaf> {
    const kept = this.#leaves.get(host)
    if (kept !== undefined && isFresh(kept, this.#authority, now)) {
      this.#hits++
      return kept
    }
    if (this.#source !== null) return this.#askOnce(this.#source, host)
    this.#misses++
    const leaf = { ...issueLeaf(this.#authority, host, this.#spki, now), madeAt: now }
    this.#onIssue?.()
    this.#leaves.set(host, leaf)
    return leaf
  }

  #askOnce(source: LeafSource, host: string): Promise<MadeLeaf> {
    const running = this.#asked.get(host)
    if (running !== undefined) {
      this.#hits++
      return running
    }
    const asked = this.#ask(source, host).finally(() => {
      if (this.#asked.get(host) === asked) this.#asked.delete(host)
    })
    this.#asked.set(host, asked)
    return asked
  }

  async #ask(source: LeafSource, host: string): Promise<MadeLeaf> {
    const authority = this.#authority
    const leaf = { ...await source.leaf(host), madeAt: this.#now() }
    if (authority === this.#authority) this.#leaves.set(host, leaf)
    return leaf
  }

  #contextOf(host: string, cert: string): SecureContext {
    return createSecureContext({
      key: this.#keyPem, cert, ...serverTls(this.#minVersion),
      ticketKeys: this.#tickets.keyFor(`${this.#authority.fingerprint256} ${host}`),
      sessionTimeout: TICKET_LIFETIME_MS / 1000,
    })
  }
}

/**
 * Frees what OpenSSL keeps of a context: V8 believes it small, and collects it late. Connections that have it keep it; whoever was just
 * given it has a turn to begin a handshake by it.
 */
function release({ context }: SecureContext): void {
  const native: unknown = context
  setImmediate(() => {
    if (typeof native === 'object' && native !== null && 'close' in native && typeof native.close === 'function') native.close()
  })
}
