/** What is opened: the catalogue, less what the configuration leaves out, and the hosts that a restriction alone is for. */
import type { Authority } from '../certs/authority.ts'
import { CertificateError, howToRenew } from '../certs/errors.ts'
import type { Catalogue } from '../policy/providers/index.ts'
import type { HostRole } from '../policy/providers/provider.ts'
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

/**
 * Which tunnels are opened, by host. To those of the opened catalogue come the hosts that `tenants.restrict` names and no
 * provider has: their requests are given the fields, and neither recognised nor recorded.
 */
export function openedRole({ intercept, tenants }: Choice, opened: Catalogue): (host: string) => HostRole | null {
  const { patterns } = hostsToOpen(tenants.restrict)
  if (intercept.mode === 'none' || patterns.length === 0) return host => opened.find(host)?.role ?? null
  const isBypassed = bypass(intercept.bypass)
  return host => opened.find(host)?.role ?? (patterns.some(pattern => isHost(pattern, host)) && !isBypassed(host) ? 'sign-in' : null)
}

/**
 * Throws `ca.renewal-due` where the authority, made before an account was restricted, cannot sign for its hosts: they would
 * be broken for everybody from this start on.
 */
export function requireAuthority(authority: Pick<Authority, 'missing' | 'imported'>, { intercept, tenants }: Choice): void {
  const missing = intercept.mode === 'none' ? [] : authority.missing(hostsToOpen(tenants.restrict).domains)
  if (missing.length === 0) return
  throw new CertificateError('ca.renewal-due',
    `The certificate authority cannot sign for ${missing.join(', ')}, which tenants.restrict opens`, howToRenew(authority.imported))
}

function bypass(patterns: readonly string[]): (host: string) => boolean {
  const exact = new Set(patterns.filter(pattern => !pattern.startsWith('*.')))
  const below = patterns.filter(pattern => pattern.startsWith('*.'))
  return host => exact.has(host) || below.some(pattern => isHost(pattern, host))
}
