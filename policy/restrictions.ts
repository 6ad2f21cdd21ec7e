/**
 * How the providers themselves keep foreign tenants out: header fields that a proxy puts on requests to certain hosts.
 * What is sent is made of the allowlist. A list without a single id never means "no restriction": its hosts are closed.
 */
import { HOSTS, remember } from './memo.ts'
import type { Account, Tenant } from './operation.ts'
import { widest } from './providers/domains.ts'
import { LISTS, MICROSOFT, fit, isMicrosoftName } from './restriction-table.ts'
import type { List, Restrict, RestrictedAccount } from './restriction-table.ts'

export { RESTRICTED } from './restriction-table.ts'
export type { Restrict, RestrictedAccount } from './restriction-table.ts'

/** Name and value of a header field. */
export type Field = readonly [name: string, value: string]

export interface RestrictionHeaders {
  /** What requests to this host carry; nothing for most hosts. `host`: lower case, without port and trailing dot. */
  forHost(host: string): readonly Field[]
  /** The allowlist names nobody whom this host's field could let in, so that nobody is let through to it. */
  isClosed(host: string): boolean
  /** All that is said anywhere: value by lower-case name. */
  readonly said: ReadonlyMap<string, string>
}

/** One field on its hosts. `value` null: there is nothing to say that would not let everybody in. */
export interface Rule {
  readonly account: RestrictedAccount
  readonly header: string
  /** Names, or `*.` for every name below. */
  readonly hosts: readonly string[]
  readonly value: string | null
}

/** The fields that this allowlist makes, ready for look-ups by host. */
export function compileRestrictions(restrict: Restrict, allowlist: readonly Tenant[]): RestrictionHeaders {
  const rules = restrictionRules(restrict, allowlist)
  const find = remember(host => {
    const here = rules.filter(({ hosts }) => hosts.some(pattern => isHost(pattern, host)))
    return { fields: here.flatMap(({ header, value }): Field[] => value === null ? [] : [[header, value]]), isClosed: here.some(isMute) }
  }, HOSTS)
  return {
    forHost: host => find(host).fields,
    isClosed: host => find(host).isClosed,
    said: new Map(rules.flatMap(({ header, value }) => value === null ? [] : [[header.toLowerCase(), value]])),
  }
}

function isMute({ value }: Rule): boolean {
  return value === null
}

export function isHost(pattern: string, host: string): boolean {
  return pattern.startsWith('*.') ? host.length > pattern.length - 1 && host.endsWith(pattern.slice(1)) : pattern === host
}

export function restrictionRules(restrict: Restrict, allowlist: readonly Tenant[]): readonly Rule[] {
  return [
    ...restrict.microsoft === undefined ? [] : microsoftRules(restrict.microsoft, namesOf(allowlist, 'microsoft')),
    ...restrict.gcp === undefined ? [] : [organisationRule(restrict.gcp.organizations)],
    ...LISTS.flatMap(list => restrict[list.account] === undefined ? [] : listRules(list, restrict, namesOf(allowlist, list.account))),
  ]
}

/** Hosts that are in no provider's catalogue and are opened for a restriction's sake alone, and the domains they need of the CA. */
export function hostsToOpen(restrict: Restrict): { readonly patterns: readonly string[]; readonly domains: readonly string[] } {
  const patterns = LISTS.flatMap(({ account, hosts, isElsewhere }) => isElsewhere && restrict[account] !== undefined ? hosts : [])
  return { patterns, domains: widest(patterns.map(pattern => pattern.replace(/^\*\./, ''))) }
}

export function namesOf(allowlist: readonly Tenant[], account: Account): readonly string[] {
  return allowlist.flatMap(tenant => tenant.account === account ? [tenant.id, ...tenant.aliases ?? []] : [])
}

function microsoftRules(settings: NonNullable<Restrict['microsoft']>, names: readonly string[]): Rule[] {
  const { directory, policy, consumer } = settings
  const rule = (header: string, hosts: readonly string[], value: string): Rule => ({ account: 'microsoft', header, hosts, value })
  if (policy !== null) return [rule(MICROSOFT.policyHeader, [...MICROSOFT.hosts, MICROSOFT.consumerHost], `${directory}:${policy}`)]
  const { ids } = fit(names, name => isMicrosoftName(name) ? name : undefined)
  return [
    // The tenant whose policy this is stands in for an empty list: it is the one that the operator has named as their own.
    rule(MICROSOFT.tenantsHeader, MICROSOFT.hosts, ids.length === 0 ? directory : ids.join(',')),
    rule(MICROSOFT.contextHeader, MICROSOFT.hosts, directory),
    ...consumer === 'allow' ? [] : [rule(MICROSOFT.policyHeader, [MICROSOFT.consumerHost], 'restrict-msa')],
  ]
}

/** https://cloud.google.com/resource-manager/docs/organization-restrictions: JSON in base64 for URLs (RFC 4648 §5). */
function organisationRule(organizations: readonly string[]): Rule {
  const resources = organizations.map(id => `organizations/${id}`)
  return {
    account: 'gcp', header: 'X-Goog-Allowed-Resources',
    hosts: ['*.googleapis.com', 'storage.cloud.google.com'],
    value: Buffer.from(JSON.stringify({ resources, options: 'strict' })).toString('base64url'),
  }
}

function listRules(list: List, restrict: Restrict, names: readonly string[]): Rule[] {
  const { account, header, hosts, requester } = list
  const { ids } = fit(names, list.spell, list.most)
  const value = ids.length === 0 ? null : ids.join(',')
  const asker = requester?.value(restrict)
  return [
    ...requester === undefined || asker === undefined ? [] : [{ account, header: requester.header, hosts, value: asker }],
    { account, header, hosts, value },
  ]
}
