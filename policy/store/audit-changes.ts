/** What the audit log tells of each kind of change. Pure; everything is bounded, and no secret is in it. */
import { diffPolicies } from '../diff.ts'
import { SluiceError } from '../errors.ts'
import type { Tenant } from '../operation.ts'
import { parsePolicy } from '../policy.ts'
import type { Change, Detail } from './audit-entry.ts'
import type { By, Revision, StoredToken } from './store.ts'

/** How many rules an entry names. */
const RULES_NAMED = 50
/** How many tenants of an import an entry names. */
const TENANTS_NAMED = 20

/** `before`: the revision that was current until then, where it is known. */
export function policyChange(before: Revision | null, after: Revision): Change {
  const { revision, author, from = 'unknown', at, comment, restores } = after
  return {
    at, author, from, action: restores === undefined ? 'policy.put' : 'policy.restore', subject: `revision ${revision}`,
    detail: {
      revision, previous: before?.revision ?? 0, ...restores !== undefined && { restores }, ...comment !== undefined && { comment },
      ...before !== null && changedRules(before, after),
    },
  }
}

/** `{rules: [{id, is}, …], more?}`; nothing where one of both is no valid policy. */
function changedRules(before: Revision, after: Revision): Detail {
  try {
    const all = diffPolicies(parsePolicy(before.policy), parsePolicy(after.policy)).map((difference) => {
      switch (difference.kind) {
        case 'set': return { id: difference.path, is: 'set', before: difference.before, after: difference.after }
        case 'added':
        case 'removed': return { id: difference.rule.id, is: difference.kind }
        case 'moved':
        case 'changed': return { id: difference.ruleId, is: difference.kind }
      }
    })
    return { rules: all.slice(0, RULES_NAMED), ...all.length > RULES_NAMED && { more: all.length - RULES_NAMED } }
  } catch (error) {
    if (error instanceof SluiceError) return {}
    throw error
  }
}

/** One tenant, or a list of them, put in place of `before` (what was stored of each, in any order). */
export function tenantsChange(by: By, tenants: readonly Tenant[], before: readonly Tenant[]): Change {
  const [only] = tenants
  if (tenants.length === 1 && only !== undefined) {
    const [was] = before
    return changeOf(by, 'tenant.put', placeOf(only), { ...was !== undefined && { before: detailsOf(was) }, after: detailsOf(only) })
  }
  const count = new Set(tenants.map(placeOf)).size
  return changeOf(by, 'tenants.import', `${count} tenants`, {
    count, added: count - before.length, replaced: before.length, first: tenants.slice(0, TENANTS_NAMED).map(placeOf),
  })
}

export function tenantDeleted(by: By, place: Pick<Tenant, 'account' | 'id'>, before: Tenant | undefined): Change {
  return changeOf(by, 'tenant.delete', placeOf(place), { ...before !== undefined && { before: detailsOf(before) } })
}

export function tokenCreated(by: By, { id, role, label, expiresAt }: StoredToken): Change {
  return changeOf(by, 'token.create', id, { role, label, ...expiresAt !== undefined && { expiresAt } })
}

export function tokenDeleted(by: By, id: string, before: StoredToken | undefined): Change {
  return changeOf(by, 'token.delete', id, { ...before !== undefined && { role: before.role, label: before.label } })
}

/** Something other than Sluice changed a document, or what changed it is lost. */
export function unknownChange(document: string, detail: Detail): Change {
  return changeOf({ author: 'unknown', from: 'unknown' }, 'store.edit', document, detail)
}

/** A change that is made now. */
export function changeOf({ author, from }: By, action: Change['action'], subject: string, detail?: Detail): Change {
  return { at: new Date().toISOString(), author, from, action, subject, ...detail !== undefined && { detail } }
}

function placeOf({ account, id }: Pick<Tenant, 'account' | 'id'>): string {
  return `${account}/${id}`
}

function detailsOf({ name, aliases }: Tenant): Detail {
  return { ...name !== undefined && { name }, ...aliases !== undefined && { aliases } }
}
