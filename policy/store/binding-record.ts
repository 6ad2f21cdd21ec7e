import Type from 'typebox'
import { Compile } from 'typebox/compile'
import { ACCOUNTS } from '../providers/index.ts'
import type { Account } from '../operation.ts'

/** Whose a credential, an account or a place is, as the provider's own answer said. */
export interface BindingRecord {
  readonly account: Account
  /** Names of the one tenant, lower case; empty where only `person` is known. */
  readonly tenants: readonly string[]
  /** The digest under which more is known of the account that the credential is of. */
  readonly person?: string
  /** False: it counts against an upload, never for it. */
  readonly mayAllow: boolean
  /** `asked`: Sluice put the question; `learned`: the answer was seen passing. */
  readonly how: 'learned' | 'asked'
  /** Milliseconds since 1970. */
  readonly at: number
}

/** A binding as the store holds it. */
export interface StoredBinding extends BindingRecord {
  /** How long it still counts, in milliseconds. */
  readonly leftMs: number
}

/** A binding's key in the store: the beginning of an HMAC, so that no credential and no id of a provider is kept. */
export const BINDING_DIGEST = /^[0-9a-f]{32}$/
/** How many names of one tenant are kept. */
export const BINDING_TENANTS_MAX = 16

const check = Compile(Type.Object({
  account: Type.Enum([...ACCOUNTS]),
  tenants: Type.Array(Type.String({ minLength: 1, maxLength: 256 }), { maxItems: BINDING_TENANTS_MAX }),
  person: Type.Optional(Type.String({ pattern: BINDING_DIGEST.source })),
  mayAllow: Type.Boolean(),
  how: Type.Enum(['learned', 'asked']),
  at: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
}))

/** Null for what is no record: a binding can be lost, and costs less than a store that refuses to work. */
export function parseBinding(value: unknown): BindingRecord | null {
  if (!check.Check(value)) return null
  const { account, tenants, person, mayAllow, how, at } = value
  return { account, tenants, mayAllow, how, at, ...(person === undefined ? {} : { person }) }
}
