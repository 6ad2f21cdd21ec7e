/**
 * A backup: everything of a store that is not learned, as lines of JSON. The first tells the format and what there is, the last the
 * SHA-256 of all bytes before it. It holds the hashes of tokens and what the audit log tells of people: keep it as the store itself.
 */
import { createHash } from 'node:crypto'
import { SluiceError } from '../errors.ts'
import type { Tenant } from '../operation.ts'
import { inSlices } from '../slices.ts'
import { parseEntry } from './audit-entry.ts'
import { parseControls } from './controls-record.ts'
import { parseJson, parseRevision, parseTenant, parseToken, sortTenants } from './records.ts'
import { SCHEMA } from './schema.ts'
import type { AuditEntry, Controls, Revision, Store, StoredToken } from './store.ts'

const FORMAT = 1
/** How often the store is read anew when something changes meanwhile. */
const ATTEMPTS = 10
/** How many revisions are read at once: one may have a megabyte. */
const PAGE = 20
const NEWLINE = 0x0a

export interface Backup {
  /** ISO 8601, UTC. */
  readonly madeAt: string
  /** Ascending; the last is the current one. */
  readonly revisions: readonly Revision[]
  readonly tenants: readonly Tenant[]
  readonly tokens: readonly StoredToken[]
  readonly controls: Controls
  readonly audit: readonly AuditEntry[]
}

/** Everything of a store, at one moment. Rejects with `store.locked` where it changes all the time. */
export async function readBackup(store: Store): Promise<Backup> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const head = await store.auditHead()
    const madeAt = new Date().toISOString()
    const { policy, tenants, tenantsVersion, controls } = await store.load()
    const revisions = await allRevisions(store)
    const tokens = (await store.tokens()).map(({ lastUsedAt: _, ...token }) => token)
    const audit = head === null ? [] : await store.audit({ from: 1, limit: head.seq })
    const after = await store.load()
    const end = await store.auditHead()
    const isSame = end?.hash === head?.hash && after.policy?.revision === policy?.revision && after.tenantsVersion === tenantsVersion
    // A file replaced by hand is in no revision before the next change.
    if (isSame && revisions.at(-1)?.revision === policy?.revision) return { madeAt, revisions, tenants, tokens, controls, audit }
  }
  throw new SluiceError('store.locked', 'The store is being changed by others all the time.', 'Try again.')
}

async function allRevisions(store: Store): Promise<Revision[]> {
  const found: Revision[] = []
  for (let before: number | undefined; ;) {
    const page = await store.revisions({ limit: PAGE, ...before !== undefined && { before } })
    if (page.length === 0) return found.reverse()
    found.push(...page)
    before = page.at(-1)?.revision
  }
}

export async function backupBytes(backup: Backup): Promise<Buffer> {
  const { madeAt, revisions, tenants, tokens, controls, audit } = backup
  const counts = { revisions: revisions.length, tenants: tenants.length, tokens: tokens.length, audit: audit.length }
  const parts = [
    line({ sluice: 'backup', format: FORMAT, schema: SCHEMA, madeAt, ...counts }),
    ...await lines('revision', revisions), ...await lines('tenant', tenants), ...await lines('token', tokens), line({ controls }),
    ...await lines('audit', audit),
  ]
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return Buffer.concat([...parts, line({ sha256: hash.digest('hex') })])
}

function line(value: object): Buffer {
  return Buffer.from(`${JSON.stringify(value)}\n`)
}

function lines(kind: string, items: readonly object[]): Promise<Buffer[]> {
  return inSlices(items, (slice) => slice.map((item) => line({ [kind]: item })))
}

/** Throws `backup.unreadable`, naming `where` and why: damaged, cut, or of a later version. */
export async function parseBackup(bytes: Buffer, where: string): Promise<Backup> {
  try {
    const end = bytes.lastIndexOf(NEWLINE, bytes.length - 2) + 1
    const head = fieldsOf(bytes.subarray(0, Math.max(0, bytes.indexOf(NEWLINE))), where)
    if (head.sluice !== 'backup' || typeof head.format !== 'number' || typeof head.schema !== 'number' || typeof head.madeAt !== 'string') {
      throw unreadable(where, 'it is no backup of Sluice')
    }
    if (head.format > FORMAT || head.schema > SCHEMA) throw unreadable(where, 'a later version of Sluice has written it', 'Restore it with that version')
    const sum = createHash('sha256').update(bytes.subarray(0, end)).digest('hex')
    if (fieldsOf(bytes.subarray(end), where).sha256 !== sum) throw unreadable(where, 'its checksum is another, so that it is damaged or cut')
    const found = await contentsOf(bytes.subarray(0, end), where)
    for (const kind of ['revisions', 'tenants', 'tokens', 'audit'] as const) {
      if (head[kind] !== found[kind].length) throw unreadable(where, `it holds ${found[kind].length} ${kind}, and tells of another number`)
    }
    return { ...found, madeAt: head.madeAt, tenants: await sortTenants(found.tenants) }
  } catch (error) {
    if (error instanceof SluiceError && error.code === 'store.corrupt') throw unreadable(where, error.message)
    throw error
  }
}

async function contentsOf(bytes: Buffer, where: string): Promise<Omit<Backup, 'madeAt'>> {
  const revisions: Revision[] = []
  const tenants: Tenant[] = []
  const tokens: StoredToken[] = []
  const audit: AuditEntry[] = []
  let controls: Controls | undefined
  const places: (readonly [start: number, end: number])[] = []
  for (let start = bytes.indexOf(NEWLINE) + 1; start < bytes.length;) {
    const end = bytes.indexOf(NEWLINE, start)
    places.push([start, end])
    start = end + 1
  }
  await inSlices(places, (slice, from) => {
    for (const [i, [start, end]] of slice.entries()) {
      const place = `${where}, line ${from + i + 2}`
      const { revision, tenant, token, audit: entry, controls: above } = fieldsOf(bytes.subarray(start, end), place)
      if (revision !== undefined) revisions.push(parseRevision(revision, place))
      else if (tenant !== undefined) tenants.push(parseTenant(tenant, place))
      else if (token !== undefined) tokens.push(parseToken(token, place))
      else if (entry !== undefined) audit.push(parseEntry(entry, place))
      else controls = parseControls(above, place)
    }
    return []
  })
  if (controls === undefined) throw unreadable(where, 'it holds no controls')
  if (revisions.some(({ revision }, i) => revision <= (revisions[i - 1]?.revision ?? 0))) throw unreadable(where, 'its revisions are not in order')
  if (audit.some(({ seq }, i) => seq <= (audit[i - 1]?.seq ?? 0))) throw unreadable(where, 'its audit entries are not in order')
  return { revisions, tenants, tokens, audit, controls }
}

function fieldsOf(bytes: Buffer, where: string): Readonly<Record<string, unknown>> {
  const value = parseJson(bytes.toString(), where)
  if (typeof value !== 'object' || value === null) throw unreadable(where, 'it is no backup of Sluice')
  return { ...value }
}

function unreadable(where: string, why: string, remedy = 'Take another backup; nothing was changed'): SluiceError {
  return new SluiceError('backup.unreadable', `${where} cannot be restored: ${why}`, remedy)
}
