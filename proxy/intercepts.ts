/** What is opened: the catalogue, less what the configuration leaves out, and the hosts that a restriction alone is for. */
import type { Authority } from '../certs/authority.ts'
import { CertificateError, howToRenew } from '../certs/errors.ts'
import type { Catalogue } from '../policy/providers/index.ts'
import type { HostRole } from '../policy/providers/provider.ts'
import { widest } from '../policy/providers/domains.ts'
import { hostsToOpen, isHost } from '../policy/restrictions.ts'
import type { Config } from './config.ts'

type Choice = Pick<Config, 'intercept' | 'tenants'>

/**
 * The catalogue as tunnels, plain HTTP and `/v1/decisions` see it: what is not opened is not found in it, whichever way
 * a request comes. Sign-in hosts are opened only where something is made of it (DESIGN.md §1, promise 2): while tenants
 * are learned, or while their account is restricted.
 */
export function openedCatalogue({ intercept, tenants }: Choice, catalogue: Catalogue): Catalogue {
  if (intercept.mode === 'none') return { ...catalogue, find: () => undefined }
  const isBypassed = bypass(intercept.bypass)
  return {
    ...catalogue,
    find(host, path) {
      const found = catalogue.find(host, path)
      if (found === undefined) return undefined
      if (found.role === 'sign-in' && !tenants.learn) {
        // A path may belong to another provider, but whether a tunnel is opened is settled by its host.
        const { role, module } = catalogue.find(host) ?? found
        if (role === 'sign-in' && !Object.hasOwn(tenants.restrict, module.account)) return undefined
      }
      if (isBypassed(host)) return undefined
      return found.role === 'pinned' && intercept.pinned === 'bypass' ? undefined : found
    },
  }
}

/** Domains for which the authority must be able to sign where names that share a provider's servers are opened (`intercept.front`). */
export function domainsOfFronts({ intercept }: Pick<Choice, 'intercept'>, { fronts }: Pick<Catalogue, 'fronts'>): readonly string[] {
  return areFrontsOpened(intercept) ? widest(fronts.map(pattern => pattern.replace(/^\*\./, ''))) : []
}

function areFrontsOpened({ front, mode }: Choice['intercept']): boolean {
  return front === 'intercept' && mode !== 'none'
}

/**
 * Which tunnels are opened, by host. To those of the opened catalogue come the hosts that `tenants.restrict` names and no
 * provider has, and names that share a provider's servers: their requests are neither recognised nor recorded.
 */
export function openedRole({ intercept, tenants }: Choice, opened: Catalogue): (host: string) => HostRole | null {
  const { patterns } = hostsToOpen(tenants.restrict)
  const fronts = areFrontsOpened(intercept)
  if (intercept.mode === 'none' || (patterns.length === 0 && !fronts)) return host => opened.find(host)?.role ?? null
  const isBypassed = bypass(intercept.bypass)
  const isFurther = (host: string): boolean => patterns.some(pattern => isHost(pattern, host)) || (fronts && opened.front(host) !== undefined)
  return host => opened.find(host)?.role ?? (isFurther(host) && !isBypassed(host) ? 'sign-in' : null)
}

/**
 * Throws `ca.renewal-due` where the authority, made before an account was restricted or fronts were opened, cannot sign for their
 * hosts: they would be broken for everybody from this start on.
 */
export function requireAuthority(authority: Pick<Authority, 'missing' | 'imported'>, { intercept, tenants }: Choice, catalogue: Pick<Catalogue, 'fronts'>): void {
  if (intercept.mode === 'none') return
  const asked = { 'tenants.restrict': hostsToOpen(tenants.restrict).domains, 'intercept.front': domainsOfFronts({ intercept }, catalogue) }
  for (const [key, domains] of Object.entries(asked)) {
    const missing = authority.missing(domains)
    if (missing.length === 0) continue
    throw new CertificateError('ca.renewal-due',
      `The certificate authority cannot sign for ${missing.join(', ')}, which ${key} opens`, howToRenew(authority.imported))
  }
}

function bypass(patterns: readonly string[]): (host: string) => boolean {
  const exact = new Set(patterns.filter(pattern => !pattern.startsWith('*.')))
  const below = patterns.filter(pattern => pattern.startsWith('*.'))
  return host => exact.has(host) || below.some(pattern => isHost(pattern, host))
}
