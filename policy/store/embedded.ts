import { mkdir, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { SluiceError } from '../errors.ts'
import type { Account, Tenant } from '../operation.ts'
import { ACCOUNTS } from '../providers/index.ts'
import type { Policy } from '../policy.ts'
import { BindingFiles } from './binding-files.ts'
import type { BindingRecord, StoredBinding } from './binding-record.ts'
import { DirectoryWatch } from './directory-watch.ts'
import { errnoOf, removeLeftovers } from './files.ts'
import { Ledger } from './ledger.ts'
import { normaliseTenant, normaliseTenants, parseRevision, parseTokensFile, sortTenants } from './records.ts'
import type { TenantsFile, TokensFile } from './records.ts'
import { SessionFiles } from './session-files.ts'
import type { SessionRecord } from './session-record.ts'
import { stalePolicy } from './stale.ts'
import { tenantsLedger } from './tenants-ledger.ts'
import { Turns } from './turns.ts'
import { Watchers } from './watchers.ts'
import type { Health, Revision, Store, StoredToken, StoreState } from './store.ts'
import type { Log } from './log.ts'

/** Old token lists that stay beside the current one, for whoever has to undo a slip. */
const KEEP = 8
/** How often a change is tried anew when other processes come between. */
const COMMIT_ATTEMPTS = 100

/** Opens (and makes, mode 0700) a directory as a store; `store.unreachable` or `store.corrupt` otherwise. */
export async function openEmbedded(dir: string, log: Log): Promise<Store> {
  const store = new EmbeddedStore(resolve(dir), log)
  await store.open()
  return store
}

class EmbeddedStore implements Store {
  readonly kind = 'embedded'
  readonly #dir: string
  readonly #log: Log
  readonly #policy: Ledger<Revision>
  readonly #tenants: Ledger<TenantsFile>
  readonly #tokens: Ledger<TokensFile>
  readonly #sessions: SessionFiles
  readonly #bindings: BindingFiles
  readonly #watchers: Watchers
  #watch: DirectoryWatch | undefined
  #health: Health = { up: true }
  // A change of the policy does not wait for sessions, nor these for bindings.
  readonly #turns = { documents: new Turns(), sessions: new Turns(), bindings: new Turns() }

  constructor(dir: string, log: Log) {
    this.#dir = dir
    this.#log = log
    this.#watchers = new Watchers(log)
    this.#policy = new Ledger<Revision>(dir, {
      current: 'policy.json', versions: 'revisions', keep: Infinity, parse: parseRevision, versionOf: (r) => r.revision, log,
    })
    this.#tenants = tenantsLedger(dir, log)
    this.#tokens = new Ledger<TokensFile>(dir, {
      current: 'tokens.json', versions: 'tokens', keep: KEEP, parse: parseTokensFile, versionOf: (t) => t.version, log,
    })
    this.#sessions = new SessionFiles(join(dir, 'sessions'))
    this.#bindings = new BindingFiles(join(dir, 'bindings'))
  }

  async open(): Promise<void> {
    await this.#guard(async () => {
      await mkdir(this.#dir, { recursive: true, mode: 0o700 })
      // An existing directory is left as it is (it may be anyone's), but who else may write there is said.
      if (((await stat(this.#dir)).mode & 0o022) !== 0) {
        this.#log('warn', `Others may write to the store's directory ${this.#dir}: chmod go-w ${this.#dir}`)
      }
      await removeLeftovers(this.#dir)
      for (const ledger of [this.#policy, this.#tenants, this.#tokens]) await ledger.open()
      await this.#sessions.open()
      await this.#bindings.open()
    })
  }

  load(): Promise<StoreState> {
    return this.#guard(async () => {
      const [policy, tenants] = [await this.#policy.read(), await this.#tenants.read()]
      return { policy, tenants: tenants?.tenants ?? [], tenantsVersion: tenants?.version ?? 0 }
    })
  }

  putPolicy(policy: Policy, meta: { expected: number; author: string; comment?: string }): Promise<Revision> {
    return this.#inTurn(async () => {
      const found = (await this.#policy.read())?.revision ?? 0
      if (found !== meta.expected) throw stalePolicy(meta.expected, found)
      const revision: Revision = {
        revision: found + 1, policy, author: meta.author, at: new Date().toISOString(),
        ...(meta.comment === undefined ? {} : { comment: meta.comment }),
      }
      if (!await this.#policy.commit(revision)) throw stalePolicy(meta.expected, found + 1)
      this.#watch?.nudge()
      return revision
    })
  }

  revision(n: number): Promise<Revision | null> {
    return this.#guard(async () => {
      const current = await this.#policy.read()
      return current?.revision === n ? current : this.#policy.at(n)
    })
  }

  async putTenant(tenant: Tenant): Promise<void> {
    await this.#put([normaliseTenant(tenant)])
  }

  async putTenants(tenants: readonly Tenant[], expected?: number): Promise<boolean> {
    return this.#put(await normaliseTenants(tenants), expected)
  }

  async deleteTenant(account: Account, id: string): Promise<boolean> {
    const gone = { account, id: id.toLowerCase() }
    return this.#changeTenants((tenants) => {
      const rest = tenants.filter((tenant) => !same(tenant, gone))
      return rest.length === tenants.length ? null : rest
    })
  }

  tokens(): Promise<readonly StoredToken[]> {
    return this.#guard(async () => (await this.#tokens.read())?.tokens ?? [])
  }

  async putToken(token: StoredToken): Promise<void> {
    await this.#changeTokens((tokens) => [...tokens.filter((t) => t.id !== token.id), token])
  }

  deleteToken(id: string): Promise<boolean> {
    return this.#changeTokens((tokens) => {
      const rest = tokens.filter((token) => token.id !== id)
      return rest.length === tokens.length ? null : rest
    })
  }

  session(digest: string): Promise<SessionRecord | null> {
    return this.#guard(() => this.#sessions.read(digest))
  }

  putSession(digest: string, record: SessionRecord, ttlMs: number): Promise<void> {
    return this.#turns.sessions.take(() => this.#guard(() => this.#sessions.write(digest, record, ttlMs)))
  }

  binding(digest: string): Promise<StoredBinding | null> {
    return this.#guard(() => this.#bindings.read(digest))
  }

  putBinding(digest: string, record: BindingRecord, ttlMs: number): Promise<void> {
    return this.#turns.bindings.take(() => this.#guard(() => this.#bindings.write(digest, record, ttlMs)))
  }

  watch(changed: () => void): () => void {
    const stop = this.#watchers.add(changed)
    this.#watch ??= new DirectoryWatch({
      dirs: [this.#dir, this.#policy.versionsPath, this.#tenants.versionsPath],
      paths: [this.#policy, this.#tenants].flatMap((ledger) => [ledger.currentPath, ledger.versionsPath]),
      changed: () => this.#watchers.tell(),
      log: this.#log,
    })
    return () => {
      stop()
      if (this.#watchers.size === 0) this.#stopWatching()
    }
  }

  health(): Health {
    return this.#health
  }

  async close(): Promise<void> {
    this.#watchers.clear()
    this.#stopWatching()
    await Promise.all(Object.values(this.#turns).map((turns) => turns.done()))
  }

  #stopWatching(): void {
    this.#watch?.close()
    this.#watch = undefined
  }

  #put(tenants: readonly Tenant[], expected?: number): Promise<boolean> {
    const put = new Map(ACCOUNTS.map((account) => [account, new Map<string, Tenant>()]))
    for (const tenant of tenants) put.get(tenant.account)?.set(tenant.id, tenant)
    return this.#changeTenants((stored, version) => {
      if (expected !== undefined && expected !== version) return null
      const others = stored.filter(({ account, id }) => put.get(account)?.has(id) !== true)
      return sortTenants([others, ...[...put.values()].map((of) => [...of.values()])].flat())
    })
  }

  /** `change` answers the new list, or null when there is nothing to change. */
  #changeTenants(change: (tenants: readonly Tenant[], version: number) => Promise<Tenant[]> | Tenant[] | null): Promise<boolean> {
    return this.#change(this.#tenants, async (found) => {
      const version = found?.version ?? 0
      const tenants = await change(found?.tenants ?? [], version)
      return tenants === null ? null : { version: version + 1, tenants }
    })
  }

  #changeTokens(change: (tokens: readonly StoredToken[]) => readonly StoredToken[] | null): Promise<boolean> {
    return this.#change(this.#tokens, (found) => {
      const tokens = change(found?.tokens ?? [])
      return tokens === null ? null : { version: (found?.version ?? 0) + 1, tokens }
    })
  }

  #change<T>(ledger: Ledger<T>, change: (found: T | null) => T | null | Promise<T | null>): Promise<boolean> {
    return this.#inTurn(async () => {
      for (let attempt = 0; attempt < COMMIT_ATTEMPTS; attempt++) {
        const next = await change(await ledger.read())
        if (next === null) return false
        if (await ledger.commit(next)) {
          this.#watch?.nudge()
          return true
        }
      }
      throw new SluiceError('store.locked', `${ledger.currentPath} is being changed by others all the time.`, 'Try again.')
    })
  }

  /** Writers of one process take turns, so that they do not make each other try anew. */
  #inTurn<T>(write: () => Promise<T>): Promise<T> {
    return this.#turns.documents.take(() => this.#guard(write))
  }

  async #guard<T>(work: () => Promise<T>): Promise<T> {
    try {
      const result = await work()
      this.#health = { up: true }
      return result
    } catch (error) {
      if (error instanceof SluiceError && !error.code.startsWith('store.')) throw error
      const failure = error instanceof SluiceError ? error : this.#unreachable(error)
      this.#health = { up: false, detail: failure.message }
      throw failure
    }
  }

  #unreachable(error: unknown): SluiceError {
    const why = errnoOf(error) ?? (error instanceof Error ? error.message : 'unknown error')
    return new SluiceError('store.unreachable', `The store's directory ${this.#dir} cannot be used: ${why}.`,
      'Check that it is a directory, that Sluice may read and write it, and that the disk is not full.', { cause: error })
  }
}

function same(a: { account: Account; id: string }, b: { account: Account; id: string }): boolean {
  return a.account === b.account && a.id === b.id
}
