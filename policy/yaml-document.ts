/** YAML 1.2 of people, read so that neither its size nor its nesting can hurt, with the places of what is in it. */
import { isMap, isNode, isPair, isScalar, Lexer, LineCounter, parseDocument, visit } from 'yaml'
import type { Document } from 'yaml'
import type { Fault } from './errors.ts'
import { escaped, printable } from './faults.ts'

/** Of what a reader of YAML says, which repeats what it does not understand. */
const MAX_MESSAGE = 300

const MAX_BYTES = 1024 * 1024
/** Nodes that aliases may stand for in all: enough for a shared list, too little for a billion laughs. */
const MAX_ALIASES = 50
/** A policy at every bound of its schema has fewer tokens; the parser takes about 5 µs for each. */
const MAX_TOKENS = 200_000
/** Brackets within each other, and `-` or `?` on one line: each opens a level, and the parser is recursive. */
const MAX_OPEN = 32

/** Makes the error that is thrown for a document with these faults. */
export type Refuse = (faults: readonly Fault[]) => Error

export interface YamlDocument {
  /** What the document holds, as plain data. */
  readonly value: unknown
  /** Its nodes, with their comments and places. */
  readonly document: Document
  /** The same fault with the line and column of its place, or of the nearest place around it that exists. */
  readonly placed: (fault: Fault) => Fault
  /** The line of such a place, from 1. */
  readonly lineOf: (path: string) => number
}

/**
 * Reads one document. Throws what `refuse` makes for text that is not YAML, has a key twice, is longer than 1 MiB,
 * holds several documents or custom tags.
 */
export function readYaml(text: string, refuse: Refuse): YamlDocument {
  const excess = Buffer.byteLength(text) > MAX_BYTES ? 'is larger than 1 MiB' : excessOf(text)
  if (excess !== undefined) throw refuse([{ path: '', message: excess }])
  const lines = new LineCounter()
  const document = readDocument(text, lines, refuse)
  const placeOf = (path: string) => lines.linePos(offsetOf(document.contents, path === '' ? [] : path.split('/')))
  return {
    value: toPlain(document, refuse),
    document,
    placed: ({ path, message }) => {
      const { line, col } = placeOf(path)
      return { path, message: `${message} (at ${line}:${col})` }
    },
    lineOf: path => placeOf(path).line,
  }
}

/** What would make the parser slow or exhaust its stack, found in one pass over the tokens. */
function excessOf(text: string): string | undefined {
  let tokens = 0
  let brackets = 0
  let indicators = 0
  for (const token of new Lexer().lex(text)) {
    if (++tokens > MAX_TOKENS) return `has more than ${MAX_TOKENS} tokens`
    if (token === '[' || token === '{') brackets++
    else if (token === ']' || token === '}') brackets--
    else if (token === '-' || token === '?') indicators++
    else if (token.endsWith('\n')) indicators = 0
    if (brackets > MAX_OPEN || indicators > MAX_OPEN) return 'is nested too deep'
  }
  return undefined
}

function readDocument(text: string, lines: LineCounter, refuse: Refuse): Document {
  // The library's own check for keys that come twice takes quadratic time; `firstRepeated` does it.
  const document = parseDocument(text, {
    lineCounter: lines, uniqueKeys: false, strict: true, prettyErrors: false, version: '1.2',
    // Bytes, dates and sets are no plain data; as keys, the library warns of them on stderr, with what is in them.
    resolveKnownTags: false,
  })
  const problems = [...document.errors, ...document.warnings]
    // The parser reports its own exhausted stack (some 900 levels of indentation) as an error in the text.
    .map(({ pos, message }) => ({
      at: pos[0], message: message.includes('call stack') ? 'nested too deep' : escaped((message.split('\n', 1)[0] ?? '').slice(0, MAX_MESSAGE)),
    }))
  // What follows the first error is mostly its consequence.
  const problem = otherVersion(document) ?? problems.sort((a, b) => a.at - b.at)[0] ?? firstRepeated(document) ?? firstUnresolved(document)
  if (!problem) return document
  const { line, col } = lines.linePos(problem.at)
  throw refuse([{ path: '', message: `is not clean YAML at ${line}:${col}: ${problem.message}` }])
}

/** YAML 1.1 has other booleans and numbers, keys that are bytes or dates, and merges: a directive would bring all that back. */
function otherVersion({ directives }: Document): { at: number; message: string } | undefined {
  const version = directives?.yaml.version
  return version === undefined || version === '1.2' ? undefined : { at: 0, message: `it is read as YAML 1.2, not ${version}` }
}

function firstRepeated(document: Document): { at: number; message: string } | undefined {
  let found: { at: number; message: string } | undefined
  visit(document, {
    Map(_, map) {
      const seen = new Set<string>()
      for (const { key } of map.items) {
        const name = isScalar(key) ? String(key.value) : undefined
        if (name !== undefined && !seen.has(name)) {
          seen.add(name)
          continue
        }
        const at = isNode(key) ? key.range?.[0] ?? 0 : 0
        found = { at, message: name === undefined ? 'a key must be plain text' : `${printable(name)} stands here twice` }
        return visit.BREAK
      }
      return undefined
    },
  })
  return found
}

/** A text that begins with a star and is not quoted, most of the time. */
function firstUnresolved(document: Document): { at: number; message: string } | undefined {
  const anchors = new Set<string>()
  let found: { at: number; message: string } | undefined
  visit(document, {
    Node(_, node) {
      if ('anchor' in node && typeof node.anchor === 'string') anchors.add(node.anchor)
    },
    Alias(_, alias) {
      if (anchors.has(alias.source)) return undefined
      found = { at: alias.range?.[0] ?? 0, message: `*${printable(alias.source)} is an alias of nothing; quote a text that begins with *` }
      return visit.BREAK
    },
  })
  return found
}

function toPlain(document: Document, refuse: Refuse): unknown {
  try {
    return document.toJS({ maxAliasCount: MAX_ALIASES })
  } catch (error) {
    if (error instanceof ReferenceError || error instanceof RangeError) {
      throw refuse([{ path: '', message: 'has too many or unresolved aliases; write the values out' }])
    }
    throw error
  }
}

function offsetOf(contents: unknown, path: readonly string[]): number {
  let node = contents
  let offset = isNode(node) ? node.range?.[0] ?? 0 : 0
  for (const key of path) {
    if (isMap(node)) {
      const pair = node.items.find(item => isPair(item) && isNode(item.key) && String(item.key) === key)
      if (!pair || !isNode(pair.key)) break
      offset = pair.key.range?.[0] ?? offset
      node = pair.value
    } else if (isNode(node) && 'items' in node && Array.isArray(node.items)) {
      node = node.items[Number(key)]
      offset = isNode(node) ? node.range?.[0] ?? offset : offset
    } else break
  }
  return offset
}
