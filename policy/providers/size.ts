import type { Size } from '../operation.ts'

export const UNKNOWN: Size = { bytes: 0, is: 'unknown' }
const NOTHING: Size = { bytes: 0, is: 'exact' }

export function exactly(bytes: number): Size {
  return { bytes, is: 'exact' }
}

/** At least nothing is the same as not knowing. */
export function atLeast(bytes: number): Size {
  return bytes > 0 ? { bytes, is: 'at-least' } : UNKNOWN
}

/** The size of a body that is the whole content. */
export function bodySize(contentLength: number | null): Size {
  // Most requests have no body, and one size serves them all.
  return contentLength === 0 ? NOTHING : contentLength === null ? UNKNOWN : exactly(contentLength)
}

/** A count of bytes as clients write it (JSON number or decimal text); undefined for anything else. */
export function byteCount(value: unknown): number | undefined {
  if (typeof value === 'string') {
    if (!/^\s{0,4}\d{1,16}\s{0,4}$/.test(value)) return undefined
    return byteCount(Number(value))
  }
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined
}

/**
 * `Content-Range` of a request (RFC 9110 §14.4). `first` and `last` are null where no range is named but a total only
 * (a question for the state of a session), `total` is null where it is not known yet (`bytes 0-9/` and an asterisk).
 */
export interface ContentRange {
  readonly first: number | null
  readonly last: number | null
  readonly total: number | null
}

const RANGE = /^\s{0,4}bytes[ =]\s{0,4}(?:(\d{1,16})-(\d{1,16})|\*)\/(\d{1,16}|\*)\s{0,4}$/i

export function contentRange(value: string | undefined): ContentRange | undefined {
  if (value === undefined) return undefined
  return plainRange(value) ?? readRange(value)
}

/** `bytes 0-9/100`, as nearly all clients write it; undefined for any other form. */
function plainRange(value: string): ContentRange | undefined {
  if (!value.startsWith('bytes ')) return undefined
  const dash = value.indexOf('-', 6)
  const slash = value.indexOf('/', dash)
  if (dash < 0 || slash < 0) return undefined
  const first = plainCount(value, 6, dash)
  const last = plainCount(value, dash + 1, slash)
  const total = plainCount(value, slash + 1, value.length)
  return first < 0 || last < 0 || total < 0 ? undefined : { first, last, total }
}

/** One to fifteen digits as a number; -1 for anything else. */
function plainCount(text: string, start: number, end: number): number {
  if (end <= start || end - start > 15) return -1
  let count = 0
  for (let i = start; i < end; i++) {
    const digit = text.charCodeAt(i) - 0x30
    if (digit < 0 || digit > 9) return -1
    count = count * 10 + digit
  }
  return count
}

function readRange(value: string): ContentRange | undefined {
  const found = RANGE.exec(value)
  if (found === null) return undefined
  return { first: digits(found[1]), last: digits(found[2]), total: digits(found[3]) }
}

/** The number that digits are; null for an asterisk, for nothing and for what is too large to count. */
function digits(text: string | undefined): number | null {
  const count = text === undefined || text === '*' ? Number.NaN : Number(text)
  return Number.isSafeInteger(count) ? count : null
}

/**
 * The size of an upload, told by one of its chunks. The declared length wins over a range that says less:
 * a client may not talk a large body small.
 */
export function chunkSize(range: ContentRange | undefined, contentLength: number | null): Size {
  const offset = range?.first ?? 0
  const seen = Math.max(range?.last == null ? 0 : range.last + 1, offset + (contentLength ?? 0))
  return range?.total == null ? atLeast(seen) : exactly(Math.max(range.total, seen))
}
