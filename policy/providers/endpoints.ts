import type { Activity, Step } from '../operation.ts'
import type { Endpoint, ListedEndpoint } from './provider.ts'

export { findEndpoint } from './find-endpoint.ts'

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
