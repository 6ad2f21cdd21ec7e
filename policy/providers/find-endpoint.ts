/** Finds the row of a table for a request: by few looks at the path, and with a pattern only where these do not exclude it. */
import { lastCharacters, literalPrefix } from './pattern-facts.ts'
import type { Endpoint, RequestHead } from './provider.ts'
import { hasParameter, lowerParameters } from './query.ts'

/** A row with what a path and a query must have before its pattern is tried. */
interface Indexed {
  readonly row: Endpoint
  /** What the path begins with, in lower case; empty where that is not sure. */
  readonly prefix: string
  /** Where `prefix` ends, and the character there (`fold`); -1 where that excludes nothing. */
  readonly at: number
  readonly character: number
  /** The characters that the path can end with, a bit each (`endBit`). */
  readonly ends: number
  readonly query: readonly Parameter[] | undefined
}

interface Parameter {
  /** Lower case, as the value. */
  readonly name: string
  readonly value: string | undefined
}

/** The rows of one method, in order. */
interface MethodRows {
  /** By the first two segments of a path, where rows name two; by the first, where they name one. */
  readonly twos: ReadonlyMap<string, readonly Indexed[]>
  readonly ones: ReadonlyMap<string, readonly Indexed[]>
  /** Those that any other path can match. */
  readonly rest: readonly Indexed[]
}

const indexes = new WeakMap<readonly Endpoint[], ReadonlyMap<string, MethodRows>>()

/** Finds the first row of a table for a method and a path (as `matchPath` gives it). */
export function findEndpoint(rows: readonly Endpoint[], head: RequestHead, path: string): Endpoint | undefined {
  const found = indexFor(rows).get(head.method)
  if (found === undefined) return undefined
  const last = endBit(path.charCodeAt(path.length - 1))
  let parameters: readonly string[] | undefined
  // Numbers alone exclude nearly all; the pattern decides.
  for (const { row, at, character, ends, query } of candidates(found, path)) {
    if ((ends & last) === 0 || (at >= 0 && fold(path.charCodeAt(at)) !== character)) continue
    if (row.hosts !== undefined && !isOn(row.hosts, head.host)) continue
    if (query !== undefined && (head.query === '' || !hasAll(parameters ??= lowerParameters(head.query), query))) continue
    if (row.path.test(path)) return row
  }
  return undefined
}

/** The table asked last, as most requests of a moment go to few providers. */
let lastRows: readonly Endpoint[] = []
let lastIndex: ReadonlyMap<string, MethodRows> = new Map()

function indexFor(rows: readonly Endpoint[]): ReadonlyMap<string, MethodRows> {
  if (rows !== lastRows) {
    lastIndex = indexes.get(rows) ?? indexOf(rows)
    lastRows = rows
  }
  return lastIndex
}

function candidates({ twos, ones, rest }: MethodRows, path: string): readonly Indexed[] {
  if (twos.size === 0 && ones.size === 0) return rest
  const first = path.indexOf('/', 1)
  if (first < 0) return ones.get(path.toLowerCase()) ?? rest
  const second = twos.size === 0 ? -1 : path.indexOf('/', first + 1)
  const two = twos.size === 0 ? undefined : twos.get((second < 0 ? path : path.slice(0, second)).toLowerCase())
  return two ?? (ones.size === 0 ? undefined : ones.get(path.slice(0, first).toLowerCase())) ?? rest
}

/** A character without its case, if it is a letter; of others some fall together, which costs a look at a pattern. */
function fold(code: number): number {
  return code | 0x20
}

function endBit(code: number): number {
  return 1 << (code & 31)
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
function indexOf(rows: readonly Endpoint[]): ReadonlyMap<string, MethodRows> {
  const methods = new Set(rows.flatMap(row => row.methods))
  const made = new Map([...methods].map(method => [method, indexMethod(rows.filter(row => row.methods.includes(method)))]))
  indexes.set(rows, made)
  return made
}

function indexMethod(rows: readonly Endpoint[]): MethodRows {
  const all = rows.map(indexed)
  const twos = new Set(all.map(one => begin(one, 2)).filter(key => key !== undefined))
  const ones = new Set(all.map(one => begin(one, 1)).filter(key => key !== undefined))
  // What stands under the two segments counts for these, and what stands under the first as well.
  const under = (key: string) => all.filter(({ prefix }) => isUnder(prefix, key)).map(brief)
  return {
    twos: new Map([...twos].map(key => [key, under(key)])),
    ones: new Map([...ones].map(key => [key, under(key)])),
    rest: all.filter(({ prefix }) => !prefix.slice(1).includes('/')).map(brief),
  }
}

function indexed(row: Endpoint): Indexed {
  const prefix = literalPrefix(row.path)
  const ends = lastCharacters(row.path)
  return {
    row, prefix, at: prefix.length - 1, character: prefix === '' ? 0 : fold(prefix.charCodeAt(prefix.length - 1)),
    ends: ends === '' ? -1 : [...ends].reduce((bits, char) => bits | endBit(char.charCodeAt(0)), 0),
    query: row.query?.map(parameter),
  }
}

/** The segments that all paths of a row begin with, where it names so many and goes on behind them; not of those that name more. */
function begin({ prefix }: Indexed, count: 1 | 2): string | undefined {
  const segments = prefix.split('/')
  return segments.length - 2 < count || (count === 1 && segments.length > 3) ? undefined : segments.slice(0, count + 1).join('/')
}

/** Whether a path whose first segments are `key` can begin with `prefix`. */
function isUnder(prefix: string, key: string): boolean {
  return `${key}/`.startsWith(prefix) || prefix.startsWith(`${key}/`)
}

/** Every path begins with a slash. */
function brief(one: Indexed): Indexed {
  return one.prefix === '/' ? { ...one, prefix: '', at: -1 } : one
}

function parameter(text: string): Parameter {
  const equals = text.indexOf('=')
  const name = equals < 0 ? text : text.slice(0, equals)
  return { name: name.toLowerCase(), value: equals < 0 ? undefined : text.slice(equals + 1) }
}
