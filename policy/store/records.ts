import Type from 'typebox'
import { Compile } from 'typebox/compile'
import { ACCOUNTS } from '../providers/index.ts'
import type { Account, Tenant } from '../operation.ts'
import type { Policy } from '../policy.ts'
import { SluiceError, atPlace } from '../errors.ts'
import type { Fault } from '../errors.ts'
import { inSlices, mapInSlices } from '../slices.ts'
import { wildcardFault } from '../tenant/wildcard.ts'
import { parseChange } from './audit-entry.ts'
import type { Change } from './audit-entry.ts'
import { corrupt } from './corrupt.ts'
import { ROLES } from './store.ts'
import type { PolicyMeta, Revision, StoredToken } from './store.ts'

export { corrupt }

/** The longest tenant id: a DNS name has at most 253 characters (RFC 1035 §2.3.4). */
export const TENANT_ID_MAX = 253
export const TENANT_ALIASES_MAX = 100
export const TENANT_NAME_MAX = 200

/**
 * Lower-case ids as the account systems write them: GUIDs, DNS names, SharePoint names, `dbtid:…`, addresses; and
 * wildcards, which `policy/tenant/wildcard.ts` checks further.
 */
const TENANT_ID_PATTERN = `^(?=.{1,${TENANT_ID_MAX}}$)(?:\\*\\.)?[a-z0-9_][a-z0-9._:@+=~!-]*$`
/** No control characters: a name is printed in logs and terminals. */
export const TENANT_NAME_PATTERN = '^[^\\u0000-\\u001f\\u007f-\\u009f]*$'

/** How many faults of a tenant are named. */
const FAULTS_MAX = 20

const tenantDetails = {
  name: Type.Optional(Type.String({ maxLength: TENANT_NAME_MAX, pattern: TENANT_NAME_PATTERN })),
  aliases: Type.Optional(Type.Array(Type.String({ pattern: TENANT_ID_PATTERN }), { maxItems: TENANT_ALIASES_MAX })),
}
const strict = { additionalProperties: false }

const tenantDetailsCheck = Compile(Type.Object(tenantDetails))
const tenantCheck = Compile(Type.Object({
  account: Type.Enum([...ACCOUNTS]),
  id: Type.String({ pattern: TENANT_ID_PATTERN }),
  ...tenantDetails,
}, strict))
const tokenCheck = Compile(Type.Object({
  id: Type.String({ minLength: 1 }),
  hash: Type.String({ pattern: '^[0-9a-f]{64}$' }),
  role: Type.Enum([...ROLES]),
  label: Type.String(),
  createdAt: Type.String(),
  expiresAt: Type.Optional(Type.String()),
}))
// The policy's own rules are checked where it is compiled, so that a faulty one does not hide the tenants beside it.
const revisionCheck = Compile(Type.Object({
  revision: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }),
  policy: Type.Unsafe<Policy>(Type.Object({})),
  author: Type.String(),
  from: Type.Optional(Type.String()),
  at: Type.String(),
  comment: Type.Optional(Type.String()),
  source: Type.Optional(Type.String()),
  restores: Type.Optional(Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER })),
}))
const tenantsFileCheck = Compile(Type.Object({
  version: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }),
  change: Type.Optional(Type.Unknown()),
  tenants: Type.Array(Type.Unknown()),
}))
const tokensFileCheck = Compile(Type.Object({
  version: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }),
  change: Type.Optional(Type.Unknown()),
  tokens: Type.Array(Type.Unknown()),
}))

interface Check<T> {
  Check(value: unknown): value is T
  Errors(value: unknown): { instancePath: string; message: string }[]
}

function parse<T>(check: Check<T>, value: unknown, where: string): T {
  if (check.Check(value)) return value
  const first = check.Errors(value)[0]
  const place = first === undefined ? '' : `${first.instancePath === '' ? 'the document' : first.instancePath} ${first.message}`
  throw corrupt(where, place)
}

/** JSON text to a value; `store.corrupt` naming `where` when it is not JSON. */
export function parseJson(text: string, where: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    // The parser's message quotes the text, which may hold a secret.
    throw corrupt(where, error instanceof SyntaxError ? 'it is not JSON' : 'it cannot be read')
  }
}

/** A record that may be lost: null for what is no JSON (a power cut may leave an empty file) or what `parse` refuses. */
export function parseOrNull<T>(text: string, parse: (value: unknown) => T | null): T | null {
  try {
    return parse(JSON.parse(text))
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}

/** The revision that follows upon the one that was seen, made now. */
export function newRevision(policy: Policy, { expected, author, from, comment, source, restores }: PolicyMeta): Revision {
  return {
    revision: expected + 1, policy, author, from, at: new Date().toISOString(),
    ...comment !== undefined && { comment }, ...source !== undefined && { source }, ...restores !== undefined && { restores },
  }
}

/** Checks the envelope of a stored revision; whether the policy inside is valid is for the reader of the policy. */
export function parseRevision(value: unknown, where: string): Revision {
  return parse(revisionCheck, value, where)
}

export function parseToken(value: unknown, where: string): StoredToken {
  return parse(tokenCheck, value, where)
}

/** Lower-cases ids and aliases, drops doubles and empty lists; `tenant.invalid` naming the field otherwise. */
export function normaliseTenant(tenant: Tenant): Tenant {
  const aliases = [...new Set((tenant.aliases ?? []).map((alias) => alias.toLowerCase()))]
  const id = tenant.id.toLowerCase()
  const clean = {
    account: tenant.account,
    id,
    ...(tenant.name === undefined ? {} : { name: tenant.name }),
    ...(aliases.length === 0 ? {} : { aliases }),
  }
  const faults = faultsOf(clean)
  if (faults.length === 0) return clean
  throw new SluiceError('tenant.invalid', `The tenant is not valid: ${faults[0]?.path ?? ''} ${faults[0]?.message ?? ''}.`,
    'A tenant has an account, an id, and optionally a name and aliases.', { faults })
}

/** Each as `normaliseTenant` has it; an error names the entry, from 0. */
export function normaliseTenants(tenants: readonly Tenant[]): Promise<Tenant[]> {
  return mapInSlices(tenants, (tenant, i) => atPlace(`Entry ${i}`, String(i), () => normaliseTenant(tenant)))
}

function hasWildcard({ id, aliases = [] }: Tenant): boolean {
  return id.includes('*') || aliases.some((alias) => alias.includes('*'))
}

/** `tenant` with ids in lower case. */
function faultsOf(tenant: Tenant): Fault[] {
  if (!hasWildcard(tenant) && tenantCheck.Check(tenant)) return []
  const names = [['id', tenant.id], ...(tenant.aliases ?? []).map((alias, i) => [`aliases/${i}`, alias] as const)] as const
  const faults = names.flatMap(([path, name]) => {
    const message = name.includes('*') ? wildcardFault(tenant.account, name) : undefined
    return message === undefined ? [] : [{ path, message }]
  })
  if (faults.length > 0 || tenantCheck.Check(tenant)) return faults.slice(0, FAULTS_MAX)
  return tenantCheck.Errors(tenant).slice(0, FAULTS_MAX)
    .map((error) => ({ path: error.instancePath.slice(1), message: explainTenantFault(error.instancePath, error.message) }))
}

function explainTenantFault(path: string, message: string): string {
  return path === '/id' || path.startsWith('/aliases/')
    ? `must be 1 to ${TENANT_ID_MAX} characters of a-z 0-9 . _ : @ + = ~ ! -, starting with a letter, digit or _`
    : message
}

/** What a hash field of another tool's making says, or why it cannot be used. */
export function parseTenantField(account: Account, id: string, text: string): Tenant | { fault: string } {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return { fault: 'its value is not JSON; write {} for a tenant without name and aliases' }
  }
  if (!tenantDetailsCheck.Check(lowerAliases(value))) return { fault: 'its value must be {"name": text, "aliases": [ids]}' }
  const { name, aliases } = lowerAliases(value) as { name?: string; aliases?: string[] }
  try {
    return normaliseTenant({
      account, id, ...(name === undefined ? {} : { name }), ...(aliases === undefined ? {} : { aliases }),
    })
  } catch (error) {
    if (error instanceof SluiceError) return { fault: error.message }
    throw error
  }
}

function lowerAliases(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || !('aliases' in value) || !Array.isArray(value.aliases)) return value
  const lower = value.aliases.map((alias: unknown) => (typeof alias === 'string' ? alias.toLowerCase() : alias))
  return { ...value, aliases: lower }
}

export interface TenantsFile {
  readonly version: number
  /** What made this version of the one before; nothing where it was not Sluice. */
  readonly change?: Change | undefined
  readonly tenants: readonly Tenant[]
}

/** Strict: an allowlist with a wrong entry is not used by halves. */
export async function parseTenantsFile(value: unknown, where: string): Promise<TenantsFile> {
  const { version, change, tenants } = parse(tenantsFileCheck, value, where)
  // Whoever edits the file by hand need not keep its order.
  return { version, change: parseChange(change), tenants: await sortTenants(await mapInSlices(tenants, (tenant) => parseTenant(tenant, where))) }
}

export async function tenantsFileBytes({ version, change, tenants }: TenantsFile): Promise<Buffer> {
  const head = `{"version": ${version}, ${change === undefined ? '' : `"change": ${JSON.stringify(change)},\n`}"tenants": `
  return Buffer.concat([Buffer.from(head), await tenantsBytes(tenants), Buffer.from('}\n')])
}

/** JSON, one tenant a line, made in turns. */
export async function tenantsBytes(tenants: readonly Tenant[]): Promise<Buffer> {
  const parts = await inSlices(tenants, (slice, start) =>
    [Buffer.from((start === 0 ? '' : ',\n') + slice.map((tenant) => JSON.stringify(tenant)).join(',\n'))])
  return Buffer.concat([Buffer.from('[\n'), ...parts, Buffer.from('\n]')])
}

/** A tenant as it is stored; `store.corrupt` naming `where` otherwise. */
export function parseTenant(value: unknown, where: string): Tenant {
  const tenant = parse<Tenant>(tenantCheck, value, where)
  const fault = hasWildcard(tenant) ? faultsOf(tenant)[0] : undefined
  if (fault !== undefined) throw corrupt(where, `${JSON.stringify(tenant.id)}: ${fault.path} ${fault.message}`)
  return tenant
}

export interface TokensFile {
  readonly version: number
  /** As in `TenantsFile`. */
  readonly change?: Change | undefined
  readonly tokens: readonly StoredToken[]
}

export function parseTokensFile(value: unknown, where: string): TokensFile {
  const { version, change, tokens } = parse(tokensFileCheck, value, where)
  return { version, change: parseChange(change), tokens: tokens.map((token) => parseToken(token, where)) }
}

/** In the order in which tenants are listed: by account, then by id. */
export async function sortTenants(tenants: readonly Tenant[]): Promise<Tenant[]> {
  const runs = await inSlices(tenants, (slice) => [slice.sort(byPlace)])
  // What is in order already in long runs is only merged.
  return runs.flat().sort(byPlace)
}

// No two are in one place, so that one look at the ids is enough.
function byPlace(a: Tenant, b: Tenant): number {
  if (a.account !== b.account) return a.account < b.account ? -1 : 1
  return a.id < b.id ? -1 : 1
}
