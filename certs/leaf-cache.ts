import { generateKeyPairSync } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { Authority } from './authority.ts'
import { issueLeaf } from './leaf.ts'
import type { Leaf } from './leaf.ts'

/** A leaf with less than this left is made anew, so that no long handshake queue or slow clock meets an expired one. */
const RENEW_BEFORE = 6 * 3_600_000

/** Where leaves come from that are made elsewhere. */
export interface LeafSource {
  /** Of all its leaves, PEM (PKCS #8). Never written or logged. */
  readonly keyPem: string
  /** Rejects with the `CertificateError` of `issueLeaf`. */
  leaf(host: string): Promise<Leaf>
}

export interface LeafCacheOptions {
  readonly authority: Authority
  /** Leaves kept; the least recently used goes first. Default 10,000. */
  readonly max?: number
  readonly now?: () => Date
}

export interface MadeLeaf extends Leaf {
  readonly madeAt: Date
}

/** Leaves by host name, made on demand for several processes, so that none is made twice. All share one P-256 key, which is the cache's. */
export class LeafCache {
  readonly keyPem: string
  readonly #spki: Buffer
  readonly #leaves: LRUCache<string, MadeLeaf>
  readonly #now: () => Date
  #authority: Authority
  #hits = 0
  #misses = 0

  constructor({ authority, max = 10_000, now = () => new Date() }: LeafCacheOptions) {
    const { keyPem, spki } = makeLeafKey()
    this.keyPem = keyPem
    this.#spki = spki
    this.#authority = authority
    this.#leaves = new LRUCache({ maxSize: max, sizeCalculation: () => 1 })
    this.#now = now
  }

  /** Throws the `CertificateError` of `issueLeaf`. */
  get(host: string): Leaf {
    const now = this.#now()
    const kept = this.#leaves.get(host)
    if (kept !== undefined && isFresh(kept, this.#authority, now)) {
      this.#hits++
      return kept
    }
    this.#misses++
    const made = { ...issueLeaf(this.#authority, host, this.#spki, now), madeAt: now }
    this.#leaves.set(host, made)
    return made
  }

  get stats(): { readonly size: number; readonly hits: number; readonly misses: number } {
    return { size: this.#leaves.size, hits: this.#hits, misses: this.#misses }
  }

  /** Further leaves come from this authority. */
  replaceAuthority(authority: Authority): void {
    this.#authority = authority
    this.#leaves.clear()
  }
}

/** `spki`: SubjectPublicKeyInfo, DER. */
export function makeLeafKey(): { readonly keyPem: string; readonly spki: Buffer } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  return { keyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), spki: publicKey.export({ type: 'spki', format: 'der' }) }
}

/** Whether a leaf may still be shown. */
export function isFresh({ madeAt, notAfter }: MadeLeaf, authority: Pick<Authority, 'notAfter'>, now: Date): boolean {
  // Made while the clock was ahead: for clients, whose own is right, it is not valid yet.
  if (now < madeAt && madeAt.getTime() - now.getTime() > RENEW_BEFORE) return false
  const left = notAfter.getTime() - now.getTime()
  // A new leaf cannot outlast the authority: one that ends with it is good until then.
  return left > RENEW_BEFORE || (left > 0 && notAfter >= authority.notAfter)
}
