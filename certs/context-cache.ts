import { constants, generateKeyPairSync } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import type { SecureContext, SecureContextOptions, SecureVersion } from 'node:tls'
import { LRUCache } from 'lru-cache'
import type { Authority } from './authority.ts'
import { issueLeaf } from './leaf.ts'
import type { Leaf } from './leaf.ts'
import { TICKET_LIFETIME_MS, TicketKeys } from './ticket-keys.ts'

/** A leaf with less than this left is made anew, so that no long handshake queue or slow clock meets an expired one. */
const RENEW_BEFORE = 6 * 3_600_000
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
  /** Called for every leaf that is signed. */
  readonly onIssue?: () => void
  /** Lowest protocol towards clients; the same goes into `serverTls`. Default TLSv1.2. */
  readonly minVersion?: SecureVersion
}

export interface ContextCacheStats {
  readonly size: number
  readonly hits: number
  readonly misses: number
}

interface KeptLeaf extends Leaf {
  readonly madeAt: Date
}

interface Made {
  readonly context: SecureContext
  readonly leaf: KeptLeaf
  /** That of its ticket key. */
  readonly period: number
}

/**
 * TLS server contexts by host name, their leaves signed on demand. Of more hosts than contexts are kept of, the leaf alone is. All leaves share one P-256 key, made with the cache
 * and never written anywhere; it is not the authority's. A session begun under one name is resumed under that name alone, and not
 * after the authority was replaced.
 */
export class ContextCache {
  readonly #leaves: LRUCache<string, KeptLeaf>
  readonly #contexts: LRUCache<string, Made>
  readonly #keyPem: string
  readonly #spki: Buffer
  readonly #now: () => Date
  readonly #onIssue: (() => void) | undefined
  readonly #minVersion: SecureVersion
  readonly #tickets: TicketKeys
  #authority: Authority
  #hits = 0
  #misses = 0

  constructor(options: ContextCacheOptions) {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
    this.#keyPem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
    this.#spki = publicKey.export({ type: 'spki', format: 'der' })
    this.#leaves = new LRUCache({ max: options.max ?? 10_000 })
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
    const leaf = this.#leafOf(host, this.#now())
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
    this.#contexts.clear()
  }

  #leafOf(host: string, now: Date): KeptLeaf {
    const kept = this.#leaves.get(host)
    if (kept !== undefined && this.#isFresh(kept, now)) {
      this.#hits++
      return kept
    }
    this.#misses++
    const leaf = { ...issueLeaf(this.#authority, host, this.#spki, now), madeAt: now }
    this.#onIssue?.()
    this.#leaves.set(host, leaf)
    return leaf
  }

  #contextOf(host: string, cert: string): SecureContext {
    return createSecureContext({
      key: this.#keyPem, cert, ...serverTls(this.#minVersion),
      ticketKeys: this.#tickets.keyFor(`${this.#authority.fingerprint256} ${host}`),
      sessionTimeout: TICKET_LIFETIME_MS / 1000,
    })
  }

  #isFresh(leaf: KeptLeaf, now: Date): boolean {
    // Made while the clock was ahead: for clients, whose own is right, it is not valid yet.
    if (now < leaf.madeAt && leaf.madeAt.getTime() - now.getTime() > RENEW_BEFORE) return false
    const left = leaf.notAfter.getTime() - now.getTime()
    // A new leaf cannot outlast the authority: one that ends with it is good until then.
    return left > RENEW_BEFORE || (left > 0 && leaf.notAfter >= this.#authority.notAfter)
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
