/** A request's head, read in the bytes as they came: RFC 9112 §3 without its tolerances. */
import { RefusedError } from '../errors.ts'
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

const SPACE = 32
const LEAST_VISIBLE = 33
const MOST_VISIBLE = 126
/** `HTTP/1.1` and its line's end. */
const VERSION = Buffer.from('HTTP/1.1\r\n')
const DIGIT_AT = 7

/**
 * `bytes`: a head with its empty line. `handed-on`: HTTP/1.0 or an upgrade to WebSocket, which the pipeline engine carries. What method,
 * target and fields say is judged by `proxy/head.ts`, which counts the fields too. Throws `RefusedError`.
 */
export function readRequestHead(bytes: Buffer): RequestHeadBytes | 'handed-on' {
  const method = endOfVisible(bytes, 0)
  const target = endOfVisible(bytes, method + 1)
  const version = target + 1
  if (method === 0 || bytes[method] !== SPACE || target === method + 1 || bytes[target] !== SPACE) throw malformed('the request line')
  const fields = version + VERSION.length
  const minor = bytes[version + DIGIT_AT]
  for (let i = 0; i < VERSION.length; i++) {
    if (bytes[version + i] !== VERSION[i] && !(i === DIGIT_AT && minor === ZERO)) throw malformed('the version')
  }
  if (minor === ZERO) return 'handed-on'
  const { rawHeaders, starts } = readFieldLines(bytes, fields, bytes.length, malformed)
  if (asksForWebSocket(rawHeaders)) return 'handed-on'
  return {
    bytes, rawHeaders, starts,
    method: bytes.toString('latin1', 0, method), url: bytes.toString('latin1', method + 1, target),
    httpVersion: '1.1', httpVersionMajor: 1, httpVersionMinor: 1,
  }
}

const ZERO = 48

/** Index behind the visible ASCII characters from `from` on. */
function endOfVisible(bytes: Buffer, from: number): number {
  let at = from
  for (let code = bytes[at] ?? 0; code >= LEAST_VISIBLE && code <= MOST_VISIBLE; code = bytes[at] ?? 0) at++
  return at
}

function asksForWebSocket(rawHeaders: readonly string[]): boolean {
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? ''
    if (name.length === 7 && name.toLowerCase() === 'upgrade' && rawHeaders[i + 1]?.toLowerCase() === 'websocket') return true
  }
  return false
}

function malformed(detail: string): RefusedError {
  return new RefusedError('request.malformed', detail)
}
