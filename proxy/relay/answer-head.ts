/** An origin's answer, its head read in the bytes as they came (RFC 9112 §4 and §6.3). What two readers could take differently is a fault. */
import { RefusedError } from '../errors.ts'
import { saysClose } from '../forward-headers.ts'
import type { Framing } from './body-reader.ts'
import { readFieldLines } from './field-lines.ts'
import type { FieldLines } from './field-lines.ts'

export interface AnswerHead extends FieldLines {
  readonly bytes: Buffer
  readonly status: number
  readonly httpVersion: '1.0' | '1.1'
  /** Of the body, given the request's method. */
  readonly framing: Framing
  readonly contentLength: number | null
  /** The origin keeps the connection open after it. */
  readonly keepsAlive: boolean
  /** For how long it waits for another request, in milliseconds; null: it does not say. */
  readonly idleMs: number | null
}

/** The reason phrase may be missing, and the space before it (RFC 9112 §4 has both; not all origins do). */
const STATUS_LINE = /^HTTP\/1\.([01]) ([1-9][0-9]{2})(?: [\t\x20-\x7e\x80-\xff]*)?$/

/** `bytes`: a head with its empty line; `method`: the request's. Throws `RefusedError` (`upstream.broken`). */
export function readAnswerHead(bytes: Buffer, method: string): AnswerHead {
  const line = bytes.indexOf('\r\n')
  const match = STATUS_LINE.exec(bytes.toString('latin1', 0, line))
  if (match === null) throw broken('the status line')
  const { rawHeaders, starts } = readFieldLines(bytes, line + 2, bytes.length, broken)
  const status = Number(match[2])
  const httpVersion = match[1] === '0' ? '1.0' : '1.1'
  const { length, isChunked, connection, keepAlive } = readFraming(rawHeaders)
  if (isChunked && (length !== null || httpVersion === '1.0')) throw broken('a transfer coding beside a length or in HTTP/1.0')
  // HTTP/1.0 knows none; what follows would be the answer to some readers only.
  if (status < 200 && httpVersion === '1.0') throw broken('an informational answer in HTTP/1.0')
  const isBare = status < 200 || status === 204 || status === 304
  const said = isChunked ? 'chunked' : length !== null ? 'length' : 'close'
  const framing = isBare || method === 'HEAD' ? 'none' : said
  const seconds = /^timeout=([0-9]{1,9})/.exec(keepAlive)?.[1]
  return {
    bytes, rawHeaders, starts, status, httpVersion, framing, contentLength: length,
    // An origin that answers HEAD as it does GET would say more, until it closes.
    keepsAlive: httpVersion === '1.1' && (isBare || said !== 'close') && !saysClose(connection),
    idleMs: seconds === undefined ? null : Number(seconds) * 1_000,
  }
}

interface ReadFraming {
  length: number | null
  isChunked: boolean
  connection: string
  keepAlive: string
}

function readFraming(rawHeaders: readonly string[]): ReadFraming {
  const found: ReadFraming = { length: null, isChunked: false, connection: '', keepAlive: '' }
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? ''
    // Only fields of these lengths are of interest.
    if (name.length !== 14 && name.length !== 17 && name.length !== 10) continue
    const lower = name.toLowerCase()
    const value = rawHeaders[i + 1] ?? ''
    if (lower === 'content-length') {
      if (found.length !== null || !/^[0-9]{1,15}$/.test(value)) throw broken('a length that is none, or two')
      found.length = Number(value)
    } else if (lower === 'transfer-encoding') {
      if (found.isChunked || value.toLowerCase() !== 'chunked') throw broken('a transfer coding other than chunked')
      found.isChunked = true
    } else if (lower === 'connection') found.connection += `,${value}`
    else if (lower === 'keep-alive') found.keepAlive = value
  }
  return found
}

function broken(detail: string): RefusedError {
  return new RefusedError('upstream.broken', detail)
}
