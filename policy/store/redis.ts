import { ACCOUNTS } from '../providers/index.ts'
import type { Account, Tenant } from '../operation.ts'
import { SluiceError } from '../errors.ts'
import type { Policy } from '../policy.ts'
import { parseBinding } from './binding-record.ts'
import type { BindingRecord, StoredBinding } from './binding-record.ts'
import { changeOf, policyChange, tenantDeleted, tenantsChange, tokenCreated, tokenDeleted } from './audit-changes.ts'
import type { Change } from './audit-entry.ts'
import { bindingKey, KEYS, rememberedKey, sessionKey, TENANTS_KEYS, tenantsKey } from './keys.ts'
import {
  corrupt, newRevision, normaliseTenant, normaliseTenants, parseJson, parseOrNull, parseRevision, parseTenantField, sortTenants,
} from './records.ts'
import type { RedisAddress } from './redis-address.ts'
import { array, putting, readTenants, readToken, readTokens, stateOf } from './redis-answers.ts'
import { restoreRedis } from './redis-restore.ts'
import { greet } from './redis-schema.ts'
import { RedisAudit } from './redis-audit.ts'
import { RedisLink } from './redis-link.ts'
import {
  DELETE_TENANT, FINGERPRINT, getBinding, NOTE, PUT_CONTROLS, PUT_POLICY, PUT_TENANTS, PUT_TOKEN, putSession, STATE, USE_TOKEN,
} from './scripts.ts'
import type { Restoration } from './restoration.ts'
import { parseSession } from './session-record.ts'
import type { SessionRecord } from './session-record.ts'
import { readBy, writerField } from './session-writers.ts'
import { stalePolicy } from './stale.ts'
import { Watchers } from './watchers.ts'
import type {
  AuditEntry, AuditHead, By, Controls, ControlsChange, Health, PolicyMeta, Revision, SessionWriterCount, Store, StoredToken, StoreState,
} from './store.ts'
import type { Log } from './log.ts'

/** Half of the second within which a change must be noticed, whether or not its message came. */
const POLL_MS = 500

export interface RedisOptions {
  readonly whenDown: 'reject' | 'retry'
  /** Sets no mark and upgrades nothing. */
  readonly isLook: boolean
  readonly log: Log
}

/**
 * Opens a store in Redis. When it cannot be reached, rejects with `store.unreachable`, or with `whenDown: 'retry'`
 * resolves with a store that is down, keeps trying, and calls its watchers when it has got through.
 */
export async function openRedis(address: RedisAddress, options: RedisOptions): Promise<Store> {
  const { whenDown, log } = options
  const store = new RedisStore(address, options.isLook, log)
  await store.open(whenDown)
  return store
}

class RedisStore implements Store {
  readonly kind = 'redis'
  readonly #link: RedisLink
  readonly #audit: RedisAudit
  readonly #log: Log
  readonly #watchers: Watchers
  #timer: NodeJS.Timeout | undefined
  #looking = false
  #lookAgain = false
  /** Whether the next look is at the allowlists however long they are. */
  #lookWell = false
  #closed = false
  /** Fingerprint and outages at the last look; undefined before the first. */
  #seen: string | undefined
  #skipped = ''
  /** What was read last, and the version and digest that it had. */
  #held: { readonly key: string; readonly tenants: readonly Tenant[] } | undefined

  constructor(address: RedisAddress, isLook: boolean, log: Log) {
    this.#log = log
    this.#watchers = new Watchers(log)
    this.#link = new RedisLink(address, (redis) => greet(redis, isLook), (message) => {
      // Sluice's own messages tell the version, which is counted already. Another tool's say only that there is something.
      if (message === 'tenants') this.#lookWell = true
      this.#look()
    }, log)
    this.#audit = new RedisAudit(this.#link)
  }

  async open(whenDown: 'reject' | 'retry'): Promise<void> {
    try {
      await this.#link.connect()
    } catch (error) {
      if (whenDown === 'reject' || (error instanceof SluiceError && error.code !== 'store.unreachable')) {
        await this.close()
        throw error
      }
    }
    this.#timer = setInterval(() => this.#look(), POLL_MS).unref()
  }

  async load(): Promise<StoreState> {
    const held = this.#held
    const state = stateOf(await this.#link.run(STATE))
    const { policy: now, controls: nowControls, version: nowVersion } = state
    if (held?.key === state.key) return { policy: now, tenants: held.tenants, tenantsVersion: nowVersion, controls: nowControls }
    // The lists come straight from Redis, in one step with what they belong to: through a script they take five times as long.
    const [found, ...hashes] = await this.#link.together(STATE, TENANTS_KEYS.map((key) => ['HGETALL', key]))
    const { key, policy, controls, version } = stateOf(found)
    const faults: string[] = []
    const tenants: Tenant[][] = []
    for (const [index, account] of ACCOUNTS.entries()) tenants.push(await readTenants(account, hashes[index], faults))
    this.#report(faults)
    const sorted = await sortTenants(tenants.flat())
    this.#held = { key, tenants: sorted }
    return { policy, tenants: sorted, tenantsVersion: version, controls }
  }

  async putPolicy(policy: Policy, meta: PolicyMeta): Promise<Revision> {
    const { expected } = meta
    const revision = newRevision(policy, meta)
    const answer = await this.#audit.run(PUT_POLICY, async () => {
      const before = await this.#link.ask((redis) => redis.hget(KEYS.policy, 'current'))
      const last = before === null ? null : parseOrNull(before, (value) => parseRevision(value, KEYS.policy))
      return { change: policyChange(last, revision), args: [expected, JSON.stringify(revision)] }
    })
    const [done, number] = array(answer, KEYS.policy)
    if (typeof number !== 'number') throw corrupt(KEYS.policy, 'its revision is not a number')
    if (done !== 1) throw stalePolicy(expected, number)
    return revision
  }

  async revision(n: number): Promise<Revision | null> {
    const text = await this.#link.ask((redis) => redis.hget(KEYS.revisions, String(n)))
    return text === null ? null : parseRevision(parseJson(text, `${KEYS.revisions} ${n}`), `${KEYS.revisions} ${n}`)
  }

  async revisions({ before = Infinity, limit }: { before?: number; limit: number }): Promise<readonly Revision[]> {
    const fields = await this.#link.ask((redis) => redis.hkeys(KEYS.revisions))
    const numbers = fields.map(Number).filter((n) => n < before).sort((a, b) => b - a).slice(0, limit)
    if (numbers.length === 0) return []
    const texts = await this.#link.ask((redis) => redis.hmget(KEYS.revisions, ...numbers.map(String)))
    return texts.flatMap((text, i) => {
      const where = `${KEYS.revisions} ${numbers[i] ?? ''}`
      return text === null ? [] : [parseRevision(parseJson(text, where), where)]
    })
  }

  async putTenant(tenant: Tenant, by: By): Promise<void> {
    await this.#putTenants([normaliseTenant(tenant)], by)
  }

  async putTenants(tenants: readonly Tenant[], by: By, expected?: number): Promise<boolean> {
    return this.#putTenants(await normaliseTenants(tenants), by, expected)
  }

  async deleteTenant(account: Account, id: string, by: By, expected?: number): Promise<boolean> {
    const place = { account, id: id.toLowerCase() }
    return Number(await this.#audit.run(DELETE_TENANT, async () => {
      const [before] = await this.#stored([place])
      return { change: tenantDeleted(by, place, before), args: [tenantsKey(account), place.id, expected ?? ''] }
    })) > 0
  }

  async tokens(): Promise<readonly StoredToken[]> {
    const [hash, uses] = await Promise.all([
      this.#link.ask((redis) => redis.hgetall(KEYS.tokens)), this.#link.ask((redis) => redis.hgetall(KEYS.tokenUses)),
    ])
    return readTokens(hash, uses, this.#log)
  }

  async putToken({ lastUsedAt: _, ...token }: StoredToken, by: By): Promise<void> {
    await this.#audit.run(PUT_TOKEN, () => ({ change: tokenCreated(by, token), args: [token.id, JSON.stringify(token)] }))
  }

  async deleteToken(id: string, by: By): Promise<boolean> {
    return await this.#audit.run(PUT_TOKEN, async () => {
      const before = await this.#link.ask((redis) => redis.hget(KEYS.tokens, id))
      const token = before === null ? null : parseOrNull(before, readToken)
      return { change: tokenDeleted(by, id, token ?? undefined), args: [id] }
    }) === 1
  }

  async usedToken(id: string, atMs: number): Promise<void> {
    await this.#link.run(USE_TOKEN, id, Math.round(atMs))
  }

  async putControls(controls: Controls, { expected, action, subject, detail, ...by }: ControlsChange): Promise<boolean> {
    const text = JSON.stringify({ ...controls, version: expected + 1 })
    return await this.#audit.run(PUT_CONTROLS, () => ({ change: changeOf(by, action, subject, detail), args: [expected, text] })) === 1
  }

  async audit({ from, limit }: { from: number; limit: number }): Promise<readonly AuditEntry[]> {
    return this.#audit.page(from, limit)
  }

  async auditHead(): Promise<AuditHead | null> {
    return this.#audit.head()
  }

  async note({ action, subject, detail, ...by }: By & Pick<Change, 'action' | 'subject' | 'detail'>): Promise<void> {
    await this.#audit.run(NOTE, () => ({ change: changeOf(by, action, subject, detail), args: [] }))
  }

  restore(restoration: Restoration): Promise<void> {
    return restoreRedis(this.#link, restoration)
  }

  async remembered(digest: string): Promise<string | null> {
    return this.#link.ask((redis) => redis.get(rememberedKey(digest)))
  }

  async remember(digest: string, text: string, ttlMs: number): Promise<boolean> {
    return await this.#link.ask((redis) => redis.set(rememberedKey(digest), text, 'PX', Math.ceil(ttlMs), 'NX')) === 'OK'
  }

  async session(digest: string): Promise<SessionRecord | null> {
    const { bytes, sent = 0, size, startedAt, updatedAt, ...texts } = await this.#link.ask((redis) => redis.hgetall(sessionKey(digest)))
    if (bytes === undefined) return null
    const counts = { bytes: Number(bytes), sent: Number(sent), startedAt: Number(startedAt), updatedAt: Number(updatedAt) }
    const record = parseSession({ ...texts, ...counts, ...(size === undefined ? {} : { size: Number(size) }) })
    return record === null ? null : { ...record, ...readBy(texts) }
  }

  async putSession(digest: string, { bytes, sent, startedAt, by: _, ...rest }: SessionRecord, ttlMs: number, by?: SessionWriterCount): Promise<void> {
    const fields = Object.entries(rest).flatMap(([name, value]) => value === undefined ? [] : [name, value])
    const who = by === undefined ? ['', 0] : [writerField(by.id), by.sent]
    await this.#link.run(putSession(digest), Math.ceil(ttlMs), sessionKey(''), digest, bytes, startedAt, sent, ...who, ...fields)
  }

  async binding(digest: string): Promise<StoredBinding | null> {
    const found = await this.#link.run(getBinding(digest))
    if (!Array.isArray(found)) return null
    const [text, leftMs]: unknown[] = found
    // One without an end is not of Sluice's making.
    if (typeof text !== 'string' || typeof leftMs !== 'number' || leftMs <= 0) return null
    const record = parseOrNull(text, parseBinding)
    return record === null ? null : { ...record, leftMs }
  }

  async putBinding(digest: string, record: BindingRecord, ttlMs: number): Promise<void> {
    const key = bindingKey(digest)
    await this.#link.ask(async (redis) => ttlMs <= 0 ? redis.del(key) : redis.set(key, JSON.stringify(record), 'PX', Math.ceil(ttlMs)))
  }

  watch(changed: () => void): () => void {
    return this.#watchers.add(changed)
  }

  health(): Health {
    return this.#link.health()
  }

  async close(): Promise<void> {
    this.#closed = true
    clearInterval(this.#timer)
    this.#watchers.clear()
    this.#link.close()
  }

  // One look at a time; whoever asks during one is answered by another after it.
  #look(): void {
    if (this.#closed) return
    if (this.#looking) {
      this.#lookAgain = true
      return
    }
    this.#looking = true
    void this.#compare().finally(() => {
      this.#looking = false
      if (!this.#lookAgain) return
      this.#lookAgain = false
      this.#look()
    })
  }

  async #compare(): Promise<void> {
    try {
      const well = this.#lookWell
      this.#lookWell = false
      const fingerprint = String(await this.#link.run(FINGERPRINT, well ? 1 : 0))
      // An outage counts as a change, so that whoever could not read during it does so now.
      const found = `${fingerprint} ${this.#link.outages}`
      if (found === this.#seen || this.#closed) return
      this.#seen = found
      this.#watchers.tell()
    } catch (error) {
      // The link has reported it.
      if (!(error instanceof SluiceError)) throw error
    }
  }

  async #putTenants(tenants: readonly Tenant[], by: By, expected?: number): Promise<boolean> {
    const args = putting(tenants, expected)
    return await this.#audit.run(PUT_TENANTS, async () => {
      return { change: tenantsChange(by, tenants, await this.#stored(tenants)), args }
    }, tenants.length > 1) === 1
  }

  /** What is stored of some tenants, in any order: of one, asked for; of more, from the list. */
  async #stored(places: readonly Pick<Tenant, 'account' | 'id'>[]): Promise<Tenant[]> {
    const [only] = places
    if (places.length === 1 && only !== undefined) {
      const text = await this.#link.ask((redis) => redis.hget(tenantsKey(only.account), only.id))
      const found = text === null ? null : parseTenantField(only.account, only.id, text)
      return found === null || 'fault' in found ? [] : [found]
    }
    const wanted = new Set(places.map(({ account, id }) => `${account} ${id}`))
    return (await this.load()).tenants.filter(({ account, id }) => wanted.has(`${account} ${id}`))
  }

  #report(faults: readonly string[]): void {
    const text = faults.join('; ')
    if (text !== '' && text !== this.#skipped) this.#log('warn', `Tenants in Redis were left out: ${text}`)
    this.#skipped = text
  }
}
