import type { Role } from '../store/store.ts'

/** Roles that an identity provider can give, the highest first. */
export const OIDC_ROLES = ['admin', 'editor', 'viewer'] as const satisfies readonly Role[]

export interface OidcSettings {
  /** Exactly as tokens tell it in `iss`. */
  readonly issuer: string
  /** What tokens must be meant for (`aud`). */
  readonly audience: string
  /** Where its keys are; null: as its discovery document says, or in `keySetFile`. */
  readonly jwksUri: string | null
  /** A file (JSON Web Key Set) with its keys; null: they are fetched. */
  readonly keySetFile: string | null
  /** The claim with the caller's roles or groups; `realm_access.roles` reaches into a map. */
  readonly rolesClaim: string
  /** The claim that names the caller in the audit log. */
  readonly subjectClaim: string
  /** By role, the values of `rolesClaim` that give it. */
  readonly roles: Readonly<Record<(typeof OIDC_ROLES)[number], readonly string[]>>
}
