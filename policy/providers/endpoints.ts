import type { Activity, Step } from '../operation.ts'
import type { Endpoint, ListedEndpoint, RequestHead } from './provider.ts'
import { hasEscapedName, queryValues } from './query.ts'

/** What a row may say beside method, path and meaning. */
export type RowOptions = Omit<Endpoint, 'methods' | 'path' | 'activity' | 'step' | 'source'>

/** Names of the parameters in a path template (`/files/{id}`). */
const PARAMETER = /\{([a-z][a-z0-9_]{0,31})\}/

/**
 * A row whose path is a template: `{id}` stands for one segment (or a part of it), `*` for the same without a name, and
 * `**` for any number of segments, none included. Case does not count.
 */
export function row(
  methods: string, path: string, activity: Activity, step: Step, source: string, options: RowOptions = {},
): Endpoint {
  return { methods: methods.split(' '), path: compilePath(path), activity, step, source, ...options }
}

/**
 * Turns a template into a pattern. Everything but the wildcards is literal, and there is at most one of them in a
 * segment and one `**` in a path, so that matching takes linear time. Throws a `SyntaxError` that says what is wrong.
 */
export function compilePath(template: string): RegExp {
  if (!template.startsWith('/')) throw new SyntaxError('must begin with /')
  const segments = template.slice(1).split('/')
  if (segments.filter(segment => segment === '**').length > 1) throw new SyntaxError('may have one ** only')
  const names = segments.flatMap(segment => PARAMETER.exec(segment)?.[1] ?? [])
  if (new Set(names).size < names.length) throw new SyntaxError('names a parameter twice')
  return new RegExp(`^${segments.map(compileSegment).join('')}$`, 'is')
}

function compileSegment(segment: string): string {
  if (segment === '**') return '(?:/.*)?'
  if (segment === '*') return '/[^/]+'
  const parts = segment.split(/(\*|\{[^{}]*\})/)
  if (parts.length > 3) throw new SyntaxError('may have one * or {name} in a segment')
  return `/${parts.map((part, i) => i % 2 === 1 ? compileWildcard(part) : literal(part)).join('')}`
}

function compileWildcard(part: string): string {
  if (part === '*') return '[^/]*'
  const name = PARAMETER.exec(part)?.[1]
  if (name === undefined) throw new SyntaxError(`has ${part}; a parameter is lower-case letters, digits and _ in braces`)
  return `(?<${name}>[^/]+)`
}

function literal(text: string): string {
  if (/[{}]/.test(text)) throw new SyntaxError('has a brace without its partner')
  return text.replace(/[\\^$.*+?()[\]|]/g, '\\$&')
}

/** The names of a compiled template's parameters. */
export function parametersOf(path: RegExp): readonly string[] {
  return [...path.source.matchAll(/\(\?<([a-z0-9_]+)>/g)].map(([, name]) => name ?? '')
}

interface Indexed {
  readonly row: Endpoint
  /** What a path must begin with before its pattern is tried: literal, lower case. */
  readonly prefix: string
}

/** The rows of one method, in order: by the first two segments of a path, and those that any other path can match. */
interface MethodRows {
  readonly begins: ReadonlyMap<string, readonly Indexed[]>
  readonly rest: readonly Indexed[]
}

const indexes = new WeakMap<readonly Endpoint[], ReadonlyMap<string, MethodRows>>()

/** Finds the first row of a table for a method and a path (as `matchPath` gives it). */
export function findEndpoint(rows: readonly Endpoint[], head: RequestHead, path: string): Endpoint | undefined {
  const found = indexOf(rows).get(head.method)
  if (found === undefined) return undefined
  const lower = path.toLowerCase()
  const candidates = found.begins.get(beginOf(lower)) ?? found.rest
  let query: string | undefined
  for (const { row, prefix } of candidates) {
    if (!lower.startsWith(prefix) || !isOn(row, head)) continue
    if (row.query !== undefined && !hasAll(head.query, query ??= head.query.toLowerCase(), row.query)) continue
    if (row.path.test(path)) return row
  }
  return undefined
}

/** `/drive/v3` of `/drive/v3/files`. */
function beginOf(path: string): string {
  const second = path.indexOf('/', 1)
  const third = second < 0 ? -1 : path.indexOf('/', second + 1)
  return third < 0 ? path : path.slice(0, third)
}

function isOn({ hosts }: Endpoint, head: RequestHead): boolean {
  return hosts === undefined || hosts.some(pattern => isHost(pattern, head.host))
}

/** `lower`: the same query in lower case. What is nowhere in it needs no walk, unless escapes hide the name. */
function hasAll(query: string, lower: string, wanted: readonly string[]): boolean {
  if (query === '') return false
  return wanted.every(one => {
    const equals = one.indexOf('=')
    const name = equals < 0 ? one : one.slice(0, equals)
    if (!lower.includes(name.toLowerCase()) && !hasEscapedName(query)) return false
    const values = queryValues(query, name)
    return equals < 0 ? values.length > 0 : values.some(value => value.toLowerCase() === one.slice(equals + 1))
  })
}

function isHost(pattern: string, host: string): boolean {
  return pattern.startsWith('*.') ? host.endsWith(pattern.slice(1)) : host === pattern
}

/** Made once a table. */
function indexOf(rows: readonly Endpoint[]): ReadonlyMap<string, MethodRows> {
  const known = indexes.get(rows)
  if (known !== undefined) return known
  const methods = new Set(rows.flatMap(row => row.methods))
  const made = new Map([...methods].map(method => [method, indexMethod(rows.filter(row => row.methods.includes(method)))]))
  indexes.set(rows, made)
  return made
}

function indexMethod(rows: readonly Endpoint[]): MethodRows {
  const indexed = rows.map((row): Indexed => ({ row, prefix: literalPrefix(row.path) }))
  // A prefix that goes on behind two segments holds for the paths that begin with these two alone.
  const begin = ({ prefix }: Indexed) => prefix.split('/').length > 3 ? beginOf(prefix) : undefined
  const keys = new Set(indexed.map(begin).filter(key => key !== undefined))
  const fits = (one: Indexed, key: string) => begin(one) === key || (begin(one) === undefined && mayBegin(one.prefix, key))
  return {
    begins: new Map([...keys].map(key => [key, indexed.filter(one => fits(one, key))])),
    rest: indexed.filter(one => begin(one) === undefined),
  }
}

/** Whether a path that begins with the segments `key` can begin with `prefix` too. */
function mayBegin(prefix: string, key: string): boolean {
  return key.startsWith(prefix) || prefix.startsWith(key)
}

/** What every match of an anchored pattern begins with. */
function literalPrefix({ source }: RegExp): string {
  const found = /^\^((?:\\\/|\/|\\\.|[a-z0-9_-])*)([?*{|]?)/i.exec(source)
  const text = found?.[1] ?? ''
  // A quantifier behind it makes the last character optional; an alternative makes all of it so.
  const sure = found?.[2] === '' ? text : text.replace(/\\?.$/, '')
  return hasAlternative(source) ? '' : sure.replaceAll('\\', '').toLowerCase()
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

/** Rows as people read them: a pattern without what only the machine needs. */
export function listed(rows: readonly Endpoint[]): readonly ListedEndpoint[] {
  return rows.map(({ methods, hosts, path, query = [], activity, step, source, unproven = false }) => ({
    methods,
    ...(hosts === undefined ? {} : { hosts }),
    path: readable(path) + (query.length === 0 ? '' : `?${query.join('&')}`),
    activity, step, source, unproven,
  }))
}

function readable({ source }: RegExp): string {
  return source.replace(/^\^/, '').replace(/\$$/, '').replaceAll('\\/', '/').replaceAll('(?:/.*)?', '/**')
    .replace(/\(\?<([a-z0-9_]+)>\[\^\/\]\+\)/g, '{$1}').replace(/\[\^\\?\/\][+*]/g, '*')
    .replaceAll('(?:', '(').replaceAll('\\.', '.').replaceAll('\\$', '$')
}
