import type { TenantIndex } from './tenant/allowlist.ts'
import { directoryId } from './tenant/jwt.ts'
import type { Account, Attribution, Operation, Reason } from './operation.ts'
import type { RequestHead } from './providers/provider.ts'

/** The id of every consumer account: it belongs to no organisation. */
export const PERSONAL = 'personal'

/** The directory in which Microsoft's consumer accounts live (Microsoft identity platform, "ID token claims"). */
const CONSUMER_DIRECTORY = '9188040d-6c67-4c5b-b112-36a304b66dad'

/** An attribution, and every name that a rule may know the tenant by: its id, and all ids and aliases when it is listed. */
export type TenantAttribution = Attribution & { readonly tenantIds: readonly string[] }

/**
 * Whose account a request goes to. The place written to decides where the request shows it. A credential stands in
 * for it only to deny: it is unverified, so a listed directory id leaves the standing `unknown`. `started`: what the
 * credential said that started the request's session, for parts that are sent without one.
 */
export function attribute(
  account: Account, operation: Operation, head: RequestHead, index: TenantIndex, started?: string,
): TenantAttribution {
  const place = operation.tenantHint?.toLowerCase()
  const bearer = (account === 'microsoft' ? bearerTenant(head) : undefined) ?? started
  if (place === undefined) {
    return bearer === undefined ? told(account, null, 'none', index, []) : byCredential(account, bearer, index)
  }
  const tenant = index.has(account, place)
  // A host is where the bytes go. A path on a shared host is the client's word: its credential may contradict it.
  const contradicted = tenant !== undefined && bearer !== undefined && !isOwnHost(head.host, place)
    && index.has(account, bearer) === undefined
  return contradicted ? byCredential(account, bearer, index) : told(account, place, 'place', index, ['tenant-from-place'])
}

function isOwnHost(host: string, place: string): boolean {
  return host.startsWith(`${place}.`) || host.startsWith(`${place}-`)
}

function byCredential(account: Account, id: string, index: TenantIndex): TenantAttribution {
  if (index.has(account, id) === undefined) return told(account, id, 'credential', index, ['tenant-from-credential'])
  return { ...told(account, id, 'credential', index, ['credential-not-verified']), id, standing: 'unknown' }
}

function bearerTenant(head: RequestHead): string | undefined {
  const tid = directoryId(head.headers.get('authorization'))
  return tid === CONSUMER_DIRECTORY ? PERSONAL : tid
}

function told(
  account: Account, id: string | null, how: Attribution['how'], index: TenantIndex, reasons: readonly Reason[],
): TenantAttribution {
  const tenant = id === null ? undefined : index.has(account, id)
  const known = tenant === undefined ? id === null ? [] : [id] : [tenant.id, ...tenant.aliases ?? []]
  const tenantIds = known.map(name => name.toLowerCase())
  // Without any entry nobody has said which tenants are theirs: all are unknown, none is foreign.
  if (!index.covers(account)) return { account, id, standing: 'unknown', how, reasons: [...reasons, 'no-allowlist'], tenantIds }
  const standing = id === null ? 'unknown' : tenant === undefined ? 'unsanctioned' : 'sanctioned'
  return { account, id: tenant?.id.toLowerCase() ?? id, standing, how, reasons, tenantIds }
}
