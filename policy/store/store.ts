import type { Account, Tenant } from '../operation.ts'
import type { Policy } from '../policy.ts'
import type { AuditAction, AuditEntry, AuditHead, Detail } from './audit-entry.ts'
import type { BindingRecord, StoredBinding } from './binding-record.ts'
import type { Restoration } from './restoration.ts'
import type { SessionRecord } from './session-record.ts'

export type { AuditAction, AuditEntry, AuditHead } from './audit-entry.ts'

/** Who changes something, and from where: what the audit entry tells. */
export interface By {
  /** `token:<id> <label>`, `oidc:<subject>`, `cli:<user>`, `cli`, or `sluice` for its own changes. */
  readonly author: string
  /** Client address, `cli`, or `sluice` for its own. */
  readonly from: string
}

/** One stored revision of the policy. Revisions count up from 1. */
export interface Revision {
  readonly revision: number
  readonly policy: Policy
  readonly author: string
  /** As in `By`; not known of revisions that earlier versions stored. */
  readonly from?: string
  /** ISO 8601, UTC. */
  readonly at: string
  readonly comment?: string
  /** The YAML as it was written, where it was YAML. */
  readonly source?: string
  /** The revision whose policy this one brought back. */
  readonly restores?: number
}

export const ROLES = ['viewer', 'editor', 'admin', 'telemetry'] as const
export type Role = (typeof ROLES)[number]

/** An admin token; only the SHA-256 of the secret is ever stored (hex). */
export interface StoredToken {
  readonly id: string
  readonly hash: string
  readonly role: Role
  readonly label: string
  /** ISO 8601, UTC. */
  readonly createdAt: string
  /** ISO 8601, UTC: it opens nothing from then on. For ever where it is left out. */
  readonly expiresAt?: string
  /** ISO 8601, UTC. Kept apart (`usedToken`); `putToken` does not store it. */
  readonly lastUsedAt?: string
}

/** What stands above the policy for a time. `version` counts every change. */
export interface Controls {
  readonly version: number
  readonly breakGlass: BreakGlass | null
  readonly exceptions: readonly Exception[]
}

/** Times in ISO 8601, UTC. */
export interface BreakGlass {
  readonly reason: string
  readonly author: string
  readonly since: string
  readonly until: string
}

/** An exception from a rule that somebody asked for. Times in ISO 8601, UTC. */
export interface Exception {
  readonly id: string
  readonly state: 'asked' | 'granted' | 'declined' | 'revoked'
  readonly rule: string
  readonly provider: string | null
  readonly user?: string
  readonly ip?: string
  readonly reason: string
  readonly event: string
  readonly askedAt: string
  readonly decidedAt?: string
  readonly decidedBy?: string
  readonly until?: string
  readonly comment?: string
}

/**
 * What decisions are made from: taken at one moment, `tenantsVersion` counts every change of the allowlist. While there is
 * none, `tenants` is the same list, so that whoever made something of it can tell by the list itself.
 */
export interface StoreState {
  readonly policy: Revision | null
  readonly tenants: readonly Tenant[]
  readonly tenantsVersion: number
  readonly controls: Controls
}

/** `expected`: the revision the author has seen (0: none yet). */
export interface PolicyMeta extends By {
  readonly expected: number
  readonly comment?: string
  readonly source?: string
  readonly restores?: number
}

/** `expected`: the version of the controls that was seen (0: none yet). */
export interface ControlsChange extends By {
  readonly expected: number
  readonly action: AuditAction
  readonly subject: string
  readonly detail?: Detail
}

export interface Health {
  /** Whether it answers. */
  readonly up: boolean
  /** Why not, without secrets. */
  readonly detail?: string
  /** Why it lately took no changes though it answers (its memory or disk is full, say). */
  readonly readOnly?: string
}

/**
 * Who writes of a session, and how many bytes he has sent in it in all: so that a write of which nobody knows whether it was made can be
 * made again and counts once.
 */
export interface SessionWriterCount {
  /** Lower-case letters, digits and hyphens; never used for another session. */
  readonly id: string
  readonly sent: number
}

/**
 * Where policy, tenants, tokens, controls, upload sessions and bindings are kept, and the audit log of what changed them: a change
 * and its entry are there both or not at all, whenever a process ends. All stores pass `test/policy/store/contract.ts`.
 * Every method rejects with a `SluiceError` of code `store.*` when the store cannot be reached, and one that changes something with
 * `store.read-only`, with nothing changed, when it answers but takes no changes.
 */
export interface Store {
  readonly kind: 'embedded' | 'redis'
  /** Everything a decision needs, consistent within itself. */
  load(): Promise<StoreState>
  /** Stores a new revision. Rejects with `policy.stale` when another came between; nothing is written then. */
  putPolicy(policy: Policy, meta: PolicyMeta): Promise<Revision>
  revision(n: number): Promise<Revision | null>
  /** Newest first, those below `before` (from the newest where not given), at most `limit`. */
  revisions(page: { readonly before?: number; readonly limit: number }): Promise<readonly Revision[]>
  putTenant(tenant: Tenant, by: By): Promise<void>
  /**
   * Adds and replaces tenants, all or none, as one change; `tenant.invalid` names the wrong entry. With `expected` only
   * while the allowlist is at that `tenantsVersion`: resolves false, with nothing changed, when it is not.
   */
  putTenants(tenants: readonly Tenant[], by: By, expected?: number): Promise<boolean>
  /** Resolves false when there was no such tenant; with `expected` also when the allowlist is not at that `tenantsVersion`. */
  deleteTenant(account: Account, id: string, by: By, expected?: number): Promise<boolean>
  tokens(): Promise<readonly StoredToken[]>
  putToken(token: StoredToken, by: By): Promise<void>
  /** Resolves false when there was no such token. */
  deleteToken(id: string, by: By): Promise<boolean>
  /** Notes a use of a token, in milliseconds since 1970. No change that is told or audited; the latest counts. */
  usedToken(id: string, atMs: number): Promise<void>
  /** Replaces the controls as version `expected + 1`. Resolves false, with nothing changed, when they are at another than `expected`. */
  putControls(controls: Controls, change: ControlsChange): Promise<boolean>
  /** Entries of the audit log, ascending from `from`, at most `limit`. One that is gone is left out: `seq` tells. */
  audit(page: { readonly from: number; readonly limit: number }): Promise<readonly AuditEntry[]>
  /** Where the audit log ends; null while it is empty. */
  auditHead(): Promise<AuditHead | null>
  /** An audit entry of something that changes nothing else in the store (an erasure, say). */
  note(entry: By & { readonly action: AuditAction; readonly subject: string; readonly detail?: Detail }): Promise<void>
  /** What was remembered under a digest (64 hex digits), null when nothing is (any more). */
  remembered(digest: string): Promise<string | null>
  /** Remembers a text for `ttlMs`. Resolves false, with nothing changed, when something is there already. */
  remember(digest: string, text: string, ttlMs: number): Promise<boolean>
  /**
   * Puts a backup in place of what is there, all or nothing, and tells of it in the audit log; see `planRestoration`. What is learned
   * stays. Rejects with `store.locked`, with nothing changed, where the store is not as it was expected.
   */
  restore(restoration: Restoration): Promise<void>
  /** What is known of an upload session, null when nothing is (any more). `digest`: 32 hex digits (`SESSION_DIGEST`). */
  session(digest: string): Promise<SessionRecord | null>
  /**
   * Stores it for `ttlMs`. What others stored meanwhile is merged: the most bytes count, and `sent` is added to what
   * is there. With a `ttlMs` of 0 it is forgotten. How many sessions are kept is bounded; the oldest go first.
   * With `by`, a store whose answers can get lost adds what it does not hold of that writer yet, in place of `sent`.
   */
  putSession(digest: string, record: SessionRecord, ttlMs: number, by?: SessionWriterCount): Promise<void>
  /** Whose a credential, an account or a place is; null where that is not known (any more). `digest`: `BINDING_DIGEST`. */
  binding(digest: string): Promise<StoredBinding | null>
  /** Stores it for `ttlMs`; the last write wins. With a `ttlMs` of 0 it is forgotten. */
  putBinding(digest: string, record: BindingRecord, ttlMs: number): Promise<void>
  /**
   * Calls `changed` after any change of policy, tenants or controls, by this process or another, within one second,
   * a lost message included. Returns the way to stop.
   */
  watch(changed: () => void): () => void
  health(): Health
  close(): Promise<void>
}
