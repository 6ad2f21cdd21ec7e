/** Finds the row of a table for a request: by few looks at the path, and with a pattern only where these do not exclude it. */
import { beginnings, lastCharacters } from './pattern-facts.ts'
import type { Endpoint, RequestHead } from './provider.ts'
import { hasParameter, lowerParameters, nameBit, nameBits } from './query.ts'

/** A row with what a path and a query must have before its pattern is tried. */
interface Indexed {
  readonly row: Endpoint
  /** The row's own, where all rows have it at one place: rows differ in what they say. */
  readonly pattern: RegExp
  readonly hosts: readonly string[] | undefined
  /** What the path begins with, in lower case; a row that paths begin with in several ways stands here as often. */
  readonly prefix: string
  /** Where `prefix` ends, and the character there (`bitsAt`). */
  readonly at: number
  readonly bits: number
  /** The characters that the path can end with, a bit each (`bitsAt`). */
  readonly ends: number
  readonly query: readonly Parameter[] | undefined
  /** What the names of these parameters are like (`nameBit`); 0 without any. */
  readonly names: number
}

interface Parameter {
  /** Lower case, as the value. */
  readonly name: string
  readonly value: string | undefined
}

/**
 * The rows of one method, in order, told apart by single characters of a path: `at` is where to look, `next` what to go on
 * with by that character (`bitsAt`). At the end `at` is -1, and `rows` are all that the path can match, by its last character.
 */
interface Choice {
  readonly at: number
  readonly next: readonly Choice[]
  readonly rows: readonly (readonly Indexed[])[]
  /** What names of parameters the rows look for (`nameBit`). */
  readonly names: number
}

const NONE: readonly Indexed[] = []
const indexes = new WeakMap<readonly Endpoint[], ReadonlyMap<string, Choice>>()

/** Finds the first row of a table for a method and a path (as `matchPath` gives it). */
export function findEndpoint(rows: readonly Endpoint[], head: RequestHead, path: string): Endpoint | undefined {
  let choice = indexFor(rows).get(head.method)
  while (choice !== undefined && choice.at >= 0) choice = choice.next[bitsAt(path, choice.at)]
  if (choice === undefined) return undefined
  const given = choice.names === 0 ? 0 : nameBits(head.query)
  let parameters: readonly string[] | undefined
  // Numbers alone exclude nearly all; the pattern decides.
  for (const { row, pattern, hosts, at, bits, query, names } of choice.rows[bitsAt(path, path.length - 1)] ?? NONE) {
    if ((names & given) !== names || bitsAt(path, at) !== bits) continue
    if (hosts !== undefined && !isOn(hosts, head.host)) continue
    if (query !== undefined && !hasAll(parameters ??= lowerParameters(head.query), query)) continue
    if (pattern.test(path)) return row
  }
  return undefined
}

/** The table asked last, as most requests of a moment go to few providers. */
let lastRows: readonly Endpoint[] = []
let lastIndex: ReadonlyMap<string, Choice> = new Map()

function indexFor(rows: readonly Endpoint[]): ReadonlyMap<string, Choice> {
  if (rows !== lastRows) {
    lastIndex = indexes.get(rows) ?? indexOf(rows)
    lastRows = rows
  }
  return lastIndex
}

/** Five bits of the character at a place, which do not tell upper from lower case; 0 where there is none. */
function bitsAt(path: string, at: number): number {
  return at >= 0 && at < path.length ? path.charCodeAt(at) & 31 : 0
}

function isOn(hosts: readonly string[], host: string): boolean {
  for (const pattern of hosts) {
    if (pattern.startsWith('*.') ? host.endsWith(pattern.slice(1)) : host === pattern) return true
  }
  return false
}

function hasAll(parameters: readonly string[], wanted: readonly Parameter[]): boolean {
  for (const { name, value } of wanted) if (!hasParameter(parameters, name, value)) return false
  return true
}

/** Made once a table. */
function indexOf(rows: readonly Endpoint[]): ReadonlyMap<string, Choice> {
  const methods = new Set(rows.flatMap(row => row.methods))
  const made = new Map([...methods].map(method =>
    [method, choose(rows.filter(row => row.methods.includes(method)).flatMap(indexed), DEPTH)]))
  indexes.set(rows, made)
  return made
}

/** How many characters are looked at, and how few rows are worth no look. */
const DEPTH = 3
const FEW = 2

function choose(rows: readonly Indexed[], depth: number): Choice {
  const at = depth === 0 || rows.length <= FEW ? -1 : bestPlace(rows)
  if (at < 0) return leaf(rows)
  // Rows that begin with fewer characters can have any there.
  const rest = choose(rows.filter(({ prefix }) => prefix.length <= at), depth - 1)
  const present = new Set(rows.filter(({ prefix }) => prefix.length > at).map(({ prefix }) => bitsAt(prefix, at)))
  const next = Array.from({ length: 32 }, (_, bits) => !present.has(bits) ? rest
    : choose(rows.filter(({ prefix }) => prefix.length <= at || bitsAt(prefix, at) === bits), depth - 1))
  return { at, next, rows: [], names: 0 }
}

function leaf(rows: readonly Indexed[]): Choice {
  const byEnd = Array.from({ length: 32 }, (_, bits) => rows.filter(({ ends }) => (ends & 1 << bits) !== 0))
  return { at: -1, next: [], rows: byEnd, names: rows.reduce((all, { names }) => all | names, 0) }
}

/** The place whose character leaves the fewest rows, summed over all; -1 where none tells any two apart. */
function bestPlace(rows: readonly Indexed[]): number {
  let best = -1
  let fewest = rows.length ** 2
  for (let at = 1; at < Math.max(...rows.map(({ prefix }) => prefix.length)); at++) {
    const left = rows.reduce((sum, { prefix: one }) => sum + rows.filter(({ prefix }) =>
      one.length <= at || prefix.length <= at || bitsAt(one, at) === bitsAt(prefix, at)).length, 0)
    if (left < fewest) [best, fewest] = [at, left]
  }
  return best
}

function indexed(row: Endpoint): readonly Indexed[] {
  const last = lastCharacters(row.path)
  const ends = last === '' ? -1 : [...last].reduce((bits, char) => bits | 1 << bitsAt(char, 0), 0)
  const query = row.query?.map(parameter)
  const names = query?.reduce((bits, { name }) => bits | nameBit(name, 0, name.length), 0) ?? 0
  return beginnings(row.path).map(prefix => ({
    row, pattern: row.path, hosts: row.hosts, prefix, at: prefix.length - 1, bits: bitsAt(prefix, prefix.length - 1), ends, query, names,
  }))
}

function parameter(text: string): Parameter {
  const equals = text.indexOf('=')
  const name = equals < 0 ? text : text.slice(0, equals)
  return { name: name.toLowerCase(), value: equals < 0 ? undefined : text.slice(equals + 1) }
}
