import type { Account, Operation } from '../operation.ts'
import type { WrittenPlace } from '../providers/provider.ts'
import type { KnownSession } from '../sessions.ts'
import type { BindingRecord } from '../store/binding-record.ts'
import type { TenantIndex } from './allowlist.ts'
import type { Credential } from './credential.ts'

/** All that is known when it is asked whose account a request goes to. The resolvers read it; none asks anybody. */
export interface Question {
  readonly account: Account
  readonly operation: Operation
  /** Lower case. */
  readonly host: string
  readonly index: TenantIndex
  readonly credential: Credential
  /** The digest of a single credential. */
  readonly credentialDigest: string | undefined
  /** The tenant that the credential names by itself. */
  readonly claimed: string | undefined
  /** What a key set says of its signature; undefined where none can tell. */
  readonly signature: 'valid' | 'forged' | undefined
  /** What the provider said of the credential, or of the account that it is of. */
  readonly binding: BindingRecord | undefined
  /** Null where the request writes nothing, or its host or path names the tenant. */
  readonly place: WrittenPlace | null
  /** What the provider said of each id of a named place. */
  readonly placeBindings: readonly (BindingRecord | undefined)[]
  /** The upload session that the request is a part of; undefined where nothing is known of it. */
  readonly session: KnownSession | undefined
  /** The client brought a tenant restriction of its own making. */
  readonly isRestrictedByClient: boolean
}

/**
 * How much a finding can do. `sure`: it may allow; `claimed`: it may deny, never allow; `foreign`: the place is nobody's
 * that is known; `denied`: an attempt to pass as another.
 */
export const TRUSTS = ['sure', 'claimed', 'foreign', 'denied'] as const
export type Trust = (typeof TRUSTS)[number]
