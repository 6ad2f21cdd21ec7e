import { ACCOUNTS } from '../providers/index.ts'
import type { Account, Tenant } from '../operation.ts'
import { SluiceError } from '../errors.ts'
import type { Policy } from '../policy.ts'
import { mapInSlices } from '../slices.ts'
import { parseBinding } from './binding-record.ts'
import type { BindingRecord, StoredBinding } from './binding-record.ts'
import { bindingKey, KEYS, sessionKey, TENANTS_KEYS, tenantsKey } from './keys.ts'
import {
  corrupt, normaliseTenant, normaliseTenants, parseJson, parseOrNull, parseRevision, parseTenantField, parseToken, sortTenants,
} from './records.ts'
import type { RedisAddress } from './redis-address.ts'
import { RedisLink } from './redis-link.ts'
import { DELETE_TENANT, FINGERPRINT, getBinding, PUT_POLICY, putSession, PUT_TENANTS, STATE } from './scripts.ts'
import { parseSession } from './session-record.ts'
import type { SessionRecord } from './session-record.ts'
import { stalePolicy } from './stale.ts'
import { Watchers } from './watchers.ts'
import type { Health, Revision, Store, StoredToken, StoreState } from './store.ts'
import type { Log } from './log.ts'

/** Half of the second within which a change must be noticed, whether or not its message came. */
const POLL_MS = 500

/**
 * Opens a store in Redis. When it cannot be reached, rejects with `store.unreachable`, or with `whenDown: 'retry'`
 * resolves with a store that is down, keeps trying, and calls its watchers when it has got through.
 */
export async function openRedis(address: RedisAddress, whenDown: 'reject' | 'retry', log: Log): Promise<Store> {
  const store = new RedisStore(address, log)
  await store.open(whenDown)
  return store
}

class RedisStore implements Store {
  readonly kind = 'redis'
  readonly #link: RedisLink
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

  constructor(address: RedisAddress, log: Log) {
    this.#log = log
    this.#watchers = new Watchers(log)
    this.#link = new RedisLink(address, (message) => {
      // Sluice's own messages tell the version, which is counted already. Another tool's say only that there is something.
      if (message === 'tenants') this.#lookWell = true
      this.#look()
    }, log)
  }

  async open(whenDown: 'reject' | 'retry'): Promise<void> {
    try {
      await this.#link.connect()
    } catch (error) {
      if (whenDown === 'reject') {
        await this.close()
        throw error
      }
    }
    this.#timer = setInterval(() => this.#look(), POLL_MS).unref()
  }

  async load(): Promise<StoreState> {
    const held = this.#held
    const state = stateOf(await this.#link.run(STATE))
    if (held?.key === state.key) return { policy: state.policy, tenants: held.tenants, tenantsVersion: state.version }
    // The lists come straight from Redis, in one step with what they belong to: through a script they take five times as long.
    const [found, ...hashes] = await this.#link.together(STATE, TENANTS_KEYS.map((key) => ['HGETALL', key]))
    const { key, policy, version } = stateOf(found)
    const faults: string[] = []
    const tenants: Tenant[][] = []
    for (const [index, account] of ACCOUNTS.entries()) tenants.push(await readTenants(account, hashes[index], faults))
    this.#report(faults)
    const sorted = await sortTenants(tenants.flat())
    this.#held = { key, tenants: sorted }
    return { policy, tenants: sorted, tenantsVersion: version }
  }

  async putPolicy(policy: Policy, meta: { expected: number; author: string; comment?: string }): Promise<Revision> {
    const revision: Revision = {
      revision: meta.expected + 1, policy, author: meta.author, at: new Date().toISOString(),
      ...(meta.comment === undefined ? {} : { comment: meta.comment }),
    }
    const [done, number] = array(await this.#link.run(PUT_POLICY, meta.expected, JSON.stringify(revision)), KEYS.policy)
    if (typeof number !== 'number') throw corrupt(KEYS.policy, 'its revision is not a number')
    if (done !== 1) throw stalePolicy(meta.expected, number)
    return revision
  }

  async revision(n: number): Promise<Revision | null> {
    const text = await this.#link.ask((redis) => redis.hget(KEYS.revisions, String(n)))
    return text === null ? null : parseRevision(parseJson(text, `${KEYS.revisions} ${n}`), `${KEYS.revisions} ${n}`)
  }

  async putTenant(tenant: Tenant): Promise<void> {
    await this.#link.run(PUT_TENANTS, ...putting([normaliseTenant(tenant)]))
  }

  async putTenants(tenants: readonly Tenant[], expected?: number): Promise<boolean> {
    return await this.#link.runLong(PUT_TENANTS, ...putting(await normaliseTenants(tenants), expected)) === 1
  }

  async deleteTenant(account: Account, id: string): Promise<boolean> {
    return Number(await this.#link.run(DELETE_TENANT, tenantsKey(account), id.toLowerCase())) > 0
  }

  async tokens(): Promise<readonly StoredToken[]> {
    const hash = await this.#link.ask((redis) => redis.hgetall(KEYS.tokens))
    const tokens: StoredToken[] = []
    for (const [id, text] of Object.entries(hash)) {
      try {
        tokens.push(parseToken(parseJson(text, `${KEYS.tokens} ${id}`), `${KEYS.tokens} ${id}`))
      } catch (error) {
        if (!(error instanceof SluiceError)) throw error
        this.#log('warn', `An admin token was left out: ${error.message}`)
      }
    }
    return tokens.sort((a, b) => a.createdAt.localeCompare(b.createdAt))
  }

  async putToken(token: StoredToken): Promise<void> {
    await this.#link.ask((redis) => redis.hset(KEYS.tokens, token.id, JSON.stringify(token)))
  }

  async deleteToken(id: string): Promise<boolean> {
    return await this.#link.ask((redis) => redis.hdel(KEYS.tokens, id)) > 0
  }

  async session(digest: string): Promise<SessionRecord | null> {
    const { bytes, sent = 0, size, startedAt, updatedAt, ...texts } = await this.#link.ask((redis) => redis.hgetall(sessionKey(digest)))
    if (bytes === undefined) return null
    const counts = { bytes: Number(bytes), sent: Number(sent), startedAt: Number(startedAt), updatedAt: Number(updatedAt) }
    return parseSession({ ...texts, ...counts, ...(size === undefined ? {} : { size: Number(size) }) })
  }

  async putSession(digest: string, { bytes, sent, startedAt, ...rest }: SessionRecord, ttlMs: number): Promise<void> {
    const fields = Object.entries(rest).flatMap(([name, value]) => value === undefined ? [] : [name, value])
    await this.#link.run(putSession(digest), Math.ceil(ttlMs), sessionKey(''), digest, bytes, startedAt, sent, ...fields)
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

  #report(faults: readonly string[]): void {
    const text = faults.join('; ')
    if (text !== '' && text !== this.#skipped) this.#log('warn', `Tenants in Redis were left out: ${text}`)
    this.#skipped = text
  }
}

/** How many faulty entries a message names. */
const NAMED_FAULTS = 10

/** The arguments of `PUT_TENANTS`. */
function putting(tenants: readonly Tenant[], expected?: number): [expected: number | string, groups: string] {
  const groups = new Map<Account, string[]>()
  for (const { account, id, ...details } of tenants) {
    const group = groups.get(account) ?? [tenantsKey(account)]
    group.push(id, JSON.stringify(details))
    groups.set(account, group)
  }
  return [expected ?? '', JSON.stringify([...groups.values()])]
}

async function readTenants(account: Account, flat: unknown, faults: string[]): Promise<Tenant[]> {
  const where = tenantsKey(account)
  const values = array(flat, where)
  const fields = values.flatMap((value, i) => i % 2 === 0 ? [{ field: String(value), text: String(values[i + 1]) }] : [])
  const found = new Map<string, Tenant>()
  await mapInSlices(fields, ({ field, text }) => {
    const tenant = parseTenantField(account, field, text)
    if ('fault' in tenant) {
      if (faults.length < NAMED_FAULTS) faults.push(`${where} ${JSON.stringify(field.slice(0, 80))}: ${tenant.fault}`)
    } else if (field === tenant.id || !found.has(tenant.id)) {
      found.set(tenant.id, tenant)
    }
  })
  return [...found.values()]
}

function stateOf(answer: unknown): { policy: Revision | null; version: number; key: string } {
  const [current, version, digest] = array(answer, KEYS.policy)
  const policy = typeof current === 'string' ? parseRevision(parseJson(current, KEYS.policy), KEYS.policy) : null
  return { policy, version: Number(version), key: `${String(version)} ${String(digest)}` }
}

function array(value: unknown, where: string): unknown[] {
  if (Array.isArray(value)) return value
  throw corrupt(where, 'Redis answered in another form than expected')
}
