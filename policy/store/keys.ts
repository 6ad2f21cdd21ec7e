import { ACCOUNTS } from '../providers/index.ts'
import type { Account } from '../operation.ts'

/**
 * The names of everything that Sluice keeps in Redis. All share the hash tag `{sluice}`, so that in a cluster
 * they lie in one slot and the scripts may touch several. `policy/store/README.md` tells what is in them.
 */
export const KEYS = {
  policy: '{sluice}:policy',
  revisions: '{sluice}:policy:revisions',
  tenantsVersion: '{sluice}:tenants:version',
  tenantsDigest: '{sluice}:tenants:digest',
  tenantsLooked: '{sluice}:tenants:looked',
  tokens: '{sluice}:tokens',
  tokenUses: '{sluice}:tokens:used',
  controls: '{sluice}:controls',
  audit: '{sluice}:audit',
  schema: '{sluice}:schema',
  sessions: '{sluice}:sessions',
} as const

/** The channel on which changes are told. */
export const CHANGED = '{sluice}:changed'

export function tenantsKey(account: Account): string {
  return `{sluice}:tenants:${account}`
}

/** One upload session; `digest` is made by `policy/sessions.ts`. */
export function sessionKey(digest: string): string {
  return `{sluice}:session:${digest}`
}

/** One binding; `digest` is made by `policy/tenant/bindings.ts`. */
export function bindingKey(digest: string): string {
  return `{sluice}:binding:${digest}`
}

/** One text that is remembered; `digest` is the caller's. */
export function rememberedKey(digest: string): string {
  return `{sluice}:remembered:${digest}`
}

/** What a restoration has written beside `name` until it takes its place. */
export function restoringKey(id: string, name: string): string {
  return `{sluice}:restoring:${id}:${name}`
}

/** All allowlists, in the order of `ACCOUNTS`. */
export const TENANTS_KEYS: readonly string[] = ACCOUNTS.map(tenantsKey)
