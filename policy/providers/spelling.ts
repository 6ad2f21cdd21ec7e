/** Paths that origins may read in more than one way. */
import type { Recognition, RequestHead } from './provider.ts'
import { overridesOf, strictestOf } from './reading.ts'
import { matchPath, withoutEnd } from './text.ts'

/** What a path has in it that can be read in several ways, or that `matchPath` changes. Nearly no path has any of it. */
const UNUSUAL = /[%;]|\/\//
/** What can be read in several ways, of all that: most of the others have an escape of some letter. */
const AMBIGUOUS = /;|%(?:2f|5c|3b)/i

/** Reads a request in one way. `path` is that of the head, as `matchPath` gives it. */
export type Read = (head: RequestHead, path: string) => Recognition

/**
 * Reads a request once for each path and each method that the origin may see in it, and keeps the strictest reading.
 * Of readings that are alike the decoded one counts: Graph and SharePoint decode `%2F` in an item's path.
 */
export function strictest(head: RequestHead, read: Read): Recognition {
  const methods = overridesOf(head)
  if (!UNUSUAL.test(head.path)) return strictestMethod(head, methods, withoutEnd(head.path), read)
  if (!AMBIGUOUS.test(head.path)) return strictestMethod(head, methods, matchPath(head.path), read)
  return strictestOf(pathReadings(head.path), path => strictestMethod({ ...head, path }, methods, matchPath(path), read))
}

/** Reads a request once for each method it may mean, and keeps the strictest reading. */
function strictestMethod(head: RequestHead, methods: readonly string[] | undefined, path: string, read: Read): Recognition {
  return methods === undefined ? read(head, path) : strictestOf(methods, method => read({ ...head, method }, path))
}

/**
 * The ways to read an ambiguous path: with the escapes of `/` and `\` decoded, as it stands, and without the parameters
 * of segments (`/upload;v=1`, RFC 3986 §3.3), each with the dot segments that come out of it resolved.
 */
function pathReadings(path: string): readonly string[] {
  const decoded = path.replace(/%(?:2f|5c)/gi, '/')
  if (!/;|%3b/i.test(path)) return [withoutDots(decoded), path]
  return [...new Set([withoutDots(decoded), path, withoutDots(decoded.replace(/(?:;|%3b)[^/]*/gi, ''))])]
}

/** RFC 3986 §5.2.4, for what decoding brought to light; the end of a path is of no matter here. */
function withoutDots(path: string): string {
  if (!/\/\.|%2e/i.test(path)) return path
  const out: string[] = []
  for (const segment of path.split('/').slice(1)) {
    const plain = segment.replace(/%2e/gi, '.')
    if (plain === '..') out.pop()
    else if (plain !== '.') out.push(segment)
  }
  return `/${out.join('/')}`
}
