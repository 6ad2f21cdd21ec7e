import { mkdir, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { SluiceError } from '../errors.ts'
import type { Account, Tenant } from '../operation.ts'
import { ACCOUNTS } from '../providers/index.ts'
import type { Policy } from '../policy.ts'
import { changeOf, tenantDeleted, tenantsChange, tokenCreated, tokenDeleted } from './audit-changes.ts'
import type { Change } from './audit-entry.ts'
import { BindingFiles } from './binding-files.ts'
import type { BindingRecord, StoredBinding } from './binding-record.ts'
import { NO_CONTROLS } from './controls-record.ts'
import { DirectoryWatch } from './directory-watch.ts'
import { errnoOf, removeLeftovers } from './files.ts'
import type { Ledger } from './ledger.ts'
import { Documents } from './documents.ts'
import type { TenantsFile, TokensFile } from './records.ts'
import { newRevision, normaliseTenant, normaliseTenants, sortTenants } from './records.ts'
import { Refusals } from './refusals.ts'
import { RememberedFiles } from './remembered-files.ts'
import type { Restoration } from './restoration.ts'
import { SessionFiles } from './session-files.ts'
import type { SessionRecord } from './session-record.ts'
import { stalePolicy } from './stale.ts'
import { TokenUses } from './token-uses.ts'
import { Turns } from './turns.ts'
import { Watchers } from './watchers.ts'
import type { AuditEntry, AuditHead, By, Controls, ControlsChange, Health, PolicyMeta, Revision, Store, StoredToken, StoreState } from './store.ts'
import type { Log } from './log.ts'

/** Opens (and makes, mode 0700) a directory as a store; `store.unreachable` or `store.corrupt` otherwise. */
export async function openEmbedded(dir: string, log: Log): Promise<Store> {
  const store = new EmbeddedStore(resolve(dir), log)
  await store.open()
  return store
}

/** What the system says of a disk that is full or may only be read. */
const TAKES_NO_CHANGES: ReadonlySet<string | undefined> = new Set(['ENOSPC', 'EDQUOT', 'EROFS'])

class EmbeddedStore implements Store {
  readonly kind = 'embedded'
  readonly #dir: string
  readonly #log: Log
  readonly #documents: Documents
  readonly #uses: TokenUses
  readonly #remembered: RememberedFiles
  readonly #sessions: SessionFiles
  readonly #bindings: BindingFiles
  readonly #watchers: Watchers
  #watch: DirectoryWatch | undefined
  readonly #refusals: Refusals
  #health: Health = { up: true }
  // A change of the policy does not wait for sessions, nor these for bindings.
  readonly #turns = { documents: new Turns(), sessions: new Turns(), bindings: new Turns(), uses: new Turns() }

  constructor(dir: string, log: Log) {
    this.#dir = dir
    this.#log = log
    this.#refusals = new Refusals(`The store's directory ${dir}`, log)
    this.#watchers = new Watchers(log)
    this.#documents = new Documents(dir, log)
    this.#uses = new TokenUses(join(dir, 'token-uses'))
    this.#remembered = new RememberedFiles(join(dir, 'remembered'))
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
      await this.#documents.open()
      await removeLeftovers(this.#dir)
      await this.#uses.open()
      await this.#remembered.open()
      await this.#sessions.open()
      await this.#bindings.open()
    })
  }

  load(): Promise<StoreState> {
    return this.#guard(async () => {
      const { policy, tenants, controls } = this.#documents
      const [revision, list, above] = [await policy.read(), await tenants.read(), await controls.read()]
      return {
        policy: revision, tenants: list?.tenants ?? [], tenantsVersion: list?.version ?? 0, controls: above?.controls ?? NO_CONTROLS,
      }
    })
  }

  putPolicy(policy: Policy, meta: PolicyMeta): Promise<Revision> {
    const { expected } = meta
    const revision = newRevision(policy, meta)
    return this.#inTurn(async () => {
      await this.#documents.change(this.#documents.policy, (found) => {
        if ((found?.revision ?? 0) !== expected) throw stalePolicy(expected, found?.revision ?? 0)
        return revision
      })
      this.#watch?.nudge()
      return revision
    })
  }

  revision(n: number): Promise<Revision | null> {
    return this.#guard(async () => {
      const current = await this.#documents.policy.read()
      return current?.revision === n ? current : this.#documents.policy.at(n)
    })
  }

  revisions({ before = Infinity, limit }: { before?: number; limit: number }): Promise<readonly Revision[]> {
    return this.#guard(async () => {
      const { policy } = this.#documents
      const numbers = (await policy.versions()).filter((n) => n < before).sort((a, b) => b - a).slice(0, limit)
      const found: Revision[] = []
      for (const n of numbers) found.push(...[await policy.at(n)].filter((one) => one !== null))
      return found
    })
  }

  async putTenant(tenant: Tenant, by: By): Promise<void> {
    await this.#put([normaliseTenant(tenant)], by)
  }

  async putTenants(tenants: readonly Tenant[], by: By, expected?: number): Promise<boolean> {
    return this.#put(await normaliseTenants(tenants), by, expected)
  }

  async deleteTenant(account: Account, id: string, by: By, expected?: number): Promise<boolean> {
    const gone = { account, id: id.toLowerCase() }
    return this.#changeTenants((tenants, version) => {
      if (expected !== undefined && expected !== version) return null
      const rest = tenants.filter((tenant) => !same(tenant, gone))
      const before = tenants.find((tenant) => same(tenant, gone))
      return before === undefined ? null : { tenants: rest, change: tenantDeleted(by, gone, before) }
    })
  }

  tokens(): Promise<readonly StoredToken[]> {
    return this.#guard(async () => {
      const tokens = (await this.#documents.tokens.read())?.tokens ?? []
      const uses = await Promise.all(tokens.map(({ id }) => this.#uses.last(id)))
      return tokens.map((token, i) => {
        const at = uses[i] ?? null
        return at === null ? token : { ...token, lastUsedAt: new Date(at).toISOString() }
      })
    })
  }

  async putToken({ lastUsedAt: _, ...token }: StoredToken, by: By): Promise<void> {
    await this.#changeTokens((tokens) => ({ tokens: [...tokens.filter((t) => t.id !== token.id), token], change: tokenCreated(by, token) }))
  }

  async deleteToken(id: string, by: By): Promise<boolean> {
    const gone = await this.#changeTokens((tokens) => {
      const rest = tokens.filter((token) => token.id !== id)
      const change = tokenDeleted(by, id, tokens.find((token) => token.id === id))
      return rest.length === tokens.length ? null : { tokens: rest, change }
    })
    if (gone) await this.#guard(() => this.#uses.forget(id))
    return gone
  }

  usedToken(id: string, atMs: number): Promise<void> {
    return this.#turns.uses.take(() => this.#guard(() => this.#uses.used(id, atMs)))
  }

  putControls(controls: Controls, { expected, action, subject, detail, ...by }: ControlsChange): Promise<boolean> {
    const version = expected + 1
    return this.#change(this.#documents.controls, (found) => (found?.version ?? 0) !== expected ? null
      : { version, controls: { ...controls, version }, change: changeOf(by, action, subject, detail) })
  }

  audit({ from, limit }: { from: number; limit: number }): Promise<readonly AuditEntry[]> {
    return this.#inTurn(async () => {
      await this.#documents.catchUp()
      return this.#documents.audit.page(from, limit)
    })
  }

  auditHead(): Promise<AuditHead | null> {
    return this.#inTurn(async () => {
      await this.#documents.catchUp()
      const last = await this.#documents.audit.last()
      return last === null ? null : { seq: last.seq, hash: last.hash }
    })
  }

  note({ action, subject, detail, ...by }: By & Pick<Change, 'action' | 'subject' | 'detail'>): Promise<void> {
    return this.#inTurn(() => this.#documents.note(changeOf(by, action, subject, detail)))
  }

  restore(restoration: Restoration): Promise<void> {
    return this.#inTurn(async () => {
      await this.#documents.restore(restoration)
      this.#watch?.nudge()
    })
  }

  remembered(digest: string): Promise<string | null> {
    return this.#guard(() => this.#remembered.read(digest))
  }

  remember(digest: string, text: string, ttlMs: number): Promise<boolean> {
    return this.#guard(() => this.#remembered.write(digest, text, ttlMs))
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
    const { policy, tenants, controls } = this.#documents
    this.#watch ??= new DirectoryWatch({
      dirs: [this.#dir, policy.versionsPath, tenants.versionsPath, controls.versionsPath],
      paths: [policy, tenants, controls].flatMap((ledger) => [ledger.currentPath, ledger.versionsPath]),
      changed: () => this.#watchers.tell(),
      log: this.#log,
    })
    return () => {
      stop()
      if (this.#watchers.size === 0) this.#stopWatching()
    }
  }

  health(): Health {
    return this.#health.up ? { ...this.#health, ...this.#refusals.last() } : this.#health
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

  #put(tenants: readonly Tenant[], by: By, expected?: number): Promise<boolean> {
    const put = new Map(ACCOUNTS.map((account) => [account, new Map<string, Tenant>()]))
    for (const tenant of tenants) put.get(tenant.account)?.set(tenant.id, tenant)
    return this.#changeTenants(async (stored, version) => {
      if (expected !== undefined && expected !== version) return null
      const isPut = ({ account, id }: Tenant): boolean => put.get(account)?.has(id) === true
      const [others, before] = [stored.filter((tenant) => !isPut(tenant)), stored.filter(isPut)]
      const all = await sortTenants([others, ...[...put.values()].map((of) => [...of.values()])].flat())
      return { tenants: all, change: tenantsChange(by, tenants, before) }
    })
  }

  /** `change` answers the new list and what made it, or null when there is nothing to change. */
  #changeTenants(
    change: (tenants: readonly Tenant[], version: number) => Omit<TenantsFile, 'version'> | null | Promise<Omit<TenantsFile, 'version'> | null>,
  ): Promise<boolean> {
    return this.#change(this.#documents.tenants, async (found) => {
      const version = found?.version ?? 0
      const next = await change(found?.tenants ?? [], version)
      return next === null ? null : { version: version + 1, ...next }
    })
  }

  #changeTokens(change: (tokens: readonly StoredToken[]) => Omit<TokensFile, 'version'> | null): Promise<boolean> {
    return this.#change(this.#documents.tokens, (found) => {
      const next = change(found?.tokens ?? [])
      return next === null ? null : { version: (found?.version ?? 0) + 1, ...next }
    })
  }

  #change<T>(ledger: Ledger<T>, change: (found: T | null) => T | null | Promise<T | null>): Promise<boolean> {
    return this.#inTurn(async () => {
      const changed = await this.#documents.change(ledger, change)
      if (changed) this.#watch?.nudge()
      return changed
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
      const errno = errnoOf(error)
      if (TAKES_NO_CHANGES.has(errno)) throw this.#refusals.note(errno ?? '', 'Make room on its disk; what is there decides meanwhile.')
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
