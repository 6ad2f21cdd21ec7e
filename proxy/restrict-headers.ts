/** Tenant restrictions on the wire: which fields of a client's are of that kind, and what the client said by them. */
import type { Tenant } from '../policy/operation.ts'
import { compileRestrictions } from '../policy/restrictions.ts'
import type { Restrict, RestrictionHeaders } from '../policy/restrictions.ts'
import { RESTRICTED_BY, RESTRICTION_NAMES } from '../policy/restriction-table.ts'
import type { TenantIndex } from '../policy/tenant/allowlist.ts'
import type { Head } from './head.ts'

// Servers that hand fields on as variables make `_` of whatever is no letter or digit (RFC 3875 §4.1.18).
const NAMES = new RegExp(`^(?:${RESTRICTION_NAMES.map(name => name.toLowerCase().replaceAll('-', '[^a-z0-9]')).join('|')})[0-9]*$`)

// Nearly all other names are shorter, and not worth a look.
const SHORTEST = Math.min(...RESTRICTION_NAMES.map(({ length }) => length))

/** Whether a field is a tenant restriction, or could be read as one. `name`: lower case. */
export function isRestriction(name: string): boolean {
  return name.length >= SHORTEST && NAMES.test(name)
}

/**
 * Whether the client itself sent tenant restrictions. `same`: each says what Sluice says, or where it says nothing, names
 * tenants of the allowlist only, as a managed browser's own policy would; `other`: at least one does not, or is spelt as
 * no browser spells it.
 */
export function clientRestrictions(
  head: Pick<Head, 'headers'>, own: RestrictionHeaders, allowlist: Pick<TenantIndex, 'has'>,
): 'none' | 'same' | 'other' {
  let found: 'none' | 'same' = 'none'
  for (const name of head.headers.names()) {
    if (!isRestriction(name)) continue
    const theirs = idsOf(head.headers.get(name) ?? '')
    const ours = own.said.get(name)
    if (ours === undefined ? !areListed(name, theirs, allowlist) : !isSameSet(theirs, idsOf(ours))) return 'other'
    found = 'same'
  }
  return found
}

function areListed(name: string, ids: ReadonlySet<string>, allowlist: Pick<TenantIndex, 'has'>): boolean {
  const account = RESTRICTED_BY.get(name)
  return account !== undefined && ids.size > 0 && [...ids].every(id => allowlist.has(account, id) !== undefined)
}

function isSameSet(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  return a.size === b.size && [...a].every(id => b.has(id))
}

function idsOf(list: string): Set<string> {
  return new Set(list.split(',').map(id => id.trim().toLowerCase()).filter(id => id !== ''))
}

/** The restrictions that the allowlist of the moment makes; made anew when there is another one. */
export function followAllowlist(restrict: Restrict, allowlist: () => readonly Tenant[]): () => RestrictionHeaders {
  let from = allowlist()
  let made = compileRestrictions(restrict, from)
  return () => {
    const now = allowlist()
    if (now !== from) {
      made = compileRestrictions(restrict, now)
      from = now
    }
    return made
  }
}
