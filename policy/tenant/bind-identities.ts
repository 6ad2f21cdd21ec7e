import type { Account } from '../operation.ts'
import type { Identity } from '../providers/provider.ts'
import { BINDING_TENANTS_MAX } from '../store/binding-record.ts'
import type { BindingRecord } from '../store/binding-record.ts'
import type { Bindings } from './bindings.ts'

/** Whose answer it was. */
export interface Told {
  readonly account: Account
  /** The digest of the credential that the request showed; undefined where it showed none, or several. */
  readonly credential: string | undefined
  /** How long that credential is good for at most, in milliseconds. */
  readonly lifetimeMs: number
  readonly how: BindingRecord['how']
  /** Milliseconds since 1970. */
  readonly at: number
}

const MINUTE_MS = 60_000
const DAY_MS = 24 * 60 * MINUTE_MS
/** Drives and accounts seldom change hands, and each use of one tells anew. */
const PLACE_MS = 7 * DAY_MS

type Owner = Pick<BindingRecord, 'tenants' | 'mayAllow'>

/** Keeps what an answer told of credentials, accounts and places. Waits for the store where that may know whose a place is. */
export async function bindIdentities(bindings: Bindings, told: Told, identities: readonly Identity[]): Promise<void> {
  for (const identity of identities) {
    const owner = await ownerOf(bindings, told, identity)
    const { account, how, at } = told
    const person = identity.person === undefined ? undefined : bindings.digest(account, 'person', identity.person)
    const record = (known: Owner): BindingRecord => ({ account, ...known, how, at })
    if (person !== undefined && owner !== undefined) merge(bindings, person, record(owner), PLACE_MS)
    if (identity.tenants !== undefined || person !== undefined) {
      const known = owner ?? { tenants: [], mayAllow: identity.mayAllow }
      const withPerson = { ...record(known), ...(person === undefined ? {} : { person }) }
      for (const { token, seconds } of identity.issued ?? []) {
        merge(bindings, bindings.digest(account, 'credential', token), withPerson, Math.min(Math.max(seconds * 1000, MINUTE_MS), DAY_MS))
      }
      // What lies within a place says nothing of the credential that looked at it.
      if (identity.issued === undefined && identity.within === undefined && told.credential !== undefined) {
        merge(bindings, told.credential, withPerson, told.lifetimeMs)
      }
    }
    if (owner === undefined) continue
    for (const place of identity.places ?? []) merge(bindings, bindings.digest(account, 'place', place), record(owner), PLACE_MS)
  }
}

async function ownerOf(bindings: Bindings, { account, credential }: Told, identity: Identity): Promise<Owner | undefined> {
  if (identity.tenants !== undefined) return { tenants: identity.tenants.slice(0, BINDING_TENANTS_MAX), mayAllow: identity.mayAllow }
  const owner = await known(bindings, identity.within === undefined ? credential : bindings.digest(account, 'place', identity.within))
  if (owner === undefined) return undefined
  const mayAllow = owner.mayAllow && identity.mayAllow
  if (!mayAllow || identity.isMakers !== true) return { tenants: owner.tenants, mayAllow }
  const maker = await known(bindings, credential)
  return { tenants: owner.tenants, mayAllow: maker?.mayAllow === true && maker.tenants.some(id => owner.tenants.includes(id)) }
}

async function known(bindings: Bindings, digest: string | undefined): Promise<BindingRecord | undefined> {
  const found = digest === undefined ? undefined : await find(bindings, digest)
  const owner = found !== undefined && found.tenants.length === 0 && found.person !== undefined ? await find(bindings, found.person) : found
  return owner === undefined || owner.tenants.length === 0 ? undefined : owner
}

async function find(bindings: Bindings, digest: string): Promise<BindingRecord | undefined> {
  if (!bindings.isFresh(digest)) await bindings.load(digest)
  return bindings.get(digest)
}

/** Two answers may each know some names of one tenant; where they share none, the newer counts. */
function merge(bindings: Bindings, digest: string, record: BindingRecord, ttlMs: number): void {
  const before = bindings.get(digest)
  const person = record.person ?? before?.person
  const isSame = before !== undefined && before.mayAllow === record.mayAllow
    && (record.tenants.length === 0 || before.tenants.some((id) => record.tenants.includes(id)))
  const tenants = isSame ? [...new Set([...before.tenants, ...record.tenants])].slice(0, BINDING_TENANTS_MAX) : record.tenants
  bindings.put(digest, { ...record, tenants, ...(person === undefined ? {} : { person }) }, ttlMs)
}
