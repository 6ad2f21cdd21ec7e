import type { Account, Tenant } from '../operation.ts'
import type { Policy } from '../policy.ts'
import type { BindingRecord, StoredBinding } from './binding-record.ts'
import type { SessionRecord } from './session-record.ts'

/** One stored revision of the policy. Revisions count up from 1. */
export interface Revision {
  readonly revision: number
  readonly policy: Policy
  readonly author: string
  /** ISO 8601, UTC. */
  readonly at: string
  readonly comment?: string
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
}

/**
 * What decisions are made from: taken at one moment, `tenantsVersion` counts every change of the allowlist. While there is
 * none, `tenants` is the same list, so that whoever made something of it can tell by the list itself.
 */
export interface StoreState {
  readonly policy: Revision | null
  readonly tenants: readonly Tenant[]
  readonly tenantsVersion: number
}

export interface Health {
  readonly up: boolean
  /** Why not, without secrets. */
  readonly detail?: string
}

/**
 * Where policy, tenants, tokens, upload sessions and bindings are kept. All stores pass `test/policy/store/contract.ts`.
 * Every method rejects with a `SluiceError` of code `store.*` when the store cannot be reached.
 */
export interface Store {
  readonly kind: 'embedded' | 'redis'
  /** Everything a decision needs, consistent within itself. */
  load(): Promise<StoreState>
  /**
   * Stores a new revision. `expected` is the revision the author has seen (0: none yet).
   * Rejects with `policy.stale` when another came between; nothing is written then.
   */
  putPolicy(policy: Policy, meta: { expected: number; author: string; comment?: string }): Promise<Revision>
  revision(n: number): Promise<Revision | null>
  putTenant(tenant: Tenant): Promise<void>
  /**
   * Adds and replaces tenants, all or none, as one change; `tenant.invalid` names the wrong entry. With `expected` only
   * while the allowlist is at that `tenantsVersion`: resolves false, with nothing changed, when it is not.
   */
  putTenants(tenants: readonly Tenant[], expected?: number): Promise<boolean>
  /** Resolves false when there was no such tenant. */
  deleteTenant(account: Account, id: string): Promise<boolean>
  tokens(): Promise<readonly StoredToken[]>
  putToken(token: StoredToken): Promise<void>
  /** Resolves false when there was no such token. */
  deleteToken(id: string): Promise<boolean>
  /** What is known of an upload session, null when nothing is (any more). `digest`: 32 hex digits (`SESSION_DIGEST`). */
  session(digest: string): Promise<SessionRecord | null>
  /**
   * Stores it for `ttlMs`. What others stored meanwhile is merged: the most bytes count, and `sent` is added to what
   * is there. With a `ttlMs` of 0 it is forgotten. How many sessions are kept is bounded; the oldest go first.
   */
  putSession(digest: string, record: SessionRecord, ttlMs: number): Promise<void>
  /** Whose a credential, an account or a place is; null where that is not known (any more). `digest`: `BINDING_DIGEST`. */
  binding(digest: string): Promise<StoredBinding | null>
  /** Stores it for `ttlMs`; the last write wins. With a `ttlMs` of 0 it is forgotten. */
  putBinding(digest: string, record: BindingRecord, ttlMs: number): Promise<void>
  /**
   * Calls `changed` after any change of policy or tenants, by this process or another, within one second,
   * a lost message included. Returns the way to stop.
   */
  watch(changed: () => void): () => void
  health(): Health
  close(): Promise<void>
}
