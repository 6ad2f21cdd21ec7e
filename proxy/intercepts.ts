/** What of the catalogue is opened and judged: all of it, less what the configuration leaves out. */
import type { Catalogue } from '../policy/providers/index.ts'
import type { Config } from './config.ts'

/**
 * The catalogue as tunnels, plain HTTP and `/v1/decisions` see it: what is not opened is not found in it, whichever way
 * a request comes. Sign-in hosts are not opened: they are nobody's business (DESIGN.md §1, promise 2) until something,
 * learning or restricting tenants, makes use of what is read there.
 */
export function openedCatalogue(config: Pick<Config, 'intercept'>, catalogue: Catalogue): Catalogue {
  if (config.intercept.mode === 'none') return { ...catalogue, find: () => undefined }
  const exact = new Set(config.intercept.bypass.filter((pattern) => !pattern.startsWith('*.')))
  const suffixes = config.intercept.bypass.filter((pattern) => pattern.startsWith('*.')).map((pattern) => pattern.slice(1))
  return {
    ...catalogue,
    find(host, path) {
      const found = catalogue.find(host, path)
      if (found === undefined) return undefined
      // A path may belong to another provider, but whether a tunnel is opened is settled by its host.
      if (found.role === 'sign-in' && (catalogue.find(host) ?? found).role === 'sign-in') return undefined
      if (exact.has(host) || suffixes.some((suffix) => host.length > suffix.length && host.endsWith(suffix))) return undefined
      return found.role === 'pinned' && config.intercept.pinned === 'bypass' ? undefined : found
    },
  }
}
