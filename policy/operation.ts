/**
 * The vocabulary: what a request is, whose place it writes to, who sends it and what was decided.
 * Every union here is closed: the same value is metric label, event field and API value.
 */

import type { Account, Builtin } from './providers/index.ts'

/** An account system: a tenant belongs to one; `onedrive` and `sharepoint` are both `microsoft`. */
export type { Account }
/** A cloud-storage service that Sluice knows by itself, or one that `intercept.catalogue` declares: closed once the configuration is read. */
export type Provider = Builtin | `custom-${string}`
/** The ids that declared providers may have, as a pattern. */
export const CUSTOM_ID = '^custom-[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$'

/**
 * What a request does. `change`: rename, folder, copy or move within, metadata; `edit`: content typed into
 * a web document; `tunnel`: a spliced connection; `other`: carries no content, or is not understood.
 */
export const ACTIVITIES = [
  'upload', 'download', 'list', 'edit', 'tunnel', 'change', 'share', 'delete', 'login', 'token', 'other',
] as const
export type Activity = (typeof ACTIVITIES)[number]

/** Which part of an upload a request is. `link` mints an address that takes content later; `copy-in` has the provider fetch it. */
export const STEPS = ['single', 'start', 'chunk', 'finish', 'batch', 'link', 'copy-in', 'status', 'cancel'] as const
export type Step = (typeof STEPS)[number]

/** Size of the content in bytes. `at-least`: at least this much is certain; `unknown`: nothing is (`bytes` is 0). */
export interface Size {
  readonly bytes: number
  readonly is: 'exact' | 'at-least' | 'unknown'
}

/** A recognised request. Sizes are of the whole upload where it is told, else of what this request brings. */
export interface Operation {
  readonly provider: Provider
  readonly activity: Activity
  readonly step: Step
  readonly size: Size
  /** Decoded, at most 1,024 characters, without control characters. */
  readonly fileName?: string
  /** Where the request brings several files, the names of up to 64 of them; `fileName` is the first. */
  readonly fileNames?: readonly string[]
  /** It brings files whose names are not told here. */
  readonly moreNames?: true
  readonly contentType?: string
  /** The provider's own id of the upload session that the request belongs to. */
  readonly session?: string
  /** Bytes of the session that went before this request's body, where the request says so. */
  readonly offset?: number
  /** What names a part within its session where its place is not told: at most 128 characters. Sent again, it is the same part. */
  readonly part?: string
  /** A tenant id that the recogniser saw in the place written to (host or path). */
  readonly tenantHint?: string
}

export interface Tenant {
  readonly account: Account
  /** Lower-case: a SharePoint tenant name (`contoso`), a directory id, a domain; `personal` for a consumer account. */
  readonly id: string
  readonly aliases?: readonly string[]
  readonly name?: string
}

export const STANDINGS = ['sanctioned', 'unsanctioned', 'unknown'] as const
export type Standing = (typeof STANDINGS)[number]

/**
 * How a tenant was found: the place written to, what the credential itself says, an answer of the provider that was seen
 * passing (`learned`) or asked for (`asked`), the start of the upload session, or nothing told.
 */
export const HOWS = ['place', 'credential', 'learned', 'asked', 'session', 'none'] as const
export type How = (typeof HOWS)[number]

/** Whose account a request goes to. `id` is null where nothing told it. */
export interface Attribution {
  readonly account: Account
  readonly id: string | null
  readonly standing: Standing
  readonly how: How
  readonly reasons: readonly Reason[]
}

export const CLIENT_CLASSES = ['browser', 'sync-app', 'cli', 'library', 'script', 'unknown'] as const
export type ClientClass = (typeof CLIENT_CLASSES)[number]

export interface Client {
  /** Canonical textual address: IPv4-mapped IPv6 addresses are written as IPv4. */
  readonly ip: string
  readonly user?: string
  readonly groups?: readonly string[]
  /** There may be groups that could not be looked up. */
  readonly moreGroups?: true
  readonly userAgent: string
  readonly class: ClientClass
}

export const ACTIONS = ['allow', 'log', 'block'] as const
export type Action = (typeof ACTIONS)[number]

/** Why a decision came out as it did. */
export const REASONS = [
  'rule', 'default', 'unknown-tenant',
  'tenant-from-place', 'tenant-from-credential', 'tenant-learned', 'tenant-asked', 'tenant-from-session', 'no-allowlist',
  'credential-not-verified', 'credential-verified', 'credential-forged', 'credential-elsewhere', 'several-credentials',
  'foreign-place', 'client-restriction', 'session-other-credential', 'binding-unavailable',
  'size-unknown', 'size-reached', 'late-fact', 'unexplained-body',
  'session-size', 'session-resent', 'session-start', 'session-unknown', 'session-unavailable',
  'groups-stale', 'groups-unavailable',
  'recogniser-failed', 'snapshot-stale',
  'exception', 'break-glass',
  'identity-mismatch', 'unauthenticated', 'destination-refused', 'opaque', 'not-intercepted',
  'upstream-failed', 'client-gone', 'stalled', 'malformed', 'limit-reached', 'overloaded',
] as const
export type Reason = (typeof REASONS)[number]

/** What was decided, by which rule of which revision, and why. `ruleId` is null where no rule ended the reading. */
export interface Decision {
  readonly action: Action
  readonly ruleId: string | null
  readonly revision: number
  readonly reasons: readonly Reason[]
  /** The rule's message to the person who is refused. */
  readonly message?: string
  /** Ids of `log` rules that matched on the way. */
  readonly noted?: readonly string[]
  /** The rule allows that an exception is asked for. */
  readonly coach?: true
  /** Exceptions without which a rule would have blocked. */
  readonly exceptions?: readonly { readonly ruleId: string; readonly id: string }[]
  /** What rules in `monitor` mode would have done. */
  readonly monitored?: readonly { readonly ruleId: string; readonly action: Action }[]
}
