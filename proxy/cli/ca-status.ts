import type { Authority } from '../../certs/authority.ts'
import { howToRenew } from '../../certs/errors.ts'
import type { Config } from '../config.ts'

const DAY = 86_400_000
// Clients must learn to trust the successor before the old one ends.
const RENEW_BEFORE = 30 * DAY

/** The domains that the authority must be able to sign for: the catalogue's, those of restricted accounts, of fronts that are opened, and the configured ones. */
export async function neededDomains(config: Config): Promise<string[]> {
  const { loadCatalogue } = await import('../load-catalogue.ts')
  const { hostsToOpen } = await import('../../policy/restrictions.ts')
  const { domainsOfFronts } = await import('../intercepts.ts')
  const { catalogue, domains } = loadCatalogue(config.intercept.catalogue)
  return [...domains, ...hostsToOpen(config.tenants.restrict).domains, ...domainsOfFronts(config, catalogue), ...config.certs.domains]
}

/** Opens the configured authority, making one where there is none. */
export async function authorityOf(config: Config): Promise<Authority> {
  const { openAuthority } = await import('../../certs/authority.ts')
  const { dir, passphrase, constrain } = config.certs
  return openAuthority({ dir, passphrase, constrain, domains: await neededDomains(config) })
}

/** What an operator wants to know of the authority, a line each. */
export async function caStatus(config: Config, authority: Authority, now: Date): Promise<string[]> {
  const { fingerprint, validUntil } = await import('../../certs/trust.ts')
  const missing = authority.missing(await neededDomains(config))
  const left = Math.floor((authority.notAfter.getTime() - now.getTime()) / DAY)
  const line = (pem: string): string => `SHA-256 ${fingerprint(pem)}, valid to ${day(validUntil(pem))}`
  return [
    `fingerprint (SHA-256): ${authority.fingerprint256}`,
    `valid: ${day(authority.notBefore)} to ${day(authority.notAfter)} (${left} days left)`,
    authority.permitted === null
      ? 'may sign for: any name (no constraint)'
      : `may sign for: ${authority.permitted.length} domains and the names below them`,
    ...missing.length > 0 ? [`renewal is due: it cannot sign for ${missing.join(', ')}. ${howToRenew(authority.imported)}.`] : [],
    ...authority.notAfter.getTime() - now.getTime() < RENEW_BEFORE
      ? [`renewal is due: ${left} days left. ${howToRenew(authority.imported)}.`]
      : [],
    ...authority.next !== null ? [`successor, not used yet: ${line(authority.next)}`] : [],
    ...authority.previous.map(pem => `earlier one, not used any more: ${line(pem)}`),
  ]
}

/** `2026-01-31`, UTC. */
export function day(date: Date): string {
  return date.toISOString().slice(0, 10)
}
