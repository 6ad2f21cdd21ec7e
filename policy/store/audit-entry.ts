import { hash } from 'node:crypto'
import Type from 'typebox'
import { Compile } from 'typebox/compile'
import { corrupt } from './corrupt.ts'

/** What may be said of a change. `store.edit`: something other than Sluice made it, or what it was is lost. */
export const AUDIT_ACTIONS = [
  'policy.put', 'policy.restore', 'tenant.put', 'tenant.delete', 'tenants.import', 'token.create', 'token.delete',
  'exception.ask', 'exception.grant', 'exception.decline', 'exception.revoke', 'break-glass.on', 'break-glass.off',
  'events.erase', 'store.upgrade', 'store.restore', 'store.edit',
] as const
export type AuditAction = (typeof AUDIT_ACTIONS)[number]

export type Detail = Readonly<Record<string, unknown>>

/** One change as the audit log tells it; each entry holds the hash of the one before. */
export interface AuditEntry {
  /** Counts from 1. */
  readonly seq: number
  /** ISO 8601, UTC: when the change was made. */
  readonly at: string
  readonly author: string
  /** Client address, `cli`, `sluice`, or `unknown`. */
  readonly from: string
  readonly action: AuditAction
  readonly subject: string
  /** Never a secret. */
  readonly detail?: Detail
  /** Embedded stores only: the version of each document that this entry and those before it tell of. */
  readonly heads?: Readonly<Record<string, number>>
  /** `hash` of the entry before; empty in the first. */
  readonly prev: string
  /** SHA-256 in hex over the canonical JSON of the entry without `hash`. */
  readonly hash: string
}

/** The end of a chain. */
export interface AuditHead {
  readonly seq: number
  readonly hash: string
}

/** An entry that has no place in the chain yet. */
export type Change = Omit<AuditEntry, 'seq' | 'heads' | 'prev' | 'hash'>

const changeParts = {
  at: Type.String(),
  author: Type.String(),
  from: Type.String(),
  action: Type.Enum([...AUDIT_ACTIONS]),
  subject: Type.String(),
  detail: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
}
const changeCheck = Compile(Type.Object(changeParts))
const entryCheck = Compile(Type.Object({
  seq: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }),
  ...changeParts,
  heads: Type.Optional(Type.Record(Type.String(), Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }))),
  prev: Type.String({ pattern: '^(?:[0-9a-f]{64})?$' }),
  hash: Type.String({ pattern: '^[0-9a-f]{64}$' }),
}, { additionalProperties: false }))

/** The entry that follows upon `head` (null: the first). */
export function chained(head: AuditHead | null, change: Change, heads?: AuditEntry['heads']): AuditEntry {
  // As it will be read back: JSON knows no undefined.
  const plain: Change = JSON.parse(JSON.stringify(change))
  const entry = { seq: (head?.seq ?? 0) + 1, ...plain, ...heads !== undefined && { heads }, prev: head?.hash ?? '' }
  return { ...entry, hash: hashOfEntry(entry) }
}

/** What `hash` must be. */
export function hashOfEntry(entry: Omit<AuditEntry, 'hash'>): string {
  const { hash: _, ...rest } = { hash: '', ...entry }
  return hash('sha256', canonicalJson(rest), 'hex')
}

/** JSON without spaces, the fields of each object in the order of their names (by UTF-16 code units, as RFC 8785 has it). */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null'
  const fields = Object.entries(value).filter(([, field]) => field !== undefined)
  fields.sort(([a], [b]) => a < b ? -1 : 1)
  return `{${fields.map(([name, field]) => `${JSON.stringify(name)}:${canonicalJson(field)}`).join(',')}}`
}

/** Checks the form only, not the hash; `store.corrupt` naming `where` otherwise. */
export function parseEntry(value: unknown, where: string): AuditEntry {
  if (entryCheck.Check(value)) return value
  throw corrupt(where, 'it is no audit entry')
}

/** What a stored document says of its own change; undefined for what is none, so that a slip there hides no document. */
export function parseChange(value: unknown): Change | undefined {
  if (!changeCheck.Check(value)) return undefined
  const { at, author, from, action, subject, detail } = value
  return { at, author, from, action, subject, ...detail !== undefined && { detail } }
}

/** `12:ab…`, as `sluice audit verify` prints it. */
export function headText({ seq, hash }: AuditHead): string {
  return `${seq}:${hash}`
}

/** Undefined for what is none. */
export function parseHead(text: string): AuditHead | undefined {
  const [, seq, hash] = /^([1-9]\d{0,14}):([0-9a-f]{64})$/.exec(text) ?? []
  return seq === undefined || hash === undefined ? undefined : { seq: Number(seq), hash }
}
