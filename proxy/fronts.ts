/**
 * Names that lead to the servers of cloud storage: an edge that serves many names may answer a request for a storage host
 * inside a tunnel that was opened for another of them. The catalogue lists some; the others are told by their addresses.
 */
import { LRUCache } from 'lru-cache'
import { atMost } from '../policy/at-most.ts'
import type { Catalogue } from '../policy/providers/index.ts'
import type { ProviderModule } from '../policy/providers/provider.ts'

/** How long an address counts at which a host of the catalogue was found: edges change theirs within hours (DESIGN.md §4). */
const REMEMBERED_MS = 86_400_000
/** About 2 MiB. Large providers have some hundred addresses in one place of the world. */
const MAX_ADDRESSES = 16_384

/** What a tunnel may reach. `own`: the host is the provider's and is not opened; `front`: it shares its servers. */
export interface Reach {
  readonly module: ProviderModule
  readonly is: 'own' | 'front'
}

export class Fronts {
  readonly #catalogue: Catalogue
  readonly #addresses: LRUCache<string, ProviderModule>

  constructor(catalogue: Catalogue, clock: { now(): number } = performance) {
    this.#catalogue = catalogue
    this.#addresses = new LRUCache({ ...atMost(MAX_ADDRESSES), ttl: REMEMBERED_MS, ttlResolution: 0, perf: clock })
  }

  /** Where a host was found: canonical addresses, with a port where they stand in the configuration. */
  note(host: string, addresses: readonly string[]): void {
    const module = this.#catalogue.find(host)?.module
    if (module === undefined) return
    for (const address of addresses) this.#addresses.set(address, module)
  }

  /** Whether the catalogue lists a name as one that shares a provider's servers. */
  isListed(host: string): boolean {
    return this.#catalogue.front(host) !== undefined
  }

  /** Null: as far as can be told, no cloud storage is reached there. */
  find(host: string, addresses: readonly string[]): Reach | null {
    const own = this.#catalogue.find(host)?.module
    if (own !== undefined) return { module: own, is: 'own' }
    const listed = this.#catalogue.front(host)
    if (listed !== undefined) return { module: listed, is: 'front' }
    for (const address of addresses) {
      const shared = this.#addresses.get(address)
      if (shared !== undefined) return { module: shared, is: 'front' }
    }
    return null
  }
}
