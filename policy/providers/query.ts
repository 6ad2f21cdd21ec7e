import { percentDecode } from './text.ts'

/** All values of a query parameter, decoded, in order. Names are compared without case: origins differ. */
export function queryValues(query: string, name: string): readonly string[] {
  const values: string[] = []
  for (let start = 0; start < query.length;) {
    const ampersand = query.indexOf('&', start)
    const end = ampersand < 0 ? query.length : ampersand
    const equals = query.indexOf('=', start)
    const keyEnd = equals < 0 || equals > end ? end : equals
    if (isNamed(query.slice(start, keyEnd), name)) values.push(keyEnd === end ? '' : decode(query.slice(keyEnd + 1, end)))
    start = end + 1
  }
  return values
}

function isNamed(key: string, name: string): boolean {
  if (key.length === name.length) return key.toLowerCase() === name.toLowerCase()
  return key.length > name.length && key.includes('%') && decode(key).toLowerCase() === name.toLowerCase()
}

/** The first value of a query parameter. */
export function queryValue(query: string, name: string): string | undefined {
  return queryValues(query, name)[0]
}

function decode(text: string): string {
  return percentDecode(text.includes('+') ? text.replaceAll('+', ' ') : text)
}
