/** Paths that origins may read in more than one way. */
import type { Recognition, RequestHead } from './provider.ts'
import { overridesOf, strictestOf } from './reading.ts'
import { matchPath, percentDecode, withoutEnd } from './text.ts'

/** What a path has in it that can be read in several ways, or that `matchPath` changes. Nearly no path has any of it. */
const UNUSUAL = /[%;]|\/\/|\.(?:\/|$)/
/** What can be read in several ways, of all that: most of the others have an escape of some letter. */
const AMBIGUOUS = /;|%(?:2f|5c|3b)/i

/**
 * What some origin might decode once more, or leave out: escapes of escapes, controls, overlong UTF-8 (RFC 3629 §10), `%u0075`,
 * fullwidth letters (Unicode NFKC), spaces and dots at the end of a segment.
 */
const VEILED = /%(?:25|[01][0-9a-f]|7f|c[01]|u|ef%b[cd])|(?:%20|\.)(?:\/|$)/i

/** Reads a request in one way. `path` is that of the head, as `matchPath` gives it. */
export type Read = (head: RequestHead, path: string) => Recognition

/**
 * Reads a request once for each path and each method that the origin may see in it, and keeps the strictest reading.
 * Of readings that are alike the decoded one counts: Graph and SharePoint decode `%2F` in an item's path.
 */
export function strictest(head: RequestHead, read: Read): Recognition {
  const methods = overridesOf(head)
  if (!UNUSUAL.test(head.path)) return strictestMethod(head, methods, withoutEnd(head.path), read)
  const isVeiled = VEILED.test(head.path)
  if (!isVeiled && !AMBIGUOUS.test(head.path)) return strictestMethod(head, methods, matchPath(head.path), read)
  const ways = isVeiled ? [...pathReadings(head.path), ...unveiled(head.path).flatMap(pathReadings)] : pathReadings(head.path)
  return strictestOf(ways, path => strictestMethod({ ...head, path }, methods, matchPath(path), read))
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

/** How often escapes are undone: more than any chain of servers does. */
const ROUNDS = 4

/** A path as the most obliging origin reads it: decoded to the end, without controls, or cut at the first NUL. */
function unveiled(path: string): readonly string[] {
  let text = path
  for (let round = 0; round < ROUNDS && text.includes('%'); round++) {
    text = percentDecode(text.replace(/%u([0-9a-f]{4})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
      .replace(/%c0%([89ab][0-9a-f])/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16) & 0x7f))
      .replace(/%c1%([89ab][0-9a-f])/gi, (_, hex: string) => String.fromCharCode((Number.parseInt(hex, 16) & 0x3f) | 0x40)))
  }
  const folded = text.normalize('NFKC').replaceAll('\\', '/')
  const end = folded.indexOf('\0')
  return (end < 0 ? [folded] : [folded.slice(0, end), folded]).map(plainSegments)
}

/** Without controls, and without the spaces and dots at the ends of segments that are more than dots. */
function plainSegments(path: string): string {
  return withoutDots(path.replace(/[\0-\x1f\x7f]/g, '')).split('/').map(segment => segment.replace(/[ .]{1,64}$/, '')).join('/')
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
