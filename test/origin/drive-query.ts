import type { Item } from './tree.ts'

type Test = (item: Item) => boolean

/** How a term of the query is read from an item. */
export type Field = (item: Item, name: string) => string | readonly string[] | boolean | undefined

/**
 * Compiles the `q` of `files.list` (https://developers.google.com/workspace/drive/api/guides/ref-search-terms):
 * `and`, `or`, `not`, brackets, `= != contains`, and `'value' in field`. Throws a `SyntaxError` on anything else.
 */
export function compileQuery(query: string, field: Field): Test {
  const tokens = query.match(/'(?:\\.|[^'\\])*'|[()]|!=|=|[A-Za-z]\w*|\S/g) ?? []
  let at = 0
  const next = (): string => tokens[at++] ?? ''
  const take = (token: string): boolean => tokens[at] === token && ++at > 0

  const either = (): Test => {
    const tests = [both()]
    while (take('or')) tests.push(both())
    return item => tests.some(test => test(item))
  }
  const both = (): Test => {
    const tests = [single()]
    while (take('and')) tests.push(single())
    return item => tests.every(test => test(item))
  }
  const single = (): Test => {
    if (take('not')) {
      const test = single()
      return item => !test(item)
    }
    if (take('(')) {
      const test = either()
      if (!take(')')) throw new SyntaxError(`q: a bracket is not closed in ${query}`)
      return test
    }
    return term()
  }
  const term = (): Test => {
    const left = next()
    const operator = next()
    const right = next()
    if (operator === 'in') {
      const value = unquote(left)
      return item => {
        const values = field(item, right)
        return Array.isArray(values) && values.includes(value)
      }
    }
    const value = right.startsWith("'") ? unquote(right) : right
    if (operator === '=') return item => String(field(item, left)) === value
    if (operator === '!=') return item => String(field(item, left)) !== value
    if (operator === 'contains') return item => String(field(item, left)).includes(value)
    throw new SyntaxError(`q: the stand-in does not know "${operator}" in ${query}`)
  }

  if (tokens.length === 0) return () => true
  const test = either()
  if (at < tokens.length) throw new SyntaxError(`q: "${tokens[at] ?? ''}" was not expected in ${query}`)
  return test
}

function unquote(token: string): string {
  return token.slice(1, -1).replace(/\\(.)/g, '$1')
}
