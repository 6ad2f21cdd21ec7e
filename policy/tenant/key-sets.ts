import { LRUCache } from 'lru-cache'
import { compactVerify, decodeProtectedHeader, importJWK } from 'jose'
import type { JWK } from 'jose'
import { atMost } from '../at-most.ts'
import type { Account } from '../operation.ts'
import { isObject, listMember, member, readJson, textMember } from '../providers/json.ts'
import type { RequestHead } from '../providers/provider.ts'
import { claimedTenant } from './claims.ts'
import { PERSONAL } from './personal.ts'

export type Signature = 'valid' | 'forged'
/** Microsoft's sets say of each key whose tokens it may sign. */
export type Key = JWK & { readonly issuer?: unknown }

/** Providers change keys every few weeks and show some of them at a time; more are an attack. */
const KEYS_MAX = 100
const TOKENS_MAX = 10_000
/** The clocks of provider and proxy may differ. */
const TOLERANCE_S = 300
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512'] as const

/**
 * Where providers publish the keys that sign their tokens. Only the sets that every directory shares: a directory's own
 * address also lists keys that its owner made, and whoever can sign with one could name any tenant.
 */
const SOURCES: ReadonlyMap<string, Account> = new Map<string, Account>([
  ['login.microsoftonline.com/common/discovery/v2.0/keys', 'microsoft'],
  ['login.microsoftonline.com/common/discovery/keys', 'microsoft'],
  ['login.microsoftonline.com/organizations/discovery/v2.0/keys', 'microsoft'],
  ['www.googleapis.com/oauth2/v3/certs', 'google'],
])

/**
 * The keys that verify tokens, by account: from files (`tenants.keySets`) and as the providers' answers showed them.
 * RFC 7517 (JSON Web Key Set), RFC 7515 (signatures).
 */
export class KeySets {
  readonly #configured = new Map<string, Key>()
  readonly #learned = new Map<Account, Map<string, Key>>()
  readonly #told = new LRUCache<string, { readonly is: Signature | undefined; readonly version: number }>(atMost(TOKENS_MAX))
  readonly #now: () => number
  #version = 0

  /** `sets`: key sets from files. `now`: milliseconds since 1970. */
  constructor(sets: readonly (readonly Key[])[] = [], now: () => number = Date.now) {
    for (const key of sets.flat()) if (key.kid !== undefined) this.#configured.set(key.kid, key)
    this.#now = now
  }

  isSource({ method, host, path, query }: RequestHead): boolean {
    return method === 'GET' && query === '' && SOURCES.has(host + path)
  }

  /** Takes over the keys of an answer; what is no key set changes nothing. */
  learn(account: Account, body: Buffer): void {
    const keys = readKeySet(body.toString('utf8'))
    if (keys === undefined || keys.length > KEYS_MAX) return
    const known = this.#learned.get(account) ?? new Map<string, Key>()
    this.#learned.set(account, known)
    for (const key of keys) {
      if (key.kid === undefined) continue
      if (known.size >= KEYS_MAX) known.delete([...known.keys()][0] ?? '')
      known.set(key.kid, key)
    }
    this.#version++
  }

  /** What was found of a credential, by its digest. */
  signature(digest: string): Signature | undefined {
    return this.#told.get(digest)?.is
  }

  /** Whether `verify` could find out more than `signature` knows. */
  mayTell(digest: string): boolean {
    return this.#told.get(digest)?.version !== this.#version
  }

  /** Verifies a token and remembers the answer under its digest. Never rejects. */
  async verify(account: Account, token: string, digest: string): Promise<void> {
    const version = this.#version
    const is = await this.#check(account, token)
    this.#told.set(digest, { is, version })
  }

  async #check(account: Account, token: string): Promise<Signature | undefined> {
    let header: ReturnType<typeof decodeProtectedHeader>
    try {
      header = decodeProtectedHeader(token)
    } catch {
      return undefined // no JWT
    }
    if (header.alg?.toLowerCase() === 'none') return 'forged'
    const key = this.#find(account, header.kid)
    if (key === undefined) return undefined
    let payload: Uint8Array
    try {
      const algorithms = key.alg === undefined ? [...ALGORITHMS] : [key.alg]
      payload = (await compactVerify(token, await importJWK(key, header.alg ?? ''), { algorithms })).payload
    } catch {
      // Microsoft signs the tokens of Graph over another header than the one that it sends, and marks them by a nonce.
      return 'nonce' in header ? undefined : 'forged'
    }
    return this.#isGood(account, key, token, readJson(Buffer.from(payload).toString('utf8'))) ? 'valid' : undefined
  }

  #find(account: Account, kid: string | undefined): Key | undefined {
    return kid === undefined ? undefined : this.#configured.get(kid) ?? this.#learned.get(account)?.get(kid)
  }

  /** In its time, and of an issuer that may speak for the tenant that it names. */
  #isGood(account: Account, key: Key, token: string, claims: unknown): boolean {
    const now = this.#now() / 1000
    const exp = member(claims, 'exp')
    const nbf = member(claims, 'nbf')
    if (typeof exp !== 'number' || exp + TOLERANCE_S < now) return false
    if (typeof nbf === 'number' && nbf - TOLERANCE_S > now) return false
    const tenant = claimedTenant(account, token)
    const issuer = textMember(claims, 'iss')
    if (tenant === undefined || issuer === undefined) return false
    if (account === 'google') return issuer === 'https://accounts.google.com' || issuer === 'accounts.google.com'
    const tid = tenant === PERSONAL ? textMember(claims, 'tid')?.toLowerCase() ?? '' : tenant
    const issuers = [`https://sts.windows.net/${tid}/`, `https://login.microsoftonline.com/${tid}/v2.0`]
    // A key may be good for one directory only (Microsoft identity platform, "Access tokens", validating the issuer).
    const bound = typeof key.issuer === 'string' ? key.issuer.replace('{tenantid}', tid) : undefined
    return issuers.includes(issuer) && (bound === undefined || issuers.includes(bound))
  }
}

/** The keys of a JSON Web Key Set; undefined where it is none. */
export function readKeySet(text: string): readonly Key[] | undefined {
  return keysIn(readJson(text))
}

/** The same of one that is read already. Shared secrets are left out: whoever publishes one gives it away. */
export function keysIn(set: unknown): readonly Key[] | undefined {
  const keys = listMember(set, 'keys')
  return keys?.filter(isObject).filter(key => typeof key.kty === 'string' && key.kty !== 'oct').map(key => key as Key)
}
