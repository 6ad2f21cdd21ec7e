/** What an operator should know of the restrictions that an allowlist makes, a sentence each (`sluice check`). */
import type { Tenant } from './operation.ts'
import { isHost, namesOf, restrictionRules } from './restrictions.ts'
import { LISTS, MICROSOFT, VALUE_MAX, fit, isMicrosoftName } from './restriction-table.ts'
import type { Restrict, RestrictedAccount } from './restriction-table.ts'
import { PERSONAL } from './tenant/personal.ts'

/** Where the allowlist does not fit what the fields can say. Empty where all is well. */
export function allowlistNotes(restrict: Restrict, allowlist: readonly Tenant[]): string[] {
  const lists = LISTS.filter(({ account }) => restrict[account] !== undefined)
  return [
    ...microsoftNotes(restrict, allowlist),
    ...lists.flatMap(({ account, header, hosts, takes, spell, most, source }) => {
      const { ids, left } = fit(namesOf(allowlist, account), spell, most)
      const limit = most !== undefined && ids.length === most ? `${most} ids (${source})` : longest()
      return [
        ...ids.length === 0
          ? [nobody(account, header, takes, `${hosts.join(', ')} are refused`)]
          : misfits(account, header, takes, allowlist, name => spell(name) !== undefined),
        ...left > 0 ? [tooMany(account, header, limit, left)] : [],
      ]
    }),
  ]
}

function microsoftNotes({ microsoft }: Restrict, allowlist: readonly Tenant[]): string[] {
  if (microsoft === undefined || microsoft.policy !== null) return []
  const names = namesOf(allowlist, 'microsoft')
  const { ids, left } = fit(names, name => isMicrosoftName(name) ? name : undefined)
  const takes = 'verified domains and directory ids'
  const header = MICROSOFT.tenantsHeader
  return [
    ...ids.length === 0
      ? [nobody('microsoft', header, takes, 'directory alone is let in')]
      : misfits('microsoft', header, takes, allowlist, name => isMicrosoftName(name) || name === PERSONAL),
    ...left > 0 ? [tooMany('microsoft', header, longest(), left)] : [],
    ...names.includes(PERSONAL) && microsoft.consumer === 'block'
      ? ['tenants.restrict.microsoft: the allowlist names personal accounts, but consumer is block: they cannot sign in.']
      : [],
  ]
}

function nobody(account: RestrictedAccount, header: string, takes: string, so: string): string {
  return `tenants.restrict.${account}: no listed tenant has a name that ${header} takes (${takes}), so ${so}.`
}

function tooMany(account: RestrictedAccount, header: string, limit: string, left: number): string {
  return `tenants.restrict.${account}: ${header} takes ${limit}; the last ${left} of the list are left out and kept out.`
}

/** The tenants of which nothing fits, though something of others does: they are kept out without anybody wanting it. */
function misfits(
  account: RestrictedAccount, header: string, takes: string, allowlist: readonly Tenant[], fits: (name: string) => boolean,
): string[] {
  return allowlist.filter(tenant => tenant.account === account && ![tenant.id, ...tenant.aliases ?? []].some(fits))
    .map(({ id }) => `tenants.restrict.${account}: ${id} has no name that ${header} takes (${takes}), so it is kept out; ` +
      'add one as an alias.')
}

function longest(): string {
  return `${VALUE_MAX} bytes (what common servers read of one field)`
}

/**
 * Those of `bypass` that keep a restriction from being applied: what passes unread is let in by the provider, whoever it
 * is. `openable`: the patterns of all hosts that could be opened.
 */
export function unrestrictedHosts(restrict: Restrict, bypass: readonly string[], openable: readonly string[]): string[] {
  const given = [...new Set(restrictionRules(restrict, []).flatMap(({ hosts }) => hosts))]
  const open = openable.filter(pattern => given.some(host => meet(pattern, host)))
  return bypass.filter(pattern => open.some(host => meet(pattern, host)) && given.some(host => meet(pattern, host)))
}

/** Whether some host belongs to both patterns. */
function meet(a: string, b: string): boolean {
  return a === b || isHost(a, withoutStar(b)) || isHost(b, withoutStar(a))
}

function withoutStar(pattern: string): string {
  return pattern.replace(/^\*\./, 'x.')
}
