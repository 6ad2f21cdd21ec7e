/** Which hosts are opened: those of the catalogue, less what the configuration leaves out. */
import type { Catalogue } from '../policy/providers/index.ts'
import type { HostRole } from '../policy/providers/provider.ts'
import type { Config } from './config.ts'

/** Answers a host's role when its tunnels are to be opened (`pinned`: refused), null when they pass blind. */
export function makeIntercepts(config: Pick<Config, 'intercept' | 'tenants'>, catalogue: Catalogue): (host: string) => HostRole | null {
  if (config.intercept.mode === 'none') return () => null
  const exact = new Set(config.intercept.bypass.filter((pattern) => !pattern.startsWith('*.')))
  const suffixes = config.intercept.bypass.filter((pattern) => pattern.startsWith('*.')).map((pattern) => pattern.slice(1))
  // Sign-in pages are nobody's business unless tenants are learned there or restricted (DESIGN.md §1, promise 2).
  const signIn = config.tenants.learn || Object.keys(config.tenants.restrict).length > 0
  return (host) => {
    const role = catalogue.find(host)?.role ?? null
    if (role === null || (role === 'sign-in' && !signIn)) return null
    if (exact.has(host) || suffixes.some((suffix) => host.length > suffix.length && host.endsWith(suffix))) return null
    return role === 'pinned' && config.intercept.pinned === 'bypass' ? null : role
  }
}
