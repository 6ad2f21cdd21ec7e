import type { Operation, Size, Step } from '../operation.ts'
import { addressHost } from './address-host.ts'
import { readJson, textMember } from './json.ts'
import { boundaryOf, firstPart } from './multipart.ts'
import type { Learned, ListedEndpoint, Recognition, RequestHead, StartResponse } from './provider.ts'
import { queryValue, queryValues } from './query.ts'
import { isEncoded, mediaType, PEEK_LIMIT, plainReading, recognition, sessionId } from './reading.ts'
import { atLeast, bodySize, byteCount, chunkSize, contentRange, exactly, UNKNOWN } from './size.ts'
import type { ContentRange } from './size.ts'
import { percentDecode, safeText } from './text.ts'

/**
 * Google's upload servers, as Drive, its web page and the editors use them: the three kinds of `uploadType`, and
 * the commands of `X-Goog-Upload-*` (which the web pages use; not verified for Drive).
 * Sources: rclone and googleapis package, recorded; Drive API guide "Upload file data".
 */
const UPLOAD_PATH = /^\/(?:_\/|u\/\d{1,4}\/|a\/[^/]{1,255}\/)?(?:resumable\/)?upload(?:\/|$)/i

/** What those paths begin with; nearly all others begin otherwise. */
const FIRST_LETTERS = '_uarUAR'

/** The same servers carry other products; these have nothing to do with Drive. Their bodies stay unexplained. */
const OTHER_PRODUCT = /^\/(?:resumable\/)?upload\/(?:storage|youtube|gmail|bigquery|androidpublisher)\//i

/** Reads the head of a request below `/upload/`; undefined for any other. */
export function readUpload(head: RequestHead, path: string): Recognition | undefined {
  const isBelow = FIRST_LETTERS.includes(path.charAt(1)) && UPLOAD_PATH.test(path)
  if (!isBelow && !hasCommand(head)) return undefined
  if (head.method === 'OPTIONS' || (isBelow && OTHER_PRODUCT.test(path))) return undefined
  const session = sessionOf(head.query)
  if (head.method === 'DELETE') return session === undefined ? undefined : other(head, 'cancel', session)
  if (head.method === 'GET' || head.method === 'HEAD') return other(head, 'status', session)
  const range = contentRange(head.headers.get('content-range'))
  const step = stepOf(head, session, range)
  if (step === 'status' || step === 'cancel') return other(head, step, session)
  const inSession = step === 'chunk' || step === 'finish'
  return recognition({
    provider: 'google-drive',
    activity: 'upload',
    step,
    size: sizeOf(head, step, range),
    session,
    // Without a range, one request brings all of it.
    offset: inSession ? range?.first ?? byteCount(head.headers.get('x-goog-upload-offset')) ?? 0 : undefined,
    // Percent-encoded UTF-8, as header values are Latin-1.
    fileName: headerName(head.headers.get('x-goog-upload-file-name')),
    contentType: contentTypeOf(head, step),
    peek: hasMetadata(head, step) ? PEEK_LIMIT : 0,
  })
}

function headerName(value: string | undefined): string | undefined {
  return value === undefined ? undefined : safeText(percentDecode(value))
}

/** The web pages' protocol says by its headers what it is, wherever an upload server listens. */
function hasCommand(head: RequestHead): boolean {
  return head.method !== 'GET' && head.method !== 'HEAD'
    && ((head.headers.get('x-goog-upload-command') ?? '') !== '' || (head.headers.get('x-goog-upload-protocol') ?? '') !== '')
}

function sessionOf(query: string): string | undefined {
  return sessionId(queryValue(query, 'upload_id') ?? queryValue(query, 'upload_key'))
}

export function learnsUpload({ activity, step }: Operation): 'headers' | null {
  return activity === 'upload' && step === 'start' ? 'headers' : null
}

/** The answer to a start names the address of the session. */
export function learnUpload(head: RequestHead, _operation: Operation, response: StartResponse): Learned | undefined {
  const address = URL.parse(response.header('location') ?? response.header('x-goog-upload-url') ?? '', `https://${head.host}`)
  const session = sessionOf(address?.search.slice(1) ?? '')
  const host = address === null ? undefined : addressHost(address)
  return session === undefined || host === undefined ? undefined : { session, host }
}

function other(head: RequestHead, step: Step, session: string | undefined): Recognition {
  if (session === undefined) return plainReading(head, 'google-drive', 'other', step)
  return recognition({ provider: 'google-drive', activity: 'other', step, size: bodySize(head.contentLength), session })
}

function stepOf(head: RequestHead, session: string | undefined, range: ContentRange | undefined): Step {
  const isEmpty = head.contentLength === 0
  const command = head.headers.get('x-goog-upload-command')?.toLowerCase()
  if (command !== undefined) {
    if (isEmpty && /\bquery\b/.test(command)) return 'status'
    if (isEmpty && /\bcancel\b/.test(command)) return 'cancel'
    if (/\bstart\b/.test(command)) return 'start'
    if (/\bfinalize\b/.test(command)) return /\bupload\b/.test(command) ? 'chunk' : 'finish'
  }
  if (session !== undefined) {
    // A range without bytes, in an empty request, asks how far the session is.
    return isEmpty && range !== undefined && range.first === null ? 'status' : 'chunk'
  }
  return isStart(head) ? 'start' : 'single'
}

/** Only where nothing else is claimed as well: with `media` beside it, the body is content. */
function isStart({ query }: RequestHead): boolean {
  let isClaimed = false
  for (const name of KINDS) {
    for (const kind of queryValues(query, name)) {
      if (kind.toLowerCase() !== 'resumable') return false
      isClaimed = true
    }
  }
  return isClaimed
}

const KINDS = ['uploadType', 'upload_protocol'] as const

/**
 * Of a multipart body the declared length is taken, framing and metadata (some 400 bytes) included: a bound that is
 * known before the first byte is worth more than an exact size known after the last.
 */
function sizeOf(head: RequestHead, step: Step, range: ContentRange | undefined): Size {
  if (step === 'single') return bodySize(head.contentLength)
  if (step === 'start') {
    const declared = byteCount(head.headers.get('x-upload-content-length'))
      ?? byteCount(head.headers.get('x-goog-upload-header-content-length'))
    const length = head.contentLength ?? 0
    // A start brings metadata; more than can be looked into is content by another name.
    if (length > PEEK_LIMIT) return atLeast(Math.max(declared ?? 0, length))
    return declared === undefined ? UNKNOWN : exactly(declared)
  }
  if (range !== undefined) return chunkSize(range, head.contentLength)
  const offset = byteCount(head.headers.get('x-goog-upload-offset'))
  const length = head.contentLength
  // Without a range, one request brings all of it.
  if (offset === undefined) return bodySize(length)
  const total = offset + (length ?? 0)
  return length !== null && /\bfinalize\b/i.test(head.headers.get('x-goog-upload-command') ?? '') ? exactly(total) : atLeast(total)
}

function contentTypeOf(head: RequestHead, step: Step): string | undefined {
  const declared = head.headers.get('x-upload-content-type') ?? head.headers.get('x-goog-upload-header-content-type')
  if (declared !== undefined) return mediaType(declared)
  // The own type of a start is that of its metadata.
  if (step === 'start') return undefined
  const type = head.headers.get('content-type')
  const own = type === undefined || type.startsWith('multipart/') ? undefined : mediaType(type)
  return own?.startsWith('multipart/') ? undefined : own
}

function hasMetadata(head: RequestHead, step: Step): boolean {
  if (isEncoded(head) || head.contentLength === 0) return false
  return step === 'start' || (step === 'single' && boundaryOf(head.headers.get('content-type')) !== undefined)
}

/** The JSON that names the file: the whole body of a session's start, the first part of a multipart one. */
export function refineUpload(head: RequestHead, first: Recognition, body: Buffer, complete: boolean): Recognition {
  const boundary = boundaryOf(head.headers.get('content-type'))
  const whole = complete ? body.toString('utf8') : undefined
  const text = boundary === undefined ? whole : firstPart(body, boundary)
  const value = text === undefined ? undefined : readJson(text)
  // `title` is version 2's word.
  const fileName = safeText(textMember(value, 'name') ?? textMember(value, 'title') ?? '') ?? first.operation.fileName
  const contentType = first.operation.contentType ?? mediaType(textMember(value, 'mimeType'))
  // The same for a start whose length is not told.
  const size = first.operation.step === 'start' && !complete && first.operation.size.bytes < body.length
    ? atLeast(Math.max(body.length, head.contentLength ?? 0)) : first.operation.size
  return recognition({ ...first.operation, size, fileName, contentType, reasons: first.reasons })
}

/** The protocol as rows for people; `path` without the query that tells them apart, `unproven` queries that no client was seen to send. */
export function listUploads(path: string, source: string, unproven: readonly string[] = []): readonly ListedEndpoint[] {
  const rows: readonly (readonly [methods: string, query: string, Step])[] = [
    ['POST PATCH PUT', '?uploadType=media', 'single'],
    ['POST PATCH PUT', '?uploadType=multipart', 'single'],
    ['POST PATCH PUT', '?uploadType=resumable', 'start'],
    ['PUT POST', '?upload_id', 'chunk'],
    ['PUT', '?upload_id [content-range: bytes */n]', 'status'],
    ['DELETE', '?upload_id', 'cancel'],
  ]
  return [
    ...rows.map(([methods, query, step]): ListedEndpoint => ({
      methods: methods.split(' '), path: path + query, activity: step === 'status' || step === 'cancel' ? 'other' : 'upload', step,
      source, unproven: unproven.includes(query) || step === 'cancel' || step === 'status',
    })),
    {
      methods: ['POST', 'PUT'], path: `${path} [x-goog-upload-command: start, upload, finalize]`, activity: 'upload', step: 'chunk',
      source: 'Google upload servers; not verified', unproven: true,
    },
  ]
}
