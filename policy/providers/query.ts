import { percentDecode } from './text.ts'

const NONE: readonly string[] = []

/** All values of a query parameter, decoded, in order. Names are compared without case: origins differ. */
export function queryValues(query: string, name: string): readonly string[] {
  return query === '' ? NONE : find(query, name, Infinity) ?? NONE
}

/** The first value of a query parameter. */
export function queryValue(query: string, name: string): string | undefined {
  return query === '' ? undefined : find(query, name, 1)?.[0]
}

/** Up to `most` values. Names are decoded only where some of the query's has an escape. */
function find(query: string, name: string, most: number): readonly string[] | undefined {
  walk(query)
  let values: string[] | undefined
  for (let i = 0; i < count; i += 3) {
    const start = places[i] ?? 0
    const nameEnd = places[i + 1] ?? 0
    // Most names differ in length or in their first letter, and need no copy to be told apart.
    const isAlike = nameEnd - start === name.length && ((query.charCodeAt(start) ^ name.charCodeAt(0)) & 31) === 0
    const found = (isAlike && isSame(query.slice(start, nameEnd), name))
      || (isEscaped && isSame(decode(query.slice(start, nameEnd)), name))
    if (!found) continue
    const end = places[i + 2] ?? 0;
    (values ??= []).push(nameEnd === end ? '' : decode(query.slice(nameEnd + 1, end)))
    if (values.length >= most) break
  }
  return values
}

function isSame(key: string, name: string): boolean {
  return key === name || key.toLowerCase() === name.toLowerCase()
}

/** Names and values in turn, in lower case, names decoded: for those who look for many of them (`hasParameter`). */
export function lowerParameters(query: string): readonly string[] {
  const lower = query.toLowerCase()
  const found: string[] = []
  for (let start = 0, end = 0, equals = -1; start < lower.length; start = end + 1) {
    end = next(lower, '&', start)
    if (equals < start) equals = next(lower, '=', start)
    const nameEnd = Math.min(equals, end)
    const name = lower.slice(start, nameEnd)
    found.push(name.includes('%') ? decode(name).toLowerCase() : name, nameEnd === end ? '' : lower.slice(nameEnd + 1, end))
  }
  return found
}

/** Whether a parameter is there (as `lowerParameters` gives them), with any value or with the one given; name and value in lower case. */
export function hasParameter(parameters: readonly string[], name: string, value: string | undefined): boolean {
  for (let i = 0; i < parameters.length; i += 2) {
    if (parameters[i] !== name) continue
    const text = parameters[i + 1] ?? ''
    const decoded = decode(text)
    if (value === undefined || decoded === value || (decoded !== text && decoded.toLowerCase() === value)) return true
  }
  return false
}

/** One bit for a name, by its length and first letter. Upper and lower case are alike. */
export function nameBit(text: string, start: number, end: number): number {
  return 1 << ((end - start) * 7 + (end > start ? text.charCodeAt(start) & 31 : 0))
}

/** The bits of all names of a query, and every bit where one of them is written with an escape: whatever name is there has its bit set. */
export function nameBits(query: string): number {
  if (query === '') return 0
  walk(query)
  if (isEscaped) return -1
  let bits = 0
  for (let i = 0; i < count; i += 3) bits |= nameBit(query, places[i] ?? 0, places[i + 1] ?? 0)
  return bits
}

/** Whether the name of some parameter is written with an escape. */
export function hasEscapedName(query: string): boolean {
  walk(query)
  return isEscaped
}

/** The query walked last, as one request's readers ask several times in a row, and whether some name in it has an escape. */
let walked = ''
let isEscaped = false
/** Of each of its parameters the start, the end of the name and the end: the first `count` numbers, as the list is used again. */
let places: number[] = []
let count = 0
/** A list that grew longer is not kept. */
const MOST_PLACES = 3_000

/** Linear: each parameter is looked at once. */
function walk(query: string): void {
  if (query === walked) return
  if (places.length > MOST_PLACES) places = []
  walked = query
  isEscaped = false
  count = 0
  let equals = -1
  let percent = -1
  for (let start = 0, end = 0; start < query.length; start = end + 1) {
    end = next(query, '&', start)
    if (equals < start) equals = next(query, '=', start)
    if (percent < start) percent = next(query, '%', start)
    const nameEnd = Math.min(equals, end)
    if (percent < nameEnd) isEscaped = true
    places[count] = start
    places[count + 1] = nameEnd
    places[count + 2] = end
    count += 3
  }
}

/** Where a character stands next; behind the end where it does not. */
function next(query: string, char: string, start: number): number {
  const at = query.indexOf(char, start)
  return at < 0 ? query.length : at
}

function decode(text: string): string {
  return percentDecode(text.includes('+') ? text.replaceAll('+', ' ') : text)
}
