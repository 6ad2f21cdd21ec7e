import { SluiceError } from './errors.ts'
import { compile } from './evaluate.ts'
import type { CompiledPolicy } from './evaluate.ts'
import type { Tenant } from './operation.ts'
import { parsePolicy } from './policy.ts'
import type { Policy } from './policy.ts'
import { mapInSlices } from './slices.ts'
import { steadyNow } from './steady-clock.ts'
import type { Log } from './store/log.ts'
import { readSaved, save } from './store/snapshot-file.ts'
import type { SavedSnapshot } from './store/snapshot-file.ts'
import { ExceptionIndex } from './exceptions.ts'
import { NO_CONTROLS } from './store/controls-record.ts'
import type { By, Controls, Store, StoreState } from './store/store.ts'
import { TenantIndexer } from './tenant/allowlist.ts'
import type { TenantIndex } from './tenant/allowlist.ts'

export interface SnapshotOptions {
  /** Null: there is no store to be had. A store that is down but may come back is better. */
  readonly store: Store | null
  /** Becomes revision 1 of a store that has no policy yet. */
  readonly fallback: Policy
  /** Where the last good state is kept for a start without the store; null: nowhere. */
  readonly cacheFile: string | null
  /** false: without store and saved state, `strict` decides instead of `openSnapshot` rejecting. */
  readonly required: boolean
  readonly strict: Policy
  /** `policy.late` */
  readonly late: 'block' | 'allow'
  /** Called after each change of policy, tenants or controls, not for the first state. */
  readonly onChange?: (current: Current) => void
  readonly log: Log
}

/** What decisions read. Never changed: each change makes another one. */
export interface Current {
  readonly policy: CompiledPolicy
  readonly source: Policy
  /** The same as it was written, where it was written in YAML. */
  readonly yaml: string | undefined
  /** 0: the strict policy of a start without store. */
  readonly revision: number
  readonly tenants: TenantIndex
  /** What `tenants` was made from, ordered by account and id. */
  readonly allowlist: readonly Tenant[]
  /** Break-glass and exceptions. */
  readonly controls: Controls
  /** What `controls` hold, by person. */
  readonly exceptions: ExceptionIndex
  /** Milliseconds since 1970. */
  readonly loadedAt: number
}

export interface SnapshotState {
  readonly storeUp: boolean
  /** Why the store takes no changes though it answers. */
  readonly storeReadOnly?: string
  /** Whether the store may hold something newer, or holds something that cannot be used. */
  readonly stale: boolean
  /** Since the snapshot was last known to be what the store holds. */
  readonly ageSeconds: number
  /** The revision that the store held when last read; another than the current one's only with a `fault`. */
  readonly storedRevision: number
  /** Why the store could not be read. */
  readonly lastError?: string
  /** Why the stored policy is not the one that decides. */
  readonly fault?: string
}

export interface Snapshot {
  current(): Current
  state(): SnapshotState
  /** Reads the store now. Rejects as `Store.load` does; what decides stays then. */
  refresh(): Promise<void>
  close(): void
}

const OWN: By = { author: 'sluice', from: 'sluice' }

const HEARTBEAT_MS = 500
const RETRY_MS = 2_000

/**
 * Opens the snapshot: from the store; else from the saved state; else rejects with what the store said, unless
 * `required` is false. It follows the store from then on. A store that has lost what it held gets the last good
 * state back, because an empty allowlist would let pass what was blocked.
 */
export async function openSnapshot(options: SnapshotOptions): Promise<Snapshot> {
  const snapshot = new LiveSnapshot(options)
  return {
    current: await snapshot.open(),
    state: () => snapshot.state(),
    refresh: () => snapshot.refresh(),
    close: () => snapshot.close(),
  }
}

/** Reads the controls as they are in the store now; rejects as `Snapshot.refresh` does. */
export function currentControls(snapshot: Snapshot): () => Promise<Controls> {
  return async () => {
    await snapshot.refresh()
    return snapshot.current().controls
  }
}

/** A good state with the time at which it was known to be the store's. */
interface Good extends SavedSnapshot {
  /** Revision and policy as text. */
  readonly key: string
}

class LiveSnapshot {
  readonly #options: SnapshotOptions
  #current: Current | undefined
  /** The last state that came from the store or was saved from it. */
  #good: Good | undefined
  /** As `#triedAt` in milliseconds of `performance.now()`. */
  #confirmedAt = 0
  #storedRevision = 0
  #fault: string | undefined
  #lastError: string | undefined
  #triedAt = -Infinity
  #running: Promise<void> = Promise.resolve()
  #queued: Promise<void> | undefined
  #stop: () => void = () => undefined
  #heartbeat: NodeJS.Timeout | undefined
  #closed = false

  constructor(options: SnapshotOptions) {
    this.#options = options
  }

  async open(): Promise<() => Current> {
    const { store, required, strict, cacheFile, log } = this.#options
    const saved = cacheFile === null ? null : await readSaved(cacheFile, log)
    if (saved !== null) {
      this.#good = { ...saved, key: '' }
      // The clock may have been put since; time that passes is counted by one that is never.
      this.#confirmedAt = performance.now() - Math.max(0, Date.now() - saved.savedAt)
    }
    // Listening comes before reading, so that no change falls between.
    this.#stop = store?.watch(() => this.#follow()) ?? this.#stop
    try {
      if (store === null) throw new SluiceError('store.unreachable', 'There is no store.', 'Set store.url.')
      await this.refresh()
    } catch (error) {
      if (!(error instanceof SluiceError) || (this.#good === undefined && required)) {
        this.close()
        throw error
      }
      this.#lastError ??= error.message
      if (this.#good !== undefined) await this.#use(this.#good)
      else await this.#use({ revision: 0, policy: strict, tenants: [], tenantsVersion: 0, controls: NO_CONTROLS })
      log('warn', this.#good === undefined
        ? `The built-in strict policy decides, because the store cannot be used: ${error.message}`
        : `Revision ${this.#good.revision}, saved ${new Date(this.#good.savedAt).toISOString()}, decides: ${error.message}`)
    }
    this.#heartbeat = setInterval(() => this.#beat(), HEARTBEAT_MS).unref()
    return () => this.#now()
  }

  state(): SnapshotState {
    const health = this.#options.store?.health()
    const storeUp = this.#lastError === undefined && health?.up === true
    const stale = !storeUp || this.#fault !== undefined
    return {
      storeUp,
      ...(storeUp && health.readOnly !== undefined ? { storeReadOnly: health.readOnly } : {}),
      stale,
      ageSeconds: stale ? Math.max(0, Math.round((performance.now() - this.#confirmedAt) / 1000)) : 0,
      storedRevision: this.#storedRevision,
      ...(this.#lastError === undefined ? {} : { lastError: this.#lastError }),
      ...(this.#fault === undefined ? {} : { fault: this.#fault }),
    }
  }

  /** One reading at a time; whoever asks during one gets the next, so that their own change is in it. */
  refresh(): Promise<void> {
    this.#queued ??= this.#running.catch(() => undefined).then(() => {
      this.#queued = undefined
      this.#running = this.#read()
      return this.#running
    })
    return this.#queued
  }

  close(): void {
    this.#closed = true
    this.#stop()
    clearInterval(this.#heartbeat)
  }

  #now(): Current {
    if (this.#current === undefined) throw new SluiceError('internal', 'The snapshot is read before it is there.')
    return this.#current
  }

  // The outcome is in `state()` and in the log.
  #follow(): void {
    this.refresh().catch((error: unknown) => {
      if (!(error instanceof SluiceError)) this.#options.log('error', `The policy could not be read again: ${String(error)}`)
    })
  }

  #beat(): void {
    if (!this.state().stale) this.#confirmedAt = performance.now()
    else if (this.#lastError !== undefined && performance.now() - this.#triedAt >= RETRY_MS) this.#follow()
  }

  async #read(): Promise<void> {
    const { store, log } = this.#options
    if (store === null || this.#closed) return
    this.#triedAt = performance.now()
    try {
      let found = await store.load()
      if (found.policy === null) found = await this.#fill(store, found)
      await this.#take(found)
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error)
      if (this.#lastError === undefined && this.#current !== undefined && !this.#closed) {
        log('warn', `Revision ${this.#current.revision} goes on deciding: ${message}`)
      }
      this.#lastError = message
      throw error
    }
    if (this.#lastError !== undefined) log('info', `The store is read again: revision ${this.#now().revision} decides`)
    this.#lastError = undefined
  }

  /** Gives an empty store its first policy. Another node doing the same at this moment is as good. */
  async #fill(store: Store, found: StoreState): Promise<StoreState> {
    const good = this.#good
    if (good !== undefined) {
      this.#options.log('error', `The store is empty; revision ${good.revision} and ${good.tenants.length} tenants are put back`)
      // The policy goes last: while there is none, every other node stays with its own last good state too.
      const there = new Set(found.tenants.map(({ account, id }) => `${account} ${id}`))
      const missing = good.tenants.filter(({ account, id }) => !there.has(`${account} ${id}`))
      if (missing.length > 0) await store.putTenants(missing, OWN)
      if (good.controls.version > 0 && found.controls.version === 0) {
        await store.putControls(good.controls, { ...OWN, expected: 0, action: 'store.restore', subject: 'controls' })
      }
    }
    try {
      await store.putPolicy(good?.policy ?? this.#options.fallback, {
        ...OWN, expected: 0, comment: good === undefined ? 'first start' : `The store was empty; this was revision ${good.revision}.`,
      })
    } catch (error) {
      if (!(error instanceof SluiceError) || error.code !== 'policy.stale') throw error
    }
    const filled = await store.load()
    if (filled.policy === null) {
      throw new SluiceError('store.corrupt', 'The store loses what is written to it.', 'Check what empties it.')
    }
    return filled
  }

  async #take({ policy: stored, tenants, tenantsVersion, controls: found }: StoreState): Promise<void> {
    if (stored === null) return
    const { log, cacheFile, onChange } = this.#options
    const { revision } = stored
    let policy: Policy
    try {
      policy = parsePolicy(stored.policy)
      this.#fault = undefined
    } catch (error) {
      if (!(error instanceof SluiceError)) throw error
      const fault = `Revision ${revision} in the store cannot be used: ${error.message}`
      if (this.#good === undefined) throw new SluiceError('policy.invalid', fault, 'Store a valid policy.', { faults: error.faults })
      if (fault !== this.#fault) log('error', `${fault}; revision ${this.#good.revision} goes on deciding`)
      this.#fault = fault
      policy = this.#good.policy
    }
    this.#storedRevision = revision
    const decides = this.#fault === undefined ? revision : this.#good?.revision ?? 0
    // The same object while nothing has changed, so that whoever made something of it can tell.
    const controls = JSON.stringify(found) === JSON.stringify(this.#good?.controls) ? this.#good?.controls ?? found : found
    const state = { revision: decides, policy, tenants, tenantsVersion, controls }
    const yaml = this.#fault === undefined ? stored.source : this.#current?.yaml
    const key = JSON.stringify([decides, policy])
    const savedAt = Date.now()
    if (this.#fault === undefined) this.#confirmedAt = performance.now()
    const isSame = key === this.#good?.key && tenants === this.#good.tenants && controls === this.#good.controls
    if (isSame && this.#current?.revision === decides) return
    const first = this.#current === undefined
    this.#good = { ...state, savedAt, key }
    await this.#use({ ...state, yaml })
    if (cacheFile !== null) await save(cacheFile, { ...state, savedAt }, log)
    if (!first) onChange?.(this.#now())
  }

  async #use({ revision, policy, tenants, tenantsVersion, controls, yaml }: Omit<SavedSnapshot, 'savedAt'> & { readonly yaml?: string | undefined }): Promise<void> {
    const before = this.#current
    const index = before?.allowlist === tenants ? before.tenants : await indexOf(tenants, tenantsVersion)
    const same = before?.revision === revision && JSON.stringify(before.source) === JSON.stringify(policy)
    this.#current = {
      policy: same ? before.policy : compile(policy, revision, { late: this.#options.late }),
      source: policy,
      yaml,
      revision,
      tenants: index,
      allowlist: tenants,
      controls,
      exceptions: before?.controls === controls ? before.exceptions : new ExceptionIndex(controls.exceptions, steadyNow),
      loadedAt: Date.now(),
    }
  }
}

async function indexOf(tenants: readonly Tenant[], version: number): Promise<TenantIndex> {
  const indexer = new TenantIndexer()
  await mapInSlices(tenants, (tenant) => indexer.add(tenant))
  return indexer.index(version)
}
