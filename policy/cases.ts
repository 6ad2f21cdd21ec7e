/** Example requests and what a policy should decide for them, from YAML: what `sluice policy test` runs. Pure. */
import { isIP } from 'node:net'
import Type from 'typebox'
import { Compile } from 'typebox/compile'
import { DescribedRequestSchema } from './admin/explain.ts'
import type { DescribedRequest, Explanation } from './admin/explain.ts'
import { SluiceError } from './errors.ts'
import type { Fault } from './errors.ts'
import { faultsOf } from './faults.ts'
import { ACTIONS, ACTIVITIES, REASONS } from './operation.ts'
import type { Action, Activity, Reason, Tenant } from './operation.ts'
import { ACCOUNTS } from './providers/index.ts'
import { normaliseTenant } from './store/records.ts'
import { readYaml } from './yaml-document.ts'

const MAX_CASES = 10_000
const MAX_TENANTS = 10_000
const MAX_FAULTS = 20
/** A Tuesday. Rules by time must not make a file pass on one day and fail on another. */
export const NOON = '2026-11-24T12:00:00Z'

const closed = { additionalProperties: false }
const line = (maxLength: number, description: string) => Type.String({
  minLength: 1, maxLength, pattern: '^[^\\u0000-\\u001f\\u007f-\\u009f]+$', description,
})
const id = line(256, 'a text of up to 256 characters')

const ExpectSchema = Type.Object({
  action: Type.Enum([...ACTIONS], { description: `one of ${ACTIONS.join(', ')}` }),
  ruleId: Type.Optional(Type.Union([id, Type.Null()], { description: 'the id of a rule, or null where none ends the reading' })),
  reasons: Type.Optional(Type.Array(Type.Enum([...REASONS], { description: 'a reason as POST /v1/decisions tells it' }), {
    maxItems: REASONS.length, description: 'a list of reasons, each of which must be among those found',
  })),
  activity: Type.Optional(Type.Union([Type.Enum([...ACTIVITIES]), Type.Null()], {
    description: `one of ${ACTIVITIES.join(', ')}, or null for what is not cloud storage`,
  })),
  tenant: Type.Optional(Type.Union([id, Type.Null()], {
    description: 'a standing or an id as POST /v1/decisions tells them, or null for what is not cloud storage',
  })),
}, { ...closed, description: 'an object of action and, if wanted, ruleId, reasons, activity, tenant' })

const CasesSchema = Type.Object({
  tenants: Type.Optional(Type.Array(Type.Object({
    account: Type.Enum([...ACCOUNTS], { description: `one of ${ACCOUNTS.join(', ')}` }),
    id,
    aliases: Type.Optional(Type.Array(id, { description: 'a list of ids' })),
    name: Type.Optional(id),
  }, { ...closed, description: 'a tenant: an object of account, id and, if wanted, aliases, name' }), {
    maxItems: MAX_TENANTS, description: `the allowlist: a list of up to ${MAX_TENANTS.toLocaleString('en')} tenants`,
  })),
  cases: Type.Array(Type.Object({
    name: line(256, 'one line of up to 256 characters'),
    at: Type.Optional(Type.String({
      pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d(:\\d\\d(\\.\\d{1,3})?)?(Z|[+-]\\d\\d:\\d\\d)$', description: `a time such as ${NOON}`,
    })),
    request: DescribedRequestSchema,
    expect: ExpectSchema,
  }, { ...closed, description: 'a case: an object of name, request, expect and, if wanted, at' }), {
    minItems: 1, maxItems: MAX_CASES, description: `a list of 1 to ${MAX_CASES.toLocaleString('en')} cases`,
  }),
}, { ...closed, description: 'an object of cases and, if wanted, tenants' })

const schema = Compile(CasesSchema)

export interface Expectation {
  readonly action: Action
  readonly ruleId?: string | null
  readonly reasons?: readonly Reason[]
  readonly activity?: Activity | null
  /** A standing, or the tenant's id. */
  readonly tenant?: string | null
}

export interface Case {
  readonly name: string
  readonly request: DescribedRequest
  readonly expect: Expectation
  /** Milliseconds since 1970. */
  readonly at: number
  /** Of the case in its file, from 1. */
  readonly line: number
  /** The place of a fault within the case, as the error of a case that cannot be run. */
  readonly refuse: (message: string) => SluiceError
}

export interface CaseFile {
  readonly tenants: readonly Tenant[]
  readonly cases: readonly Case[]
}

/** Throws `cases.invalid` with the place, line and column of each fault; `sourceName` names the file. */
export function parseCases(text: string, sourceName: string): CaseFile {
  const refuse = (faults: readonly Fault[]): SluiceError => invalid(faults, sourceName)
  const { value, placed, lineOf } = readYaml(text, refuse)
  if (!schema.Check(value)) throw refuse(faultsOf(CasesSchema, schema.Errors(value), value).map(placed))
  const faults: Fault[] = []
  const tenants = (value.tenants ?? []).map((tenant, i) => tenantOf(tenant, `tenants/${i}`, faults))
  const cases = value.cases.map(({ name, request, expect, at = NOON }, i): Case => {
    const path = `cases/${i}`
    const ip = request.client?.ip
    if (ip !== undefined && isIP(ip) === 0) faults.push({ path: `${path}/request/client/ip`, message: 'must be an IP address' })
    if (Number.isNaN(Date.parse(at))) faults.push({ path: `${path}/at`, message: `must be a time such as ${NOON}` })
    return {
      name, request, expect, at: Date.parse(at), line: lineOf(path),
      refuse: message => refuse([placed({ path: `${path}/request`, message })]),
    }
  })
  if (faults.length > 0) throw refuse(faults.map(placed))
  return { tenants, cases }
}

function tenantOf(tenant: Tenant, path: string, faults: Fault[]): Tenant {
  try {
    return normaliseTenant(tenant)
  } catch (error) {
    if (!(error instanceof SluiceError)) throw error
    faults.push(...error.faults.map(fault => ({ ...fault, path: `${path}/${fault.path}` })))
    return tenant
  }
}

function invalid(faults: readonly Fault[], sourceName: string): SluiceError {
  const first = faults[0] ?? { path: '', message: 'does not have the form of a file of cases' }
  const more = faults.length > 1 ? ` (and ${faults.length - 1} more)` : ''
  const place = first.path === '' ? 'the document' : first.path
  return new SluiceError('cases.invalid', `${sourceName}: ${place} ${first.message}${more}`, 'Correct the file at the named place',
    { faults: faults.slice(0, MAX_FAULTS) })
}

/** Where what was found is not what was expected: both as text. */
export interface Mismatch {
  readonly field: keyof Expectation
  readonly expected: string
  readonly found: string
}

/** Empty where the case holds. */
export function mismatches(expect: Expectation, { decision, operation, tenant }: Explanation): Mismatch[] {
  const found: Mismatch[] = []
  const same = <T extends string | null>(field: keyof Expectation, expected: T | undefined, is: T): void => {
    if (expected !== undefined && expected !== is) found.push({ field, expected: String(expected), found: String(is) })
  }
  same('action', expect.action, decision.action)
  same('ruleId', expect.ruleId, decision.ruleId)
  same('activity', expect.activity, operation?.activity ?? null)
  const missing = (expect.reasons ?? []).filter(reason => !decision.reasons.includes(reason))
  if (missing.length > 0) found.push({ field: 'reasons', expected: missing.join(', '), found: decision.reasons.join(', ') })
  const names = tenant === null ? [null] : [tenant.standing, tenant.id]
  if (expect.tenant !== undefined && !names.some(name => name === (expect.tenant?.toLowerCase() ?? null))) {
    const is = tenant === null ? 'null' : `${tenant.standing} (${tenant.id ?? 'no id'})`
    found.push({ field: 'tenant', expected: String(expect.tenant), found: is })
  }
  return found
}
