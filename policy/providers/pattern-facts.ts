/** What the source of a row's pattern tells of all that it matches. Patterns do not count case: the facts are in lower case. */

/** What every match of an anchored pattern begins with; empty where that is not sure. */
export function literalPrefix({ source }: RegExp): string {
  const found = /^\^((?:\\\/|\/|\\\.|[a-z0-9_-])*)([?*{|]?)/i.exec(source)
  const text = found?.[1] ?? ''
  // A quantifier behind it makes the last character optional; an alternative makes all of it so.
  const sure = found?.[2] === '' ? text : text.replace(/\\?.$/, '')
  return hasAlternative(source) ? '' : sure.replaceAll('\\', '').toLowerCase()
}

/** The characters that a match of a pattern up to `$` can end with; empty where it can be any. */
export function lastCharacters({ source }: RegExp): string {
  if (!source.endsWith('$') || source.endsWith('\\$') || hasAlternative(source)) return ''
  return [...lastOf(source.slice(0, -1))].join('')
}

/** Of letters, and of groups of words (`(?:copy|move)`, with a `?` behind it or not); none of anything else. */
function lastOf(text: string): ReadonlySet<string> {
  const group = /\((?:\?:)?((?:[a-z0-9_|]|\\\/)+)\)(\??)$/i.exec(text)
  if (group === null) return new Set(/(?:^|[^\\])([a-z0-9_-])$/i.exec(text)?.[1]?.toLowerCase())
  const words = (group[1] ?? '').split('|')
  const own = words.map(word => word.slice(-1).toLowerCase())
  if (!words.includes('') && group[2] === '') return new Set(own)
  const before = lastOf(text.slice(0, group.index))
  return before.size === 0 ? before : new Set([...own, ...before].filter(char => char !== ''))
}

function hasAlternative(source: string): boolean {
  let depth = 0
  for (const char of source.replace(/\\.|\[[^\]]*\]/g, '')) {
    if (char === '(') depth++
    else if (char === ')') depth--
    else if (char === '|' && depth === 0) return true
  }
  return false
}
