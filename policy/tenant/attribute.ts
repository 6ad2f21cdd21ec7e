import type { Attribution, Reason } from '../operation.ts'
import { attemptOf } from './attempt.ts'
import { isElsewhere, listed } from './finding.ts'
import type { Finding } from './finding.ts'
import { fromCredential } from './from-credential.ts'
import { fromNamedPlace } from './from-named-place.ts'
import { fromPlace } from './from-place.ts'
import { fromSession } from './from-session.ts'
import type { Question, Trust } from './question.ts'

/** An attribution, and what rules and the parts of a session go by. */
export type TenantAttribution = Attribution & {
  /** Every name that a rule may know the tenant by: its id, and all ids and aliases when it is listed. */
  readonly tenantIds: readonly string[]
  /** Undefined where nothing told a tenant. */
  readonly trust: Trust | undefined
}

/**
 * Whose account a request goes to: the owner of the place written to, as far as the host, the provider's answers or the
 * session tell it; a credential stands in for it only where the target is the credential's own account. Pure.
 */
export function attribute(question: Question): TenantAttribution {
  const own = fromCredential(question)
  const attempt = attemptOf(question, own)
  if (attempt !== undefined) return denied(question, own, [attempt])
  const place = fromPlace(question) ?? fromNamedPlace(question, own) ?? fromSession(question)
  if (place === undefined) return own === undefined ? nothing(question) : tell(question, own)
  // A place that nobody is known to own is not sanctioned by any credential; a foreign credential still tells.
  if (place.trust === 'foreign') return inForeignPlace(question, place, own)
  if (own !== undefined && place.trust === 'sure' && isElsewhere(question.index, question.account, place.ids, own.ids)) {
    return denied(question, own, ['credential-elsewhere'])
  }
  return tell(question, place)
}

function inForeignPlace(question: Question, place: Finding, own: Finding | undefined): TenantAttribution {
  const { account, index } = question
  const isForeign = own !== undefined && listed(index, account, own.ids) === undefined
  if (isForeign && index.covers(account)) return tell(question, { ...own, reasons: [...place.reasons, ...own.reasons] })
  const reasons: readonly Reason[] = index.covers(account) ? place.reasons : [...place.reasons, 'no-allowlist']
  return { account, id: null, standing: 'unknown', how: 'none', reasons, tenantIds: [], trust: 'foreign' }
}

/** What a finding is worth by the allowlist. */
function tell(question: Question, { ids, how, reasons, trust }: Finding): TenantAttribution {
  if (trust === 'denied') return denied(question, { ids, how, reasons, trust }, reasons)
  const { account, index } = question
  const tenant = listed(index, account, ids)
  const tenantIds = namesOf(tenant, ids)
  const id = tenant?.id.toLowerCase() ?? ids[0] ?? null
  // Without any entry nobody has said which tenants are theirs: all are unknown, none is foreign.
  if (!index.covers(account)) return { account, id, standing: 'unknown', how, reasons: [...reasons, 'no-allowlist'], tenantIds, trust }
  if (tenant === undefined) return { account, id, standing: id === null ? 'unknown' : 'unsanctioned', how, reasons, tenantIds, trust }
  if (trust !== 'sure') {
    return { account, id: ids[0] ?? id, standing: 'unknown', how, reasons: [...reasons, 'credential-not-verified'], tenantIds, trust }
  }
  return { account, id, standing: 'sanctioned', how, reasons, tenantIds, trust }
}

/** Of each listed tenant, in lower case: nearly every request is of one of few. */
const known = new WeakMap<object, readonly string[]>()

/** All names, each once, in lower case. */
function namesOf(tenant: ReturnType<typeof listed>, ids: readonly string[]): readonly string[] {
  if (tenant === undefined) return unique(ids)
  let own = known.get(tenant)
  if (own === undefined) known.set(tenant, own = unique([tenant.id, ...tenant.aliases ?? []]))
  // A wildcard covers names that are not on the list.
  for (const id of ids) if (!own.includes(id.toLowerCase())) return unique([...own, ...ids])
  return own
}

function unique(names: readonly string[]): readonly string[] {
  return [...new Set(names.map(name => name.toLowerCase()))]
}

/** An attempt to pass as sanctioned. Rules that allow a tenant by its id must not hold either. */
function denied({ account, index }: Question, own: Finding | undefined, reasons: readonly Reason[]): TenantAttribution {
  const id = own?.ids[0] ?? null
  const how = own?.how ?? 'none'
  const tenantIds = own?.ids ?? []
  if (!index.covers(account)) return { account, id, standing: 'unknown', how, reasons: [...reasons, 'no-allowlist'], tenantIds, trust: 'denied' }
  return { account, id, standing: 'unsanctioned', how, reasons, tenantIds, trust: 'denied' }
}

function nothing({ account, index }: Question): TenantAttribution {
  const reasons: readonly Reason[] = index.covers(account) ? [] : ['no-allowlist']
  return { account, id: null, standing: 'unknown', how: 'none', reasons, tenantIds: [], trust: undefined }
}
