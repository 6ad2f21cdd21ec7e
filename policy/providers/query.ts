import { percentDecode } from './text.ts'

/** All values of a query parameter, decoded, in order. Names are compared without case: origins differ. */
export function queryValues(query: string, name: string): readonly string[] {
  let values: string[] | undefined
  const wanted = name.toLowerCase()
  const isEscaped = query.includes('%')
  for (let start = 0; start < query.length;) {
    const ampersand = query.indexOf('&', start)
    const end = ampersand < 0 ? query.length : ampersand
    const equals = query.indexOf('=', start)
    const keyEnd = equals < 0 || equals > end ? end : equals
    const length = keyEnd - start
    // Most names differ in length, and need no copy to be told apart.
    if (length === wanted.length ? query.slice(start, keyEnd).toLowerCase() === wanted
      : isEscaped && length > wanted.length && isNamed(query.slice(start, keyEnd), wanted)) {
      (values ??= []).push(keyEnd === end ? '' : decode(query.slice(keyEnd + 1, end)))
    }
    start = end + 1
  }
  return values ?? NONE
}

const NONE: readonly string[] = []

function isNamed(key: string, wanted: string): boolean {
  return key.includes('%') && decode(key).toLowerCase() === wanted
}

/** Whether the name of some parameter is written with an escape. Linear: each parameter is looked at once. */
export function hasEscapedName(query: string): boolean {
  for (let percent = query.indexOf('%'); percent >= 0;) {
    const equals = query.indexOf('=', query.lastIndexOf('&', percent) + 1)
    if (equals < 0 || equals > percent) return true
    const end = query.indexOf('&', percent)
    percent = end < 0 ? -1 : query.indexOf('%', end)
  }
  return false
}

/** The first value of a query parameter. */
export function queryValue(query: string, name: string): string | undefined {
  return queryValues(query, name)[0]
}

function decode(text: string): string {
  return percentDecode(text.includes('+') ? text.replaceAll('+', ' ') : text)
}
