/** The JSON that comes first in a multipart body (RFC 2046 §5.1), read so that no origin can find another in its place. */
import { isObject, readJson } from './json.ts'
import { isUtf8 } from './plain-request.ts'

/** What stands in a part's head at most. */
const HEAD_LIMIT = 4096

export interface MetadataPart {
  /** The lines of the part's head. */
  readonly head: readonly string[]
  /** The object that the part is. */
  readonly value: unknown
  /** The head of the part behind it; undefined where the body's beginning does not hold it. */
  readonly next: readonly string[] | undefined
}

/**
 * The first part. Nothing may come before it, its head may not recode it, and all of it has to be there. As the part is
 * one JSON value, in which no line can begin with a boundary, it ends at the same place for every reader.
 */
export function metadataPart(body: Buffer, contentType: string | undefined): MetadataPart | undefined {
  const boundary = soleBoundary(contentType)
  if (boundary === undefined || !body.subarray(0, boundary.length + 2).equals(Buffer.from(`--${boundary}`))) return undefined
  const head = headAt(body, boundary.length + 2)
  if (head === undefined || !isPlain(head.lines)) return undefined
  const end = body.indexOf(`\n--${boundary}`, head.end)
  const value = end < 0 ? undefined : readJson(body.toString('utf8', head.end, end))
  if (!isObject(value)) return undefined
  return { head: head.lines, value, next: headAt(body, end + boundary.length + 3)?.lines }
}

/** The boundary, where a media type names one and in one way only. */
function soleBoundary(contentType: string | undefined): string | undefined {
  if (contentType === undefined || !/^multipart\//i.test(contentType) || contentType.match(/boundary/gi)?.length !== 1) return undefined
  const found = /;\s*boundary=(?:"([\w'()+,./:=? -]{1,70})"|([\w'+.-]{1,70}))\s*(?:;|$)/i.exec(contentType)
  return found?.[1] ?? found?.[2]
}

/** The lines behind a delimiter up to an empty one, and where that ends. */
function headAt(body: Buffer, at: number): { readonly lines: readonly string[]; readonly end: number } | undefined {
  const text = body.toString('latin1', at, at + HEAD_LIMIT)
  const found = /^\r?\n((?:[^\r\n]+\r?\n)*)\r?\n/.exec(text)
  if (found === null) return undefined
  return { lines: (found[1] ?? '').split(/\r?\n/).filter(line => line !== ''), end: at + found[0].length }
}

/** No line continues another, none recodes the part, and its text is UTF-8. */
function isPlain(lines: readonly string[]): boolean {
  return lines.every(line => /^[\w-]+:/.test(line)
    && (!/^content-transfer-encoding:/i.test(line) || /:\s*(?:binary|8bit|7bit)\s*$/i.test(line))
    && !/^content-encoding:/i.test(line) && isUtf8(line))
}
