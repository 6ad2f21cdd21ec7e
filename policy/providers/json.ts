/** JSON of clients, read so that no two readers can disagree about it. */

export type JsonObject = Readonly<Record<string, unknown>>

/**
 * Parses JSON text. Undefined for what is not JSON, and for an object that names a member twice (also when the
 * two differ in case only): which of them an origin follows is unknown, so nothing may be concluded from it.
 */
export function readJson(text: string): unknown {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    // RangeError: nesting deeper than the stack. Neither is an error of ours.
    if (error instanceof SyntaxError || error instanceof RangeError) return undefined
    throw error
  }
  const keys = countKeys(value)
  return keys === countColons(text) || keys === countMembers(text) ? value : undefined
}

/**
 * No fewer than the members: colons behind a quote, also those within a string. Where no more keys than that came out of
 * the text, none was lost; anything else takes a closer count.
 */
function countColons(text: string): number {
  let count = 0
  for (let i = text.indexOf(':'); i >= 0; i = text.indexOf(':', i + 1)) {
    let before = i - 1
    while (isSpace(text.charCodeAt(before))) before--
    if (text.charCodeAt(before) === 0x22) count++
  }
  return count
}

/** Members as written: strings of valid JSON that a colon follows. */
function countMembers(text: string): number {
  let count = 0
  for (let i = text.indexOf('"'); i >= 0; i = text.indexOf('"', i)) {
    i = text.indexOf('"', i + 1)
    // Valid JSON ends every text; an odd number of backslashes before a quote makes it one of the text's own.
    while (isEscaped(text, i)) i = text.indexOf('"', i + 1)
    i++
    while (isSpace(text.charCodeAt(i))) i++
    if (text.charCodeAt(i) === 0x3a) count++
  }
  return count
}

function isEscaped(text: string, at: number): boolean {
  let backslashes = 0
  while (text.charCodeAt(at - 1 - backslashes) === 0x5c) backslashes++
  return backslashes % 2 === 1
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x09 || code === 0x0a || code === 0x0d
}

/** Keys that remain after parsing, case folded; iterative, because the nesting is the client's. */
function countKeys(value: unknown): number {
  let count = 0
  let open: unknown[] | undefined
  // Most values are an object or two: a list of what is still to be read is made where more than one is open.
  for (let next: unknown = value; next !== undefined;) {
    let inner: unknown
    if (Array.isArray(next)) {
      for (const item of next) {
        if (typeof item !== 'object' || item === null) continue
        if (inner === undefined) inner = item
        else (open ??= []).push(item)
      }
    } else if (isObject(next)) {
      const keys = Object.keys(next)
      count += keys.length < 2 ? keys.length : distinct(keys)
      for (const key of keys) {
        const item = next[key]
        if (typeof item !== 'object' || item === null) continue
        if (inner === undefined) inner = item
        else (open ??= []).push(item)
      }
    }
    next = inner ?? open?.pop()
  }
  return count
}

/** How many names differ, case folded. Of few names only those of one length are compared: no copies are made of the others. */
function distinct(names: readonly string[]): number {
  if (names.length > 8) return new Set(names.map(name => name.toLowerCase())).size
  let same = 0
  let lengths = 0
  for (let i = 0; i < names.length; i++) {
    const name = names[i] ?? ''
    const bit = 1 << (name.length & 31)
    if ((lengths & bit) !== 0 && isAmong(name, names, i)) same++
    lengths |= bit
  }
  return names.length - same
}

/** Whether a name is one of the first `count`. */
function isAmong(name: string, names: readonly string[], count: number): boolean {
  for (let i = 0; i < count; i++) {
    const other = names[i] ?? ''
    if (other.length === name.length && other.toLowerCase() === name.toLowerCase()) return true
  }
  return false
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** An own member of an object; undefined for anything else, `__proto__` and its like included. */
export function member(value: unknown, name: string): unknown {
  if (!isObject(value)) return undefined
  const found = value[name]
  return found === undefined || Object.hasOwn(value, name) ? found : undefined
}

export function textMember(value: unknown, name: string): string | undefined {
  const found = member(value, name)
  return typeof found === 'string' ? found : undefined
}

export function listMember(value: unknown, name: string): readonly unknown[] | undefined {
  const found = member(value, name)
  return Array.isArray(found) ? found : undefined
}
