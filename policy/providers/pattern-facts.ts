/** What the source of a row's pattern tells of all that it matches. Patterns do not count case: the facts are in lower case. */

/** A character that stands for itself, or a group of words (`(?:copy|move)`, with a `?` behind it or not), without a quantifier. */
const LITERAL = /^(?:(\\[/.]|[/a-z0-9_-])|\(\?:((?:[a-z0-9_|-]|\\?\/)+)\)(\??))(?![?*+{])/i
const MOST_BEGINNINGS = 16

/** What the matches of an anchored pattern begin with, for each way through its first groups of words. */
export function beginnings({ source }: RegExp): readonly string[] {
  let texts: readonly string[] = ['']
  if (!source.startsWith('^') || hasAlternative(source)) return texts
  for (let rest = source.slice(1); ;) {
    const [token, char, group = '', optional] = LITERAL.exec(rest) ?? []
    if (token === undefined) return texts
    const words = (char ?? group + (optional === '?' ? '|' : '')).replaceAll('\\', '').toLowerCase().split('|')
    const longer = texts.flatMap(text => words.map(word => text + word))
    if (longer.length > MOST_BEGINNINGS) return texts
    texts = longer
    rest = rest.slice(token.length)
  }
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
