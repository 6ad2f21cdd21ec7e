/** Decoding of what requests carry as text: total, linear, and safe to print afterwards. */

const NAME_LIMIT = 1024

/**
 * C0 and C1 controls, DEL, line and paragraph separators, and the marks that reorder text (UAX #9) or are
 * invisible: a log line or terminal would show something else than what was sent.
 */
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060\u2066-\u2069\ufeff]/g

const PLAIN = /^[\x20-\x7e]*$/

/** A text of the client made safe to print, at most `limit` characters; undefined when nothing is left. */
export function safeText(raw: string, limit = NAME_LIMIT): string | undefined {
  if (raw === '') return undefined
  // Cut before cleaning, so that the work is bounded; four times the limit leaves room for what is removed.
  const cut = raw.length > limit * 4 ? raw.slice(0, limit * 4) : raw
  // Most texts are plain: one look spares them three copies.
  const text = cut.length <= limit && PLAIN.test(cut) ? cut : cut.replace(UNPRINTABLE, '').slice(0, limit).toWellFormed()
  return text === '' ? undefined : text
}

/** A name that is compared: what cannot be printed becomes U+FFFD, so that it is never taken for the name without it. */
export function printableName(raw: string): string {
  return PLAIN.test(raw) ? raw : raw.replace(UNPRINTABLE, '\ufffd').toWellFormed()
}

/** The last segment of a decoded path (`/up/small.txt`, `a\b.txt`), safe to print. */
export function baseName(path: string): string | undefined {
  let end = path.length
  while (end > 0 && isSeparator(path, end - 1)) end--
  let start = end
  while (start > 0 && !isSeparator(path, start - 1)) start--
  return safeText(path.slice(start, end))
}

function isSeparator(text: string, at: number): boolean {
  const code = text.charCodeAt(at)
  return code === 0x2f || code === 0x5c
}

/** Percent-decoding as UTF-8 that never throws: a broken escape stays as it is, broken UTF-8 becomes U+FFFD. */
export function percentDecode(text: string): string {
  if (!text.includes('%')) return text
  try {
    return decodeURIComponent(text)
  } catch (error) {
    if (!(error instanceof URIError)) throw error
    return text.replace(/(?:%[0-9a-f]{2})+/gi, run => Buffer.from(run.replaceAll('%', ''), 'hex').toString('utf8'))
  }
}

/** The escape of a slash, and any other. */
const SLASH = /%(?:2f|5c)/i
const ENCODED = /%(?!2f|5c)/i

/**
 * A path as endpoints are matched: decoded but for the escapes of `/` and `\`, repeated slashes as one,
 * no slash at the end. Origins differ in all three, so each spelling has to find the same row.
 */
export function matchPath(path: string): string {
  // What is escaped once more comes out as it was.
  let text = !SLASH.test(path) ? percentDecode(path) : ENCODED.test(path) ? percentDecode(path.replace(/%(?=2f|5c)/gi, '%25')) : path
  if (text.includes('//')) text = text.replace(/\/{2,}/g, '/')
  return withoutEnd(text)
}

/** A path without a slash at its end. */
export function withoutEnd(path: string): string {
  const end = path.length - 1
  return end > 0 && path.charCodeAt(end) === 0x2f ? path.slice(0, end) : path
}

/** Header values arrive as Latin-1 characters; clients such as rclone put raw UTF-8 bytes into them. */
export function headerUtf8(value: string): string {
  // What takes as many bytes as it has characters is ASCII, which most values are; counting is faster than a pattern.
  if (Buffer.byteLength(value) === value.length) return value
  return /[\u0080-\u00ff]/.test(value) ? Buffer.from(value, 'latin1').toString('utf8') : value
}
