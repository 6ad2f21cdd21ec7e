/**
 * Reads a recorded event (Elastic Common Schema, as `dashboards/ecs.ts` writes it) back into the facts that rules were
 * asked with. Pure. Events of versions that recorded less are read too; what cannot be told from them is named.
 */
import type { ConditionName } from './conditions.ts'
import type { Facts } from './evaluate.ts'
import { ACTIONS, ACTIVITIES, CLIENT_CLASSES, CUSTOM_ID, STANDINGS, STEPS } from './operation.ts'
import type { Action, Provider, Size } from './operation.ts'
import { PROVIDERS } from './providers/index.ts'

/** A request on which the policy decided. */
export interface RecordedEvent {
  readonly id: string
  /** `@timestamp` in milliseconds since 1970. */
  readonly at: number
  readonly facts: Facts
  readonly decision: { readonly action: Action; readonly ruleId: string | null; readonly revision: number }
  /** `account/id`; null where nothing told it. */
  readonly tenant: string | null
  /** Conditions that go by something that the event does not tell as it was. */
  readonly inexact: readonly ConditionName[]
  readonly isPseudonymous: boolean
}

/** Who decided on what is no request or was refused before, or instead of, the policy: no draft would change it. */
const NOT_BY_POLICY: ReadonlySet<unknown> = new Set([
  'not-intercepted', 'recogniser-failed', 'identity-mismatch', 'unauthenticated', 'destination-refused', 'opaque', 'malformed',
])

const SIZES = ['exact', 'at-least', 'unknown'] as const
const PROVIDER_SET: ReadonlySet<string> = new Set(PROVIDERS)
const CUSTOM = new RegExp(CUSTOM_ID)
const INEXACT = ['path', 'userAgent', 'fileName', 'group', 'tenant', 'user', 'source'] as const satisfies readonly ConditionName[]

/** `other`: an event on which no policy decided. Undefined: no event of Sluice. */
export function readRecordedEvent(value: unknown): RecordedEvent | 'other' | undefined {
  const event = child(value, 'event')
  const sluice = child(value, 'sluice')
  const id = text(event, 'id')
  const at = Date.parse(text(value, '@timestamp') ?? '')
  const action = oneOf(ACTIONS, field(sluice, 'action'))
  if (id === undefined || Number.isNaN(at) || action === undefined || text(event, 'dataset') !== 'sluice.decision') return undefined
  const operation = child(sluice, 'operation')
  if (operation === undefined || list(sluice, 'reasons').some(reason => NOT_BY_POLICY.has(reason))) return 'other'
  const known = child(sluice, 'facts')
  const tenant = child(sluice, 'tenant')
  const facts = factsOf(value, operation, tenant, known, at)
  if (facts === undefined) return undefined
  const tenantId = text(tenant, 'id')
  const isPseudonymous = text(child(value, 'source'), 'address') !== undefined
  return {
    id, at, facts,
    decision: { action, ruleId: text(child(value, 'rule'), 'id') ?? null, revision: number(sluice, 'revision') ?? 0 },
    tenant: tenantId === undefined ? null : `${text(tenant, 'account') ?? ''}/${tenantId}`,
    inexact: known === undefined ? earlier(facts, tenantId) : marked(known),
    isPseudonymous,
  }
}

function factsOf(
  value: unknown, operation: object, tenant: object | undefined, known: object | undefined, at: number,
): Facts | undefined {
  const { provider: named, size: sized } = operation as { provider?: unknown; size?: unknown }
  const provider = providerOf(named)
  const activity = oneOf(ACTIVITIES, field(operation, 'activity'))
  const step = oneOf(STEPS, field(operation, 'step'))
  const size = sizeOf(sized)
  const host = text(child(value, 'destination'), 'domain')
  const method = text(child(child(value, 'http'), 'request'), 'method')
  if (provider === undefined || activity === undefined || step === undefined || size === undefined) return undefined
  if (host === undefined || method === undefined) return undefined
  const source = child(value, 'source')
  const person = child(value, 'user')
  const user = text(person, 'name')
  const groups = field(person, 'roles') === undefined ? undefined : texts(person, 'roles')
  const file = child(value, 'file')
  const name = field(file, 'name')
  const names = texts(file, 'name')
  const fileName = typeof name === 'string' ? name : names[0]
  const contentType = text(file, 'mime_type')
  const standing = oneOf(STANDINGS, field(tenant, 'standing')) ?? 'unknown'
  const id = text(tenant, 'id')
  const excepted = exceptedOf(field(known, 'excepted'))
  return {
    provider, activity, step, size, host,
    sessionLost: field(known, 'session_lost') === true,
    ...field(known, 'is_encoded') === true ? { isEncoded: true } : {},
    standing,
    tenantIds: known === undefined ? id === undefined ? [] : [id] : texts(known, 'tenant_ids'),
    tenantDenies: known === undefined ? standing !== 'sanctioned' : field(known, 'tenant_denies') === true,
    method: method.toUpperCase(),
    userAgent: text(child(value, 'user_agent'), 'original') ?? '',
    client: oneOf(CLIENT_CLASSES, field(child(value, 'sluice'), 'client_class')) ?? 'unknown',
    ip: text(source, 'ip') ?? text(source, 'address') ?? '',
    ...user === undefined ? {} : { user },
    ...groups === undefined ? {} : { groups },
    ...field(known, 'more_groups') === true ? { moreGroups: true } : {},
    path: text(child(value, 'url'), 'path') ?? '',
    ...fileName === undefined ? {} : { fileName },
    ...typeof name === 'string' || names.length === 0 ? {} : { fileNames: names },
    ...field(known, 'more_names') === true ? { moreNames: true } : {},
    fileNameIs: fileName !== undefined ? 'known' : field(known, 'file_name') === 'late' ? 'late' : 'none',
    ...contentType === undefined ? {} : { contentType },
    ...excepted === undefined ? {} : { excepted },
    at: number(known, 'decided_at') ?? at,
  }
}

const EXACT: readonly ConditionName[] = []

function marked(known: object): readonly ConditionName[] {
  const names = field(known, 'inexact')
  return Array.isArray(names) ? INEXACT.filter(name => names.includes(name)) : EXACT
}

function exceptedOf(value: unknown): ReadonlyMap<string, string> | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  return new Map(Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string'))
}

/** Of an event that tells no facts, those that may have been others. */
function earlier({ activity, fileName, path, groups }: Facts, tenantId: string | undefined): readonly ConditionName[] {
  return [
    ...tenantId === undefined ? [] : ['tenant' as const],
    ...activity === 'upload' && fileName === undefined ? ['fileName' as const] : [],
    ...path.includes('{session}') ? ['path' as const] : [],
    ...groups === undefined ? [] : ['group' as const],
  ]
}

function sizeOf(value: unknown): Size | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const bytes = number(value, 'bytes')
  const is = oneOf(SIZES, field(value, 'is'))
  return bytes === undefined || is === undefined ? undefined : { bytes, is }
}

function providerOf(value: unknown): Provider | undefined {
  return isProvider(value) ? value : undefined
}

function isProvider(value: unknown): value is Provider {
  return typeof value === 'string' && (PROVIDER_SET.has(value) || CUSTOM.test(value))
}

function oneOf<T extends string>(values: readonly T[], value: unknown): T | undefined {
  return values.find(known => known === value)
}

function field(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined
}

function child(value: unknown, key: string): object | undefined {
  const found = field(value, key)
  return typeof found === 'object' && found !== null ? found : undefined
}

function text(value: unknown, key: string): string | undefined {
  const found = field(value, key)
  return typeof found === 'string' ? found : undefined
}

function number(value: unknown, key: string): number | undefined {
  const found = field(value, key)
  return typeof found === 'number' && Number.isFinite(found) && found >= 0 ? found : undefined
}

function list(value: unknown, key: string): readonly unknown[] {
  const found = field(value, key)
  return Array.isArray(found) ? found : []
}

function texts(value: unknown, key: string): readonly string[] {
  return list(value, key).filter(item => typeof item === 'string')
}
