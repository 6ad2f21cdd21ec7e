import { access, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { SluiceError } from '../errors.ts'
import { policyChange, unknownChange } from './audit-changes.ts'
import { parseChange } from './audit-entry.ts'
import type { AuditEntry, Change } from './audit-entry.ts'
import { AuditFiles } from './audit-files.ts'
import { parseControls } from './controls-record.ts'
import { createFile, readIfThere, replaceFile } from './files.ts'
import { Ledger } from './ledger.ts'
import type { Log } from './log.ts'
import { parseJson, parseRevision, parseTokensFile } from './records.ts'
import type { TenantsFile, TokensFile } from './records.ts'
import { changedMeanwhile } from './restoration.ts'
import type { Restoration } from './restoration.ts'
import { applyRestoration, begunText, parseBegun } from './restore-files.ts'
import type { Begun } from './restore-files.ts'
import { checkSchema, SCHEMA, upgradeChange } from './schema.ts'
import type { Controls, Revision } from './store.ts'
import { tenantsLedger } from './tenants-ledger.ts'

/** Old token lists and controls that stay beside the current ones, for whoever has to undo a slip. */
const KEEP = 8
/** How often a change is tried anew when other processes come between. */
const ATTEMPTS = 100
const SETTLE_MS = 200

export interface ControlsFile {
  readonly version: number
  readonly change?: Change | undefined
  readonly controls: Controls
}

/** A ledger with what the audit log has to know of it. */
interface Audited {
  readonly name: string
  /** Commits what somebody put in place by hand as a version of its own, so that it is seen in the log. */
  readonly adopt: () => Promise<void>
  readonly versions: () => Promise<number[]>
  /** What made a version of the one before; null where the version is gone. */
  readonly changeAt: (version: number) => Promise<Change | null>
}

/**
 * The documents of an embedded store and the log of what changed them. A version carries its change; the entry in the log is
 * made of it afterwards, and says up to which version of each document the log tells. So whoever comes next appends what a
 * crash between the two left out, exactly once, since of two that append one is late.
 */
export class Documents {
  readonly policy: Ledger<Revision>
  readonly tenants: Ledger<TenantsFile>
  readonly tokens: Ledger<TokensFile>
  readonly controls: Ledger<ControlsFile>
  readonly audit: AuditFiles
  readonly #audited: readonly Audited[]
  readonly #schemaPath: string
  /** There while a restoration is being put in place. */
  readonly #begunPath: string
  readonly #log: Log

  constructor(dir: string, log: Log) {
    this.#log = log
    this.#schemaPath = join(dir, 'schema.json')
    this.#begunPath = join(dir, 'restoring.json')
    this.policy = new Ledger<Revision>(dir, {
      current: 'policy.json', versions: 'revisions', keep: Infinity, parse: parseRevision, versionOf: (r) => r.revision, log,
    })
    this.tenants = tenantsLedger(dir, log)
    this.tokens = new Ledger<TokensFile>(dir, {
      current: 'tokens.json', versions: 'tokens', keep: KEEP, parse: parseTokensFile, versionOf: (t) => t.version, log,
    })
    this.controls = new Ledger<ControlsFile>(dir, {
      current: 'controls.json', versions: 'controls', keep: KEEP, parse: parseControlsFile, bytesOf: controlsFileBytes,
      versionOf: (c) => c.version, log,
    })
    this.audit = new AuditFiles(join(dir, 'audit'))
    this.#audited = [
      this.#auditedPolicy(),
      audited('tenants', this.tenants, ({ tenants }, version) => ({ version, tenants })),
      audited('tokens', this.tokens, ({ tokens }, version) => ({ version, tokens })),
      audited('controls', this.controls, ({ controls }, version) => ({ version, controls: { ...controls, version } })),
    ]
  }

  /**
   * Makes the folders, brings an earlier layout up to this one, and puts right and into the log what a crash or a hand left.
   * Rejects with `store.newer`, with nothing changed, where a later version of Sluice has written.
   */
  async open(): Promise<void> {
    const mark = await this.#mark()
    checkSchema(mark, this.#schemaPath)
    for (const ledger of [this.policy, this.tenants, this.tokens, this.controls]) await ledger.open()
    await this.audit.open()
    const begun = await readIfThere(this.#begunPath)
    if (begun !== null) await this.#finish(await parseBegun(begun, this.#begunPath))
    await this.#logUpTo(mark).catch((error: unknown) => {
      if (!(error instanceof SluiceError) || error.code !== 'store.corrupt') throw error
      // Decisions go on; a change is refused as long as nobody could tell of it.
      this.#log('error', `Nothing can be changed: ${error.message}`)
    })
  }

  // The mark comes last: whoever is interrupted begins anew, and finds the log begun.
  async #logUpTo(mark: unknown): Promise<void> {
    if (mark === undefined && await this.audit.last() === null) {
      const heads = await this.newest()
      // Of two that open it at once one is late, and finds it done. What is empty begins without a word.
      if (Object.keys(heads).length > 0) await this.audit.append(null, upgradeChange(), heads)
    }
    await this.catchUp()
    if (mark === undefined) await replaceFile(this.#schemaPath, `${JSON.stringify({ schema: SCHEMA })}\n`)
  }

  /** The newest version of each document that has one. */
  async newest(): Promise<Record<string, number>> {
    const heads: Record<string, number> = {}
    for (const { name, versions } of this.#audited) {
      const newest = (await versions()).reduce((highest, version) => Math.max(highest, version), 0)
      if (newest > 0) heads[name] = newest
    }
    return heads
  }

  /**
   * Puts a restoration in place of everything. It is written down whole first: from then on it will be done, by whoever opens the
   * store next where this process ends before.
   */
  async restore(restoration: Restoration): Promise<void> {
    await this.#mayChange()
    await this.catchUp()
    const [last, policy] = [await this.audit.last(), await this.policy.read()]
    const { revision, head } = restoration.expected
    if ((policy?.revision ?? 0) !== revision || last?.hash !== head?.hash) throw changedMeanwhile()
    if (!await createFile(this.#begunPath, begunText(restoration))) throw restoring(this.#begunPath)
    // Whoever has looked whether it may change something before that has done so by then.
    await sleep(SETTLE_MS)
    await this.#finish(restoration)
  }

  async #finish(begun: Begun): Promise<void> {
    await applyRestoration(this, begun)
    await rm(this.#begunPath, { force: true })
  }

  /** Another may have upgraded the store meanwhile, or be putting a backup in its place. */
  async #mayChange(): Promise<void> {
    checkSchema(await this.#mark(), this.#schemaPath)
    if (await this.#isRestoring()) throw restoring(this.#begunPath)
  }

  #isRestoring(): Promise<boolean> {
    return access(this.#begunPath).then(() => true, () => false)
  }

  async #mark(): Promise<unknown> {
    const text = await readIfThere(this.#schemaPath)
    if (text === null) return undefined
    const value = parseJson(text, this.#schemaPath)
    return typeof value === 'object' && value !== null && 'schema' in value ? value.schema : null
  }

  /** Brings the log up to the documents. */
  async catchUp(): Promise<void> {
    if (await this.#isRestoring()) return
    for (const { adopt } of this.#audited) await adopt()
    for (;;) {
      const last = await this.audit.last()
      const missing = await this.#firstMissing(last?.heads ?? {})
      if (missing === null) return
      await this.audit.append(last, missing.change, { ...last?.heads, [missing.name]: missing.version })
    }
  }

  /** Appends an entry of something that is in no document. */
  async note(change: Change): Promise<void> {
    await this.#mayChange()
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      await this.catchUp()
      const last = await this.audit.last()
      if (await this.audit.append(last, change, last?.heads ?? {})) return
    }
    throw busy(this.audit.path)
  }

  /**
   * Replaces a document by what `change` makes of it (null: leave it), and logs that. Resolves whether it was replaced.
   * `change` is asked again when others come between.
   */
  async change<T>(ledger: Ledger<T>, change: (found: T | null) => T | null | Promise<T | null>): Promise<boolean> {
    await this.#mayChange()
    // First, so that no more than one change is ever without its entry.
    await this.catchUp()
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const next = await change(await ledger.read())
      if (next === null) return false
      if (!await ledger.commit(next)) continue
      await this.catchUp().catch((error: unknown) => {
        // The change is made and carries what is to be told of it.
        this.#log('warn', `The audit log will tell of the last change later: ${error instanceof Error ? error.message : 'unknown error'}`)
      })
      return true
    }
    throw busy(ledger.currentPath)
  }

  async #firstMissing(heads: NonNullable<AuditEntry['heads']>): Promise<{ name: string; version: number; change: Change } | null> {
    let first: { name: string; version: number; change: Change } | null = null
    for (const { name, versions, changeAt } of this.#audited) {
      const told = heads[name] ?? 0
      const untold = (await versions()).filter((version) => version > told)
      const next = untold.reduce((lowest, version) => Math.min(lowest, version), Infinity)
      if (next === Infinity) continue
      // Only the last few versions of some documents stay.
      const found = next > told + 1
        ? { name, version: next - 1, change: unknownChange(name, { from: told + 1, to: next - 1, lost: 'these versions are gone' }) }
        : { name, version: next, change: await changeAt(next) }
      // Removed under our eyes: it is seen as gone at the next look.
      if (found.change === null) return this.#firstMissing(heads)
      if (first === null || found.change.at < first.change.at) first = { ...found, change: found.change }
    }
    return first
  }

  #auditedPolicy(): Audited {
    const { policy } = this
    return {
      name: 'policy',
      adopt: async () => {
        const found = await policy.byHand()
        if (found === null) return
        await policy.commit({
          revision: found.revision + 1, policy: found.policy, author: 'unknown', from: 'unknown', at: new Date().toISOString(),
          comment: 'replaced by hand',
        })
      },
      versions: () => policy.versions(),
      // A revision says itself who made it, and all of them stay.
      changeAt: async (version) => {
        const [before, after] = [await policy.at(version - 1), await policy.at(version)]
        return after === null ? null : policyChange(before, after)
      },
    }
  }
}

function audited<T extends { readonly version: number; readonly change?: Change | undefined }>(
  name: string, ledger: Ledger<T>, as: (found: T, version: number) => T,
): Audited {
  return {
    name,
    adopt: async () => {
      const found = await ledger.byHand()
      if (found === null) return
      await ledger.commit({ ...as(found, found.version + 1), change: unknownChange(name, { version: found.version + 1, by: 'hand' }) })
    },
    versions: () => ledger.versions(),
    changeAt: async (version) => {
      const found = await ledger.at(version)
      return found === null ? null : found.change ?? unknownChange(name, { version })
    },
  }
}

function parseControlsFile(value: unknown, where: string): ControlsFile {
  const controls = parseControls(value, where)
  const change = typeof value === 'object' && value !== null && 'change' in value ? parseChange(value.change) : undefined
  return { version: controls.version, change, controls }
}

async function controlsFileBytes({ version, change, controls }: ControlsFile): Promise<Buffer> {
  return Buffer.from(`${JSON.stringify({ ...controls, version, change }, null, 2)}\n`)
}

function restoring(path: string): SluiceError {
  return new SluiceError('store.locked', `A backup is being put in place of the store (${path}).`,
    'Try again. Where the process that did it has ended, sluice audit verify finishes it.')
}

function busy(path: string): SluiceError {
  return new SluiceError('store.locked', `${path} is being changed by others all the time.`, 'Try again.')
}
