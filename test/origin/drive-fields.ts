import { isObject } from './json.ts'
import type { JsonObject } from './json.ts'

type Fields = Map<string, Fields>

/**
 * What `fields` leaves of an answer (https://developers.google.com/workspace/drive/api/guides/performance#partial):
 * `id,name`, `files(id,parents)`, `user/emailAddress`, `*`. Without it all is given, where the real service gives little.
 * Throws a `SyntaxError` on brackets that do not match.
 */
export function selectFields(value: JsonObject, fields: string | null): JsonObject {
  if (fields === null || fields === '') return value
  const tokens = fields.match(/[\w*]+|[(),/]/g) ?? []
  let at = 0
  const readList = (into: Fields): Fields => {
    do readOne(into)
    while (tokens[at] === ',' && ++at > 0)
    return into
  }
  const readOne = (into: Fields): void => {
    const name = tokens[at++] ?? ''
    const below: Fields = into.get(name) ?? new Map()
    into.set(name, below)
    if (tokens[at] === '/') {
      at++
      readOne(below)
    } else if (tokens[at] === '(') {
      at++
      readList(below)
      if (tokens[at++] !== ')') throw new SyntaxError(`fields: a bracket is not closed in ${fields}`)
    }
  }
  const wanted = readList(new Map())
  if (at < tokens.length) throw new SyntaxError(`fields: "${tokens[at] ?? ''}" was not expected in ${fields}`)
  const picked = pick(value, wanted)
  return isObject(picked) ? picked : {}
}

function pick(value: unknown, fields: Fields): unknown {
  if (fields.size === 0 || fields.has('*')) return value
  if (Array.isArray(value)) return value.map(each => pick(each, fields))
  if (!isObject(value)) return value
  return Object.fromEntries([...fields].flatMap(([name, below]) => name in value ? [[name, pick(value[name], below)]] : []))
}
