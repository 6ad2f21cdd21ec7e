import { SluiceError } from '../errors.ts'
import type { Account, Tenant } from '../operation.ts'
import type { By, Store } from './store.ts'

/** What is said of a tenant: what is given replaces what is stored, false takes it away, and the rest stays. Ids in lower case. */
export interface TenantChange {
  readonly account: Account
  readonly id: string
  readonly name?: string | false | undefined
  readonly aliases?: readonly string[] | false | undefined
}

/** How often a change is made anew when others come between. */
const ATTEMPTS = 20

/**
 * Makes all changes, or none, as one. Of what others store at the same time nothing is lost: it is read again then. Resolves
 * what each tenant was and has become, in the order of the changes; several of one tenant follow upon each other.
 */
export async function changeTenants(
  store: Store, changes: readonly TenantChange[], by: By,
): Promise<readonly { readonly before: Tenant | undefined; readonly after: Tenant }[]> {
  if (changes.length === 0) return []
  const wanted = new Set(changes.map(placeOf))
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const { tenants, tenantsVersion } = await store.load()
    const known = new Map(tenants.flatMap((tenant) => wanted.has(placeOf(tenant)) ? [[placeOf(tenant), tenant] as const] : []))
    const made = changes.map((change) => {
      const before = known.get(placeOf(change))
      const after = merge(change, before)
      known.set(placeOf(change), after)
      return { before, after }
    })
    if (await store.putTenants([...known.values()], by, tenantsVersion)) return made
  }
  throw new SluiceError('store.locked', 'The tenants are being changed by others all the time.', 'Try again.')
}

function placeOf({ account, id }: Pick<Tenant, 'account' | 'id'>): string {
  return `${account} ${id}`
}

function merge({ account, id, ...given }: TenantChange, stored: Tenant | undefined): Tenant {
  const name = given.name ?? stored?.name
  const aliases = given.aliases ?? stored?.aliases
  return {
    account, id,
    ...typeof name === 'string' && { name },
    ...Array.isArray(aliases) && aliases.length > 0 && { aliases },
  }
}
