import type { HostRole, ProviderModule } from './provider.ts'

export interface CatalogueHost {
  readonly module: ProviderModule
  readonly role: HostRole
}

export interface Catalogue {
  readonly modules: readonly ProviderModule[]
  /** Whose host this is. `host` is lower case, without port and trailing dot. */
  find(host: string): CatalogueHost | undefined
}

/** Builds the look-up of hosts: exact names first, then the longest suffix at a label boundary. */
export function makeCatalogue(modules: readonly ProviderModule[]): Catalogue {
  const exact = new Map<string, CatalogueHost>()
  const below = new Map<string, CatalogueHost>()
  for (const module of modules) {
    for (const { pattern, role } of module.hosts) {
      if (pattern.startsWith('*.')) below.set(pattern.slice(2), { module, role })
      else exact.set(pattern, { module, role })
    }
  }
  return {
    modules,
    find(host) {
      const named = exact.get(host)
      if (named !== undefined) return named
      for (let dot = host.indexOf('.'); dot > 0; dot = host.indexOf('.', dot + 1)) {
        const found = below.get(host.slice(dot + 1))
        if (found !== undefined) return found
      }
      return undefined
    },
  }
}
