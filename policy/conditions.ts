/** Compiles the conditions of a rule into tests. Values have been checked by `parsePolicy`. */
import { networkTest, parseNetwork } from './cidr.ts'
import { parseDuration } from './duration.ts'
import type { Facts } from './evaluate.ts'
import { clockOf, DAYS, minuteOf } from './local-time.ts'
import { remember } from './memo.ts'
import { STANDINGS } from './operation.ts'
import { compileGlob, compilePattern } from './pattern.ts'
import { fold } from './people/person.ts'
import type { When } from './schema.ts'
import { parseSize } from './size.ts'
import { and, FALSE, not, OPEN_GROUPS, OPEN_LATE, OPEN_LOST, OPEN_SIZE, TRUE } from './truth.ts'
import type { Truth } from './truth.ts'

export type ConditionName = keyof When
export type Test = (facts: Facts) => Truth

export interface Condition {
  readonly name: ConditionName
  readonly test: Test
}

export interface Context {
  /**
   * Whether tenant ids must be proved: a credential that was not verified may deny,
   * never allow. So they must for `allow`, need not for `block`, and `not` turns it round. In the same way, of a
   * request's several file names all must match, or one.
   */
  readonly proof: boolean
  /** Answers that each text condition may remember. */
  readonly memory: number
  /** Collects the byte counts at which a size condition of the rule can change. */
  readonly thresholds: Set<number>
  /** Collects the windows of the rule's volume conditions. */
  readonly windows: Window[]
}

/** A volume condition: bytes within a time. */
export interface Window {
  readonly overMs: number
  readonly atLeast: number
}

type Values = Required<When>
type Compilers = { readonly [K in keyof Values]: (value: Values[K], context: Context) => Test }

/** In the order in which they are tested: what is cheap and settles most comes first. */
const COMPILERS: Compilers = {
  activity: value => { const names = setOf(value); return facts => bit(names.has(facts.activity)) },
  provider: value => {
    const names = setOf(value)
    return facts => bit(facts.provider !== null && names.has(facts.provider))
  },
  tenant,
  method: value => { const names = upper(value); return facts => bit(names.has(facts.method)) },
  client: value => { const names = setOf(value); return facts => bit(names.has(facts.client)) },
  size,
  time,
  user: value => {
    const names = new Set(many(value).map(fold))
    return facts => bit(facts.user !== undefined && names.has(fold(facts.user)))
  },
  group: value => {
    const names = lower(value)
    return ({ groups, moreGroups = false }) =>
      groups?.some(group => names.has(group.toLowerCase())) === true ? TRUE : moreGroups ? OPEN_GROUPS : FALSE
  },
  host,
  contentType,
  source: (value, { memory }) => {
    const inside = remember(networkTest(many(value).map(parseNetwork)), memory)
    return facts => bit(inside(facts.ip))
  },
  userAgent,
  path: (value, { memory }) => {
    const matches = remember(anyOf(many(value).map(compileGlob)), memory)
    return facts => bit(matches(facts.path))
  },
  fileName,
  volume,
  not: (value, context) => {
    const inner = conjunction(compileWhen(value, { ...context, proof: !context.proof }))
    return facts => not(inner(facts))
  },
}

const ORDER = Object.keys(COMPILERS) as readonly ConditionName[]

/** The conditions of `when` as tests, cheapest first. */
export function compileWhen(when: When, context: Context): readonly Condition[] {
  return ORDER.flatMap(name => when[name] === undefined ? [] : [{ name, test: compileOne(name, when, context) }])
}

function compileOne<K extends keyof Values>(name: K, when: Partial<Values>, context: Context): Test {
  const value = when[name]
  return value === undefined ? () => TRUE : COMPILERS[name](value, context)
}

/** All must hold; of none, true. */
export function conjunction(conditions: readonly Condition[]): Test {
  const tests = conditions.map(({ test }) => test)
  return facts => {
    let truth: Truth = TRUE
    for (const test of tests) {
      truth = and(truth, test(facts))
      if (truth === FALSE) return FALSE
    }
    return truth
  }
}

function tenant(value: NonNullable<When['tenant']>, { proof }: Context): Test {
  const names = lower(value)
  const standings = new Set<string>(STANDINGS.filter(standing => names.delete(standing)))
  return facts => {
    if (standings.has(facts.standing)) return TRUE
    if (names.size === 0 || (proof && facts.tenantDenies === true)) return FALSE
    for (const id of facts.tenantIds) if (names.has(id)) return TRUE
    return FALSE
  }
}

function size(value: NonNullable<When['size']>, { thresholds }: Context): Test {
  const atLeast = bytes(value.atLeast)
  const below = bytes(value.below)
  if (atLeast !== undefined) thresholds.add(atLeast)
  if (below !== undefined) thresholds.add(below)
  return ({ size: { bytes: count, is }, sessionLost = false, isEncoded = false }) => {
    if (below !== undefined && count >= below) return FALSE
    const isReached = atLeast === undefined || count >= atLeast
    if (isEncoded && !(below === undefined && isReached)) return OPEN_LATE
    if (is === 'exact' && !sessionLost) return bit(isReached)
    return below === undefined && isReached ? TRUE : sessionLost ? OPEN_LOST : OPEN_SIZE
  }
}

/** Only the request's own body can still bring bytes; what others send meanwhile is seen when it is asked again. */
function volume({ over, atLeast }: NonNullable<When['volume']>, { windows }: Context): Test {
  const window = { overMs: parseDuration(over), atLeast: bytes(atLeast) ?? 0 }
  windows.push(window)
  return (facts) => {
    if (bytesIn(window, facts) >= window.atLeast) return TRUE
    return bodyOf(facts).isAll ? FALSE : OPEN_SIZE
  }
}

/** What was sent within the window, with this request's body so far. */
export function bytesIn({ overMs }: Window, facts: Facts): number {
  return (facts.sentBefore?.(overMs) ?? 0) + bodyOf(facts).bytes
}

/** Where nothing else is told of the body, it is the whole upload. */
function bodyOf({ body, size }: Facts): NonNullable<Facts['body']> {
  return body ?? { bytes: size.bytes, isAll: size.is === 'exact' }
}

/** From `from` to before `to`. One that passes midnight belongs to the day on which it begins, in the small hours of the next day too. */
function time({ days, from, to, timezone = 'UTC' }: NonNullable<When['time']>): Test {
  const clock = clockOf(timezone)
  const named = setOf(days)
  const onDay = DAYS.map(day => days === undefined || named.has(day))
  const start = from === undefined ? 0 : minuteOf(from)
  const end = to === undefined ? 24 * 60 : minuteOf(to)
  return ({ at }) => {
    const { day, minute } = clock(at)
    if (start < end) return bit(minute >= start && minute < end && onDay[day] === true)
    return bit(minute >= start ? onDay[day] === true : minute < end && onDay[(day + 6) % 7] === true)
  }
}

function fileName(value: NonNullable<When['fileName']>, { memory, proof }: Context): Test {
  const matches = remember(anyOf(many(value).map(compileGlob)), memory)
  return facts => {
    if (facts.fileNameIs === 'late') return OPEN_LATE
    const isMore = facts.moreNames === true
    if (facts.fileNameIs === 'none' || facts.fileName === undefined) return isMore ? OPEN_LATE : FALSE
    const holds = facts.fileNames === undefined ? matches(facts.fileName)
      : proof ? facts.fileNames.every(matches) : facts.fileNames.some(matches)
    // What the others are called could only undo `all` and only bring about `one`.
    return isMore && holds === proof ? OPEN_LATE : bit(holds)
  }
}

function bytes(written: number | string | undefined): number | undefined {
  if (written === undefined) return undefined
  const parsed = parseSize(written)
  if (parsed === undefined) throw new TypeError(`${written} is not a size: the policy was not parsed`)
  return parsed
}

function host(value: NonNullable<When['host']>): Test {
  const names = lower(value)
  const suffixes = [...names].filter(name => name.startsWith('*.') && names.delete(name)).map(name => name.slice(1))
  return facts => bit(names.has(facts.host)
    || suffixes.some(suffix => facts.host.length > suffix.length && facts.host.endsWith(suffix)))
}

/** Compares the media type alone, without parameters. */
function contentType(value: NonNullable<When['contentType']>): Test {
  const names = lower(value)
  const families = [...names].filter(name => name.endsWith('/*') && names.delete(name)).map(name => name.slice(0, -1))
  return facts => {
    if (facts.contentType === undefined) return FALSE
    const end = facts.contentType.indexOf(';')
    const type = (end < 0 ? facts.contentType : facts.contentType.slice(0, end)).trim().toLowerCase()
    return bit(names.has(type) || families.some(family => type.startsWith(family)))
  }
}

function userAgent(value: NonNullable<When['userAgent']>, { memory }: Context): Test {
  const patterns = anyOf(many(value.matches).map(compilePattern))
  const texts = [...lower(value.contains)]
  const matches = remember(text => (value.matches === undefined || patterns(text))
    && (value.contains === undefined || containsAny(text.toLowerCase(), texts)), memory)
  return facts => bit(matches(facts.userAgent))
}

function containsAny(text: string, parts: readonly string[]): boolean {
  return parts.some(part => text.includes(part))
}

function anyOf(tests: readonly ((text: string) => boolean)[]): (text: string) => boolean {
  const only = tests[0]
  return tests.length === 1 && only ? only : text => tests.some(test => test(text))
}

function many<T extends string>(value: T | readonly T[] | undefined): readonly T[] {
  return value === undefined ? [] : typeof value === 'string' ? [value] : value
}

function setOf(value: string | readonly string[] | undefined): Set<string> {
  return new Set(many(value))
}

function lower(value: string | readonly string[] | undefined): Set<string> {
  return new Set(many(value).map(name => name.toLowerCase()))
}

function upper(value: string | readonly string[] | undefined): Set<string> {
  return new Set(many(value).map(name => name.toUpperCase()))
}

function bit(holds: boolean): Truth {
  return holds ? TRUE : FALSE
}
