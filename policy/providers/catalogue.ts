import { HOSTS, remember } from '../memo.ts'
import type { HostPattern, HostRole, ProviderModule } from './provider.ts'
import type { Provider } from '../operation.ts'

export interface CatalogueHost {
  readonly module: ProviderModule
  readonly role: HostRole
}

export interface Catalogue {
  readonly modules: readonly ProviderModule[]
  /** Every provider that a recognition may name: the closed list of labels. */
  readonly providers: readonly Provider[]
  /** Every host pattern, for those who route by host alone. */
  readonly patterns: readonly string[]
  /**
   * Whose host this is. `host` is lower case, without port and trailing dot. `path` tells providers apart that share
   * one; without it, the one that the host is named for.
   */
  find(host: string, path?: string): CatalogueHost | undefined
  /** Every pattern of names that share a provider's servers, and are not its hosts. */
  readonly fronts: readonly string[]
  /** Whose servers such a name shares. `host` as in `find`. */
  front(host: string): ProviderModule | undefined
}

const NOBODY: readonly Entry[] = []

interface Entry extends CatalogueHost {
  /** Finds the paths that it is limited to. */
  readonly paths: RegExp | undefined
}

/** One label of a pattern, with what may stand to its left. */
interface Node {
  readonly labels: Map<string, Node>
  /** Labels with a `*` in them. */
  readonly globs: { readonly before: string; readonly after: string; readonly node: Node }[]
  /** Whose the name is that ends here, and whose every name below it. */
  readonly here: Entry[]
  readonly below: Entry[]
}

/**
 * Builds the look-up of hosts: a tree of labels from the right. Literal labels win over `*`, names over `*.`, longer
 * patterns over shorter, and of two that are the same the later one.
 */
export function makeCatalogue(modules: readonly ProviderModule[]): Catalogue {
  const root = makeNode()
  for (const module of modules) for (const host of module.hosts) add(root, host, module)
  // Most requests go to hosts that are named in full, which one look-up finds.
  const exact = new Map(modules.flatMap(({ hosts }) => hosts.map(({ pattern }) => pattern)).filter(name => !name.includes('*'))
    .map(name => [name, search(root, name, name.length)]))
  const edge = makeNode()
  for (const module of modules) for (const pattern of module.fronts ?? []) add(edge, { pattern, role: 'storage' }, module)
  const shared = remember(host => host === '' ? NOBODY : search(edge, host, host.length) ?? NOBODY, HOSTS)
  const below = remember(host => host === '' ? NOBODY : search(root, host, host.length) ?? NOBODY, HOSTS)
  return {
    modules,
    providers: [...new Set(modules.flatMap(({ providers }) => providers))],
    patterns: [...new Set(modules.flatMap(({ hosts }) => hosts.map(({ pattern }) => pattern)))],
    find(host, path) {
      return choose(exact.get(host) ?? below(host), path)
    },
    fronts: [...new Set(modules.flatMap(({ fronts = [] }) => fronts))],
    front(host) {
      return (exact.get(host) ?? below(host)).length > 0 ? undefined : choose(shared(host), undefined)?.module
    },
  }
}

function makeNode(): Node {
  return { labels: new Map(), globs: [], here: [], below: [] }
}

function add(root: Node, { pattern, role, paths }: HostPattern, module: ProviderModule): void {
  const isBelow = pattern.startsWith('*.')
  const labels = (isBelow ? pattern.slice(2) : pattern).split('.').reverse()
  const node = labels.reduce(child, root)
  // The later of two goes first; whoever names paths is asked before whoever takes the rest.
  const list = isBelow ? node.below : node.here
  list.unshift({ module, role, paths: paths === undefined ? undefined : beginnings(paths) })
  list.sort((a, b) => Number(a.paths === undefined) - Number(b.paths === undefined))
}

function child(parent: Node, label: string): Node {
  const star = label.indexOf('*')
  if (star < 0) {
    const known = parent.labels.get(label) ?? makeNode()
    parent.labels.set(label, known)
    return known
  }
  const before = label.slice(0, star)
  const after = label.slice(star + 1)
  const known = parent.globs.find(glob => glob.before === before && glob.after === after)
  if (known !== undefined) return known.node
  const node = makeNode()
  parent.globs.push({ before, after, node })
  return node
}

/** `end`: the labels of `host` before it are still to be matched; -1 when none is left. */
function search(node: Node, host: string, end: number): readonly Entry[] | undefined {
  if (end < 0) return node.here.length > 0 ? node.here : undefined
  const start = host.lastIndexOf('.', end - 1) + 1
  if (end === 0 || start === end) return undefined
  const label = host.slice(start, end)
  const next = node.labels.get(label)
  const exact = next === undefined ? undefined : search(next, host, start - 1)
  if (exact !== undefined) return exact
  for (const { before, after, node: other } of node.globs) {
    if (label.length <= before.length + after.length || !label.startsWith(before) || !label.endsWith(after)) continue
    const found = search(other, host, start - 1)
    if (found !== undefined) return found
  }
  return node.below.length > 0 ? node.below : undefined
}

/** Repeated slashes and another case find the same; letters are not encoded in a canonical path. */
function beginnings(paths: readonly string[]): RegExp {
  return new RegExp(`^(?:${paths.map(path => path.replace(/[.*+?()[\]{}|^$\\]/g, '\\$&').replaceAll('/', '/+')).join('|')})`, 'i')
}

function choose(entries: readonly Entry[], path: string | undefined): CatalogueHost | undefined {
  for (const entry of entries) {
    if (entry.paths === undefined || (path !== undefined && entry.paths.test(path))) return entry
  }
  return undefined
}
