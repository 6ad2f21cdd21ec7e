import type { Account, Tenant } from '../operation.ts'

/** The allowlist, ready for look-ups whose cost does not grow with it. */
export interface TenantIndex {
  /** Number of tenants. */
  readonly size: number
  /** The store's count of changes that this index was made from. */
  readonly version: number
  /** The tenant that has this id or alias, in any case, or one whose wildcard covers it. */
  has(account: Account, id: string): Tenant | undefined
  /** Whether the allowlist says anything about an account system at all. */
  covers(account: Account): boolean
}

interface Names {
  /** Ids and aliases as they are written, those of wildcards too. */
  readonly exact: Map<string, Tenant>
  /** Domain → the tenant that owns every name below it. */
  readonly below: Map<string, Tenant>
}

/** The longest name that is looked up; a DNS name has at most 253 characters (RFC 1035 §2.3.4). */
const NAME_MAX = 253
/** Labels and nothing else: what follows from a wildcard is a name that its owner can make. */
const DOTTED = /^[a-z0-9_-]+(?:\.[a-z0-9_-]+)+$/

/** Makes an index of tenants that are added one by one, so that whoever adds 100,000 can pause in between. */
export class TenantIndexer {
  readonly #accounts = new Map<Account, Names>()
  #size = 0

  /** Whatever the order: an exact name wins over a wildcard, a longer wildcard over a shorter one, an id over another tenant's alias. */
  add(tenant: Tenant): void {
    this.#size++
    let names = this.#accounts.get(tenant.account)
    if (names === undefined) this.#accounts.set(tenant.account, names = { exact: new Map(), below: new Map() })
    for (const alias of tenant.aliases ?? []) if (!names.exact.has(alias.toLowerCase())) put(names, alias.toLowerCase(), tenant)
    put(names, tenant.id.toLowerCase(), tenant)
  }

  /** What was added until now; add nothing after. */
  index(version = 0): TenantIndex {
    const accounts = this.#accounts
    return {
      size: this.#size,
      version,
      has: (account, id) => {
        const names = accounts.get(account)
        if (names === undefined || id.length > NAME_MAX) return undefined
        const name = id.toLowerCase()
        return names.exact.get(name) ?? owner(names.below, name)
      },
      covers: account => accounts.has(account),
    }
  }
}

/** A short list at once. */
export function indexTenants(tenants: readonly Tenant[], version = 0): TenantIndex {
  const indexer = new TenantIndexer()
  for (const tenant of tenants) indexer.add(tenant)
  return indexer.index(version)
}

function put({ exact, below }: Names, name: string, tenant: Tenant): void {
  exact.set(name, tenant)
  if (name.startsWith('*.')) below.set(name.slice(2), tenant)
}

function owner(below: ReadonlyMap<string, Tenant>, name: string): Tenant | undefined {
  if (below.size === 0 || !DOTTED.test(name)) return undefined
  for (let dot = name.indexOf('.'); dot !== -1; dot = name.indexOf('.', dot + 1)) {
    const found = below.get(name.slice(dot + 1))
    if (found !== undefined) return found
  }
  return undefined
}
