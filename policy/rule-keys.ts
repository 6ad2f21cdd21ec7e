/**
 * The conditions by which rules can be looked up. For each: the values under which a rule stands, and those that a request has.
 * A request must have a value of every rule whose condition it meets; `conditions.ts` says which it meets.
 */
import { isIP } from 'node:net'
import type { CompiledRule } from './compile.ts'
import type { Facts } from './evaluate.ts'
import { HOSTS, remember } from './memo.ts'
import { bytesOf, masked, networkBits } from './network-bits.ts'
import { fold as foldName } from './people/person.ts'
import type { When } from './schema.ts'
import { FALSE } from './truth.ts'

type List = readonly CompiledRule[]
type Shelf = ReadonlyMap<string, List>
/** Adds the lists that a request finds. */
export type Find = (facts: Facts, lists: List[]) => void

export interface Key {
  /** Undefined where the rule has no such condition, or one that cannot be looked up. */
  readonly valuesOf: (when: When) => readonly string[] | undefined
  readonly open: (shelf: Shelf) => Find
  /** What reading by this key is taken to cost, in rules read; left out: the rules under the commonest of a rule's values. */
  readonly cost?: number
}

/** Of a path, what stands before its second to its fifth slash counts: deeper rules stand under their first four segments. */
const MIN_SLASHES = 2
const MAX_SLASHES = 5
/** Client addresses whose networks are remembered. */
const ADDRESSES = 4_096
/** Rules remembered over all user agents: 8 bytes each. */
const AGENT_RULES = 1_000_000
const MAX_AGENTS = 1_024
/** A user agent seldom fits more patterns than this. */
const AGENT_COST = 16

/** Of two that are as good the first is taken. */
export const KEYS: readonly Key[] = [
  {
    valuesOf: ({ user }) => many(user)?.map(foldName),
    open: shelf => ({ user }, lists) => { if (user !== undefined) take(shelf, foldName(user), lists) },
  },
  {
    // A standing and an id that is written like one share a place: more is found than holds.
    valuesOf: ({ tenant }) => lower(tenant),
    open: shelf => ({ standing, tenantIds }, lists) => {
      take(shelf, standing, lists)
      for (const id of tenantIds) take(shelf, id, lists)
    },
  },
  {
    valuesOf: ({ group }) => lower(group),
    open: (shelf) => {
      // One list for whoever may be in any group: to merge as many as there are groups would take the square of their number.
      const all = [...new Set([...shelf.values()].flat())].sort((a, b) => a.order - b.order)
      return ({ groups, moreGroups = false }, lists) => {
        if (moreGroups) lists.push(all)
        else if (groups !== undefined) for (const group of groups) take(shelf, group.toLowerCase(), lists)
      }
    },
  },
  {
    valuesOf: ({ host }) => lower(host)?.map(name => name.startsWith('*.') ? name.slice(1) : name),
    open: (shelf) => {
      const listsOf = remember(host => [host, ...suffixes(host)].flatMap(name => wrapped(shelf, name)), HOSTS)
      return ({ host }, lists) => { for (const list of listsOf(host)) lists.push(list) }
    },
  },
  {
    valuesOf: ({ path }) => every(many(path), segmentsOfGlob),
    open: shelf => ({ path }, lists) => { takePath(shelf, path, lists) },
  },
  {
    valuesOf: ({ source }) => many(source)?.map(networkBits).map(({ bytes, bits }) => masked(bytes, bits)),
    open: openNetworks,
  },
  {
    valuesOf: ({ userAgent }) => userAgent === undefined ? undefined : [''],
    open: openUserAgents,
    cost: AGENT_COST,
  },
  {
    valuesOf: ({ provider }) => many(provider),
    open: shelf => ({ provider }, lists) => { if (provider !== null) take(shelf, provider, lists) },
  },
  { valuesOf: ({ activity }) => many(activity), open: shelf => ({ activity }, lists) => { take(shelf, activity, lists) } },
  { valuesOf: ({ client }) => many(client), open: shelf => ({ client }, lists) => { take(shelf, client, lists) } },
  {
    valuesOf: ({ method }) => many(method)?.map(name => name.toUpperCase()),
    open: shelf => ({ method }, lists) => { take(shelf, method, lists) },
  },
]

function take(shelf: Shelf, value: string, lists: List[]): void {
  const list = shelf.get(value)
  if (list !== undefined) lists.push(list)
}

function wrapped(shelf: Shelf, value: string): readonly List[] {
  const list = shelf.get(value)
  return list === undefined ? [] : [list]
}

/** `.b.c` and `.c` of `a.b.c`. */
function suffixes(host: string): string[] {
  return [...host.matchAll(/\./g)].map(({ index }) => host.slice(index))
}

/**
 * The whole segments before the first wildcard (`/sites/finance/` of `/Sites/finance/*`), in lower case. Undefined where there
 * are none, and where they hold more than ASCII: which other letters are the same is not for here to say.
 */
function segmentsOfGlob(glob: string): string | undefined {
  const literal = glob.normalize('NFC').split(/[*?]/, 1)[0] ?? ''
  let end = -1
  for (let slash = literal.indexOf('/'), count = 1; slash >= 0 && count <= MAX_SLASHES; slash = literal.indexOf('/', slash + 1), count++) {
    if (count >= MIN_SLASHES) end = slash
  }
  const value = literal.slice(0, end + 1).toLowerCase()
  return value === '' || /[^\u0000-\u007f]/.test(value) ? undefined : value
}

/** The same segments of a request's path, from its first to its fourth. */
function takePath(shelf: Shelf, path: string, lists: List[]): void {
  let end = path.indexOf('/')
  for (let count = 1; end >= 0 && count < MAX_SLASHES; count++) {
    const next = path.indexOf('/', end + 1)
    if (next < 0) break
    end = next
  }
  const folded = fold(path.slice(0, end + 1))
  let slash = folded.indexOf('/')
  for (let count = 1; slash >= 0; count++, slash = folded.indexOf('/', slash + 1)) {
    if (count >= MIN_SLASHES) take(shelf, folded.slice(0, slash + 1), lists)
  }
}

/** As a glob compares ASCII: K (Kelvin) is K by NFC, and the long s has the lower-case s beside it in Unicode's simple folding. */
function fold(text: string): string {
  return text.normalize('NFC').toLowerCase().replaceAll('\u017f', 's')
}

function openNetworks(shelf: Shelf): Find {
  const prefixes = [...new Set([...shelf.keys()].map(value => Number.parseInt(value, 10)))]
  const listsOf = remember((ip): readonly List[] => {
    if (isIP(ip) === 0) return []
    const bytes = bytesOf(ip)
    return prefixes.flatMap(prefix => wrapped(shelf, masked(bytes, prefix)))
  }, ADDRESSES)
  return ({ ip }, lists) => { for (const list of listsOf(ip)) lists.push(list) }
}

/** There is no looking up of a pattern, but the programs that send are few: which rules each fits is remembered. */
function openUserAgents(shelf: Shelf): Find {
  const rules = [...shelf.values()].flat()
  const tests = rules.map(rule => ({ rule, test: rule.conditions.find(({ name }) => name === 'userAgent')?.test }))
  let asked: Facts | undefined
  const fitting = remember((): List => {
    const facts = asked
    return facts === undefined ? rules : tests.filter(({ test }) => test?.(facts) !== FALSE).map(({ rule }) => rule)
  }, Math.min(MAX_AGENTS, Math.ceil(AGENT_RULES / Math.max(1, rules.length))))
  return (facts, lists) => {
    asked = facts
    lists.push(fitting(facts.userAgent))
  }
}

function many<T extends string>(value: T | readonly T[] | undefined): readonly T[] | undefined {
  return typeof value === 'string' ? [value] : value
}

function lower(value: string | readonly string[] | undefined): readonly string[] | undefined {
  return many(value)?.map(name => name.toLowerCase())
}

/** All values, or undefined when one of them cannot be looked up. */
function every(values: readonly string[] | undefined, valueOf: (value: string) => string | undefined): readonly string[] | undefined {
  const found = values?.flatMap(value => valueOf(value) ?? [])
  return found?.length === values?.length ? found : undefined
}
