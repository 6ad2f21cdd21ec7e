import { getDomain } from 'tldts'
import type { Account } from '../operation.ts'
import { permittedDomains } from '../providers/index.ts'

/** Accounts whose names are domains, so that nobody but its owner makes names below one. */
const HIERARCHICAL: readonly Account[] = ['google', 'microsoft', 'webdav']

/**
 * Domains below which a provider gives names to its customers, and which the Public Suffix List does not have:
 * first domains of Microsoft's directories, Google's test aliases and service accounts, consumer mail, Azure's hosts.
 */
const SHARED = [
  'onmicrosoft.com', 'onmicrosoft.us', 'onmschina.cn', 'outlook.com', 'hotmail.com', 'azure.com',
  'test-google-a.com', 'gserviceaccount.com', 'gmail.com', 'googlemail.com',
] as const

const WILDCARD = /^\*\.((?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?)$/

let providersOwn: readonly string[] | undefined

/** Why a name with a `*` in it, in lower case, cannot be on the allowlist; undefined where it can. */
export function wildcardFault(account: Account, name: string): string | undefined {
  if (!HIERARCHICAL.includes(account)) {
    return `cannot have a * in ${account}: anybody can register a name there that it would cover; list each id`
  }
  const domain = WILDCARD.exec(name)?.[1]
  if (domain === undefined) {
    return 'can have a * only as *. before a whole domain (*.contoso.com); anybody can register contoso-evil or the like'
  }
  providersOwn ??= [...permittedDomains(), ...SHARED]
  const shared = providersOwn.find(other => isWithin(domain, other) || isWithin(other, domain))
  if (shared !== undefined) return `is too wide: the provider of ${shared} gives names there to anybody`
  // A public suffix has no owner below whom everything is theirs (https://publicsuffix.org/, its private section included).
  const owned = getDomain(domain, { allowPrivateDomains: true, extractHostname: false, detectIp: false })
  return owned === null ? `is too wide: anybody can register a name below ${domain}; name a domain of your own` : undefined
}

function isWithin(domain: string, other: string): boolean {
  return domain === other || domain.endsWith(`.${other}`)
}
