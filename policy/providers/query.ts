import { percentDecode } from './text.ts'

const EQUALS = 0x3d
const NONE: readonly string[] = []

/** All values of a query parameter, decoded, in order. Names are compared without case: origins differ. */
export function queryValues(query: string, name: string): readonly string[] {
  return query === '' ? NONE : find(query, name, Infinity) ?? NONE
}

/** The first value of a query parameter. */
export function queryValue(query: string, name: string): string | undefined {
  return query === '' ? undefined : find(query, name, 1)?.[0]
}

/** Up to `most` values, in one walk. Names are decoded only where some of the query's has an escape. */
function find(query: string, name: string, most: number): readonly string[] | undefined {
  let values: string[] | undefined
  const isEscaped = hasEscapedName(query)
  for (let start = 0, end = 0; start < query.length; start = end + 1) {
    end = next(query, '&', start)
    const nameEnd = start + name.length
    // Most names differ in length, and need no copy to be told apart.
    const isLong = nameEnd === end || (nameEnd < end && query.charCodeAt(nameEnd) === EQUALS)
    let found = isLong && isSame(query.slice(start, nameEnd), name)
    if (!found && isEscaped) found = isSame(decode(query.slice(start, end).split('=', 1)[0] ?? ''), name)
    if (!found) continue
    const text = query.slice(start, end)
    const at = text.indexOf('=');
    (values ??= []).push(at < 0 ? '' : decode(text.slice(at + 1)))
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
  if (hasEscapedName(query)) return -1
  let bits = 0
  for (let start = 0, end = 0, equals = -1; start < query.length; start = end + 1) {
    end = next(query, '&', start)
    if (equals < start) equals = next(query, '=', start)
    bits |= nameBit(query, start, Math.min(equals, end))
  }
  return bits
}

/** The last query and its answer: one request's readers ask several times in a row. */
let lastQuery = ''
let lastAnswer = false

/** Whether the name of some parameter is written with an escape. */
export function hasEscapedName(query: string): boolean {
  if (query !== lastQuery) {
    lastAnswer = findsEscapedName(query)
    lastQuery = query
  }
  return lastAnswer
}

/** Linear: each parameter is looked at once. */
function findsEscapedName(query: string): boolean {
  let start = 0
  for (let percent = query.indexOf('%'); percent >= 0;) {
    let end = query.indexOf('&', start)
    while (end >= 0 && end < percent) {
      start = end + 1
      end = query.indexOf('&', start)
    }
    const equals = query.indexOf('=', start)
    if (equals < 0 || equals > percent) return true
    if (end < 0) return false
    start = end + 1
    percent = query.indexOf('%', start)
  }
  return false
}

/** Where a character stands next; behind the end where it does not. */
function next(query: string, char: string, start: number): number {
  const at = query.indexOf(char, start)
  return at < 0 ? query.length : at
}

function decode(text: string): string {
  return percentDecode(text.includes('+') ? text.replaceAll('+', ' ') : text)
}
