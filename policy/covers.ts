/**
 * Whether one rule's conditions hold wherever another's do. It says yes only where that is certain: two patterns that mean the
 * same but are written otherwise are different ones.
 */
import { parseDuration } from './duration.ts'
import { remember } from './memo.ts'
import { masked, networkBits } from './network-bits.ts'
import { STANDINGS } from './operation.ts'
import type { Rule, When } from './schema.ts'
import { parseSize } from './size.ts'

type Values = Required<When>
type Covered<K extends keyof Values> = (wide: Values[K], narrow: Values[K]) => boolean
type Names = string | readonly string[]

const COVERED: { readonly [K in keyof Values]: Covered<K> } = {
  provider: within,
  activity: within,
  tenant: within,
  method: within,
  client: within,
  user: within,
  group: within,
  host: (wide, narrow) => each(narrow, name => some(wide, other => isHostWithin(name, other))),
  contentType: (wide, narrow) => each(narrow, type => some(wide, other =>
    type === other || (other.endsWith('/*') && type.startsWith(other.slice(0, -1))))),
  source: (wide, narrow) => each(narrow, inner => some(wide, outer => isNetworkWithin(inner, outer))),
  path: areGlobsWithin,
  fileName: areGlobsWithin,
  userAgent: (wide, narrow) => isUserAgentWithin(narrow, wide),
  size: (wide, narrow) => bytes(narrow.atLeast, 0) >= bytes(wide.atLeast, 0)
    && bytes(narrow.below, Infinity) <= bytes(wide.below, Infinity),
  time: same,
  volume: (wide, narrow) => parseDuration(wide.over) >= parseDuration(narrow.over) && bytes(wide.atLeast, 0) <= bytes(narrow.atLeast, 0),
  not: same,
}

/** Conditions that can be open, and `not`, which may hold one: two actions settle them in two ways. */
const SETTLED_BY_ACTION: readonly (keyof When)[] = ['size', 'volume', 'fileName', 'group', 'not']

/** Whether `wide` holds, and is settled, for every request for which `narrow` holds or may come to hold. */
export function covers(wide: Rule, narrow: Rule): boolean {
  for (const name of namesOf(wide.when)) {
    if (!isCovered(name, wide.when, narrow.when)) return false
    if (wide.action === narrow.action) continue
    if (SETTLED_BY_ACTION.includes(name)) return false
    // What an unverified credential tells is enough for the other rule, and not for one that allows.
    if (name === 'tenant' && wide.action === 'allow' && !onlyStandings(wide.when)) return false
  }
  return true
}

/** Conditions that are true or false, never open, and mean the same in an allow rule, a block rule and within `not`. */
const PLAIN: readonly (keyof When)[] = [
  'provider', 'activity', 'method', 'client', 'user', 'host', 'contentType', 'source', 'path', 'userAgent', 'time',
]

/** Whether a rule excludes by `not` everything that its other conditions let in. */
export function excludesItself({ not, ...when }: When): boolean {
  if (not === undefined) return false
  return namesOf(not).every(name => (PLAIN.includes(name) || (name === 'tenant' && onlyStandings(not) && onlyStandings(when)))
    && isCovered(name, not, when))
}

function isCovered<K extends keyof Values>(name: K, wide: Partial<Values>, narrow: Partial<Values>): boolean {
  const outer = wide[name]
  const inner = narrow[name]
  if (outer === undefined) return true
  return inner !== undefined && COVERED[name](outer, inner)
}

/** The named conditions of a `when`. */
function namesOf(when: When): (keyof When)[] {
  return Object.keys(COVERED).filter((name): name is keyof When => name in when)
}

function onlyStandings({ tenant }: When): boolean {
  return tenant !== undefined && each(tenant, name => STANDINGS.some(standing => standing === name))
}

function within(wide: Names, narrow: Names): boolean {
  const names = setOf(wide)
  return each(narrow, name => names.has(name))
}

const sets = new WeakMap<readonly string[], ReadonlySet<string>>()

/** Long lists are compared with many rules, so their sets are kept as long as the policy is. */
function setOf(names: Names): ReadonlySet<string> {
  if (typeof names === 'string') return new Set([names.toLowerCase()])
  const known = sets.get(names) ?? new Set(names.map(name => name.toLowerCase()))
  sets.set(names, known)
  return known
}

function isHostWithin(name: string, other: string): boolean {
  return name === other || (other.startsWith('*.') && name.endsWith(other.slice(1)))
}

const bitsOf = remember(networkBits, 10_000)

function isNetworkWithin(inner: string, outer: string): boolean {
  const [narrow, wide] = [bitsOf(inner), bitsOf(outer)]
  return narrow.bits >= wide.bits && masked(narrow.bytes, wide.bits) === masked(wide.bytes, wide.bits)
}

/** The same glob, or one that begins with all that the other asks for: `/a/**` takes in `/a/b/*`. Only of ASCII is it certain. */
function isGlobWithin(glob: string, other: string): boolean {
  if (!isAscii(glob + other)) return glob === other
  const [narrow, wide] = [glob.toLowerCase(), other.toLowerCase()]
  if (narrow === wide) return true
  const beginning = wide.slice(0, -2)
  return wide.endsWith('**') && !/[*?]/.test(beginning) && (narrow.split(/[*?]/, 1)[0] ?? '').startsWith(beginning)
}

function areGlobsWithin(wide: Names, narrow: Names): boolean {
  const others = listOf(wide)
  return listOf(narrow).every(glob => others.some(other => isGlobWithin(glob, other)))
}

function isAscii(text: string): boolean {
  return !/[^\u0000-\u007f]/.test(text)
}

function isUserAgentWithin(narrow: NonNullable<When['userAgent']>, wide: NonNullable<When['userAgent']>): boolean {
  const patterns = narrow.matches
  if (wide.matches !== undefined && (patterns === undefined || !isSubset(patterns, wide.matches))) return false
  const parts = wide.contains
  if (parts === undefined) return true
  return narrow.contains !== undefined && each(narrow.contains, text => some(parts, part => text.includes(part)))
}

/** As written: in a pattern, case counts. */
function isSubset(narrow: Names, wide: Names): boolean {
  return listOf(narrow).every(pattern => listOf(wide).includes(pattern))
}

function same(wide: unknown, narrow: unknown): boolean {
  return JSON.stringify(wide) === JSON.stringify(narrow)
}

function each(names: Names, test: (name: string) => boolean): boolean {
  return listOf(names).every(name => test(name.toLowerCase()))
}

function some(names: Names, test: (name: string) => boolean): boolean {
  return listOf(names).some(name => test(name.toLowerCase()))
}

function listOf(names: Names): readonly string[] {
  return typeof names === 'string' ? [names] : names
}

function bytes(written: number | string | undefined, otherwise: number): number {
  return written === undefined ? otherwise : parseSize(written) ?? otherwise
}
