/** A request's head, read in the bytes as they came: RFC 9112 §3 without its tolerances. */
import { METHODS } from 'node:http'
import { RefusedError } from '../errors.ts'
import { saysClose } from '../forward-headers.ts'
import { readFieldLines } from './field-lines.ts'
import type { FieldLines } from './field-lines.ts'

export interface RequestHeadBytes extends FieldLines {
  readonly bytes: Buffer
  readonly method: string
  /** The target as written. */
  readonly url: string
  readonly httpVersion: '1.1'
  readonly httpVersionMajor: 1
  readonly httpVersionMinor: 1
}

/** The methods that the pipeline engine takes. CONNECT would make a tunnel of the connection to the origin, which is another's next. */
export const KNOWN_METHODS: ReadonlySet<string> = new Set(METHODS.filter(method => method !== 'CONNECT'))
/** Bytes; RFC 9112 §3 asks for 8,000 at least. */
const MOST_TARGET = 32 * 1024

/** Of each byte: whether it may stand in a target. What URL parsers leave as it is (WHATWG URL §1.3), without `\`, which some read as `/`. */
const IN_TARGET = new Uint8Array(256)
for (let code = 0x21; code < 0x7f; code++) IN_TARGET[code] = '"#<>\\'.includes(String.fromCharCode(code)) ? 0 : 1

/** Whether it is a target of these characters, and not too long. */
export function isTarget(text: string): boolean {
  if (text.length > MOST_TARGET) return false
  for (let i = 0; i < text.length; i++) if (IN_TARGET[text.charCodeAt(i)] !== 1) return false
  return true
}

const SPACE = 32
const LETTER_A = 65
const LETTER_Z = 90
const DASH = 45
const ZERO = 48
/** `HTTP/1.1` and its line's end. */
const VERSION = Buffer.from('HTTP/1.1\r\n')
const MINOR_AT = 7

/**
 * `bytes`: a head with its empty line. `handed-on`: HTTP/1.0 or an upgrade to WebSocket, which the pipeline engine carries. What target
 * and fields say is judged by `proxy/head.ts`, which counts the fields too. Throws `RefusedError` (`request.malformed`,
 * `request.too-large-header`).
 */
export function readRequestHead(bytes: Buffer): RequestHeadBytes | 'handed-on' {
  let methodEnd = 0
  for (let code = bytes[0] ?? 0; (code >= LETTER_A && code <= LETTER_Z) || code === DASH; code = bytes[methodEnd] ?? 0) methodEnd++
  if (bytes[methodEnd] !== SPACE) throw malformed('the method is not an upper-case token')
  const target = methodEnd + 1
  let targetEnd = target
  while (IN_TARGET[bytes[targetEnd] ?? 0] === 1) targetEnd++
  if (targetEnd === target || bytes[targetEnd] !== SPACE) throw malformed('a character that no target has')
  if (targetEnd - target > MOST_TARGET) throw new RefusedError('request.too-large-header', `a target of ${targetEnd - target} bytes`)
  const version = targetEnd + 1
  const minor = bytes[version + MINOR_AT]
  for (let i = 0; i < VERSION.length; i++) {
    if (bytes[version + i] !== VERSION[i] && !(i === MINOR_AT && minor === ZERO)) throw malformed('the version is not HTTP/1.1')
  }
  const text = bytes.toString('latin1')
  const method = text.slice(0, methodEnd)
  if (!KNOWN_METHODS.has(method)) throw malformed('a method that is not known')
  const { rawHeaders, starts } = readFieldLines(bytes, version + VERSION.length, bytes.length, malformed, text)
  if (minor === ZERO || asksForWebSocket(rawHeaders)) return 'handed-on'
  // A copy: paths and what is read in them are kept beyond the request, and would keep the whole head.
  const url = bytes.toString('latin1', target, targetEnd)
  return { bytes, rawHeaders, starts, method, url, httpVersion: '1.1', httpVersionMajor: 1, httpVersionMinor: 1 }
}

function asksForWebSocket(rawHeaders: readonly string[]): boolean {
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? ''
    if (name.length === 7 && name.toLowerCase() === 'upgrade' && rawHeaders[i + 1]?.toLowerCase() === 'websocket') return true
  }
  return false
}

/** The client waits for `100 Continue` (RFC 9110 §10.1.1). */
export function expectsContinue(rawHeaders: readonly string[]): boolean {
  for (let i = 0; i < rawHeaders.length; i += 2) if (rawHeaders[i]?.length === 6 && rawHeaders[i]?.toLowerCase() === 'expect') return true
  return false
}

/** The client asks for the connection's end behind this request. */
export function asksToClose(rawHeaders: readonly string[]): boolean {
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (rawHeaders[i]?.length === 10 && rawHeaders[i]?.toLowerCase() === 'connection' && saysClose(rawHeaders[i + 1] ?? '')) return true
  }
  return false
}

function malformed(detail: string): RefusedError {
  return new RefusedError('request.malformed', detail)
}
