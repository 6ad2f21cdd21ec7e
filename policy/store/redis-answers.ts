/** What Redis is asked with and answers, to and from what the store speaks of. */
import { SluiceError } from '../errors.ts'
import type { Account, Tenant } from '../operation.ts'
import { mapInSlices } from '../slices.ts'
import { NO_CONTROLS, parseControls } from './controls-record.ts'
import { corrupt } from './corrupt.ts'
import { KEYS, tenantsKey } from './keys.ts'
import type { Log } from './log.ts'
import { parseJson, parseRevision, parseTenantField, parseToken } from './records.ts'
import type { Controls, Revision, StoredToken } from './store.ts'

/** How many faulty entries a message names. */
const NAMED_FAULTS = 10

/** The arguments of `PUT_TENANTS`, after those of the audit entry. */
export function putting(tenants: readonly Tenant[], expected?: number): [expected: number | string, groups: string] {
  const groups = new Map<Account, string[]>()
  for (const { account, id, ...details } of tenants) {
    const group = groups.get(account) ?? [tenantsKey(account)]
    group.push(id, JSON.stringify(details))
    groups.set(account, group)
  }
  return [expected ?? '', JSON.stringify([...groups.values()])]
}

/** The tenants of one account, as `HGETALL` answered them; what cannot be read is left out and named in `faults`. */
export async function readTenants(account: Account, flat: unknown, faults: string[]): Promise<Tenant[]> {
  const where = tenantsKey(account)
  const values = array(flat, where)
  const fields = values.flatMap((value, i) => i % 2 === 0 ? [{ field: String(value), text: String(values[i + 1]) }] : [])
  const found = new Map<string, Tenant>()
  await mapInSlices(fields, ({ field, text }) => {
    const tenant = parseTenantField(account, field, text)
    if ('fault' in tenant) {
      if (faults.length < NAMED_FAULTS) faults.push(`${where} ${JSON.stringify(field.slice(0, 80))}: ${tenant.fault}`)
    } else if (field === tenant.id || !found.has(tenant.id)) {
      found.set(tenant.id, tenant)
    }
  })
  return [...found.values()]
}

/** The last moment that a `Date` can tell. */
const MAX_DATE_MS = 8_640_000_000_000_000

/** The tokens, the oldest first, with their last uses; what cannot be read is left out and told. */
export function readTokens(hash: Readonly<Record<string, string>>, uses: Readonly<Record<string, string>>, log: Log): StoredToken[] {
  const tokens: StoredToken[] = []
  for (const [id, text] of Object.entries(hash)) {
    try {
      const token = parseToken(parseJson(text, `${KEYS.tokens} ${id}`), `${KEYS.tokens} ${id}`)
      const used = Number(uses[id] ?? NaN)
      tokens.push(used > 0 && used <= MAX_DATE_MS ? { ...token, lastUsedAt: new Date(used).toISOString() } : token)
    } catch (error) {
      if (!(error instanceof SluiceError)) throw error
      log('warn', `An admin token was left out: ${error.message}`)
    }
  }
  return tokens.sort((a, b) => a.createdAt.localeCompare(b.createdAt))
}

/** Null for what is no token. */
export function readToken(value: unknown): StoredToken | null {
  try {
    return parseToken(value, KEYS.tokens)
  } catch (error) {
    if (error instanceof SluiceError) return null
    throw error
  }
}

/** What `STATE` answered; `key` is another whenever the allowlists are. */
export function stateOf(answer: unknown): { policy: Revision | null; controls: Controls; version: number; key: string } {
  const [current, version, digest, above] = array(answer, KEYS.policy)
  const policy = typeof current === 'string' ? parseRevision(parseJson(current, KEYS.policy), KEYS.policy) : null
  const controls = typeof above === 'string' ? parseControls(parseJson(above, KEYS.controls), KEYS.controls) : NO_CONTROLS
  return { policy, controls, version: Number(version), key: `${String(version)} ${String(digest)}` }
}

export function array(value: unknown, where: string): unknown[] {
  if (Array.isArray(value)) return value
  throw corrupt(where, 'Redis answered in another form than expected')
}
