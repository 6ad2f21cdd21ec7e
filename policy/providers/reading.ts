import type { Activity, Operation, Provider, Reason, Size, Step } from '../operation.ts'
import type { Recognition, RequestHead } from './provider.ts'
import { hasEscapedName, queryValues } from './query.ts'
import { bodySize, exactly } from './size.ts'
import { safeText } from './text.ts'

export { findEndpoint } from './find-endpoint.ts'

/** A body that no row explains counts as an upload above this many bytes (`intercept.unexplainedBody`). */
export const UNEXPLAINED_LIMIT = 16 * 1024

export function unexplainedLimit(head: RequestHead): number {
  return head.unexplainedLimit ?? UNEXPLAINED_LIMIT
}

/** How much of a body's beginning is looked into. */
export const PEEK_LIMIT = 64 * 1024

/** What a recogniser found, before it is put into a `Recognition`. Undefined members are left out. */
export interface Reading {
  readonly provider: Provider
  readonly activity: Activity
  readonly step: Step
  readonly size: Size
  readonly fileName?: string | undefined
  readonly fileNames?: readonly string[] | undefined
  readonly moreNames?: true | undefined
  readonly contentType?: string | undefined
  readonly session?: string | undefined
  readonly offset?: number | undefined
  readonly part?: string | undefined
  readonly tenantHint?: string | undefined
  readonly peek?: number
  readonly reasons?: readonly Reason[]
}

type Writable<T> = { -readonly [K in keyof T]: T[K] }
const NO_REASONS: readonly Reason[] = []

export function recognition(reading: Reading): Recognition {
  const { provider, activity, step, size, fileName, contentType, session, offset, part, tenantHint } = reading
  const operation: Writable<Operation> = { provider, activity, step, size }
  // Assigned one by one: this runs for every request, and spreading costs more than all of it.
  if (fileName !== undefined) operation.fileName = fileName
  if (reading.fileNames !== undefined) operation.fileNames = reading.fileNames
  if (reading.moreNames !== undefined) operation.moreNames = reading.moreNames
  if (contentType !== undefined) operation.contentType = contentType
  if (session !== undefined && session !== '') operation.session = session
  if (offset !== undefined) operation.offset = offset
  if (part !== undefined) operation.part = part
  if (tenantHint !== undefined) operation.tenantHint = tenantHint
  return { operation, reasons: reading.reasons ?? NO_REASONS, peek: reading.peek ?? 0 }
}

/** A request of which nothing is told but what it does, to whose place, and how long its body is. */
export function plainReading(
  head: RequestHead, provider: Provider, activity: Activity, step: Step = 'single', tenantHint?: string,
): Recognition {
  const size = bodySize(head.contentLength)
  const operation: Operation = tenantHint === undefined
    ? { provider, activity, step, size } : { provider, activity, step, size, tenantHint }
  return { operation, reasons: NO_REASONS, peek: 0 }
}

/** A media type as most clients write it: nothing is to be cut off, folded or cleaned. */
const COMMON_TYPES: ReadonlySet<string> = new Set(['application/octet-stream', 'application/json'])
const PLAIN_TYPE = /^[a-z0-9.+-]{1,60}\/[a-z0-9.+-]{1,60}$/

/** The media type of a header, without parameters, safe to print. */
export function mediaType(value: string | undefined): string | undefined {
  if (value === undefined || COMMON_TYPES.has(value) || PLAIN_TYPE.test(value)) return value
  return safeText(value.split(';', 1)[0]?.trim().toLowerCase() ?? '', 128)
}

/** A provider's id of an upload session: opaque, bounded, safe to print. */
export function sessionId(value: unknown): string | undefined {
  return typeof value === 'string' ? safeText(value, 512) : undefined
}

/**
 * What names a part of a session; undefined unless it can be kept as it is: of two that look alike when cut, only one
 * would be counted. For the same reason a parameter that is given twice names nothing.
 */
export function partId(values: readonly string[]): string | undefined {
  const [value = ''] = values
  return values.length === 1 && safeText(value, 128) === value ? value : undefined
}

/** A body that cannot be looked into as it is: `Content-Encoding` other than identity. */
export function isEncoded(head: RequestHead): boolean {
  const encoding = head.headers.get('content-encoding')
  return encoding !== undefined && encoding.trim() !== '' && encoding.trim().toLowerCase() !== 'identity'
}

/**
 * Rows of these activities say what the body is; in all others a body of some size has no explanation. The body of a
 * `change` or a `share` is a few words of metadata: more of it needs a look (`metadata.ts`).
 */
const EXPLAINED: ReadonlySet<Activity> = new Set<Activity>(['upload', 'edit'])

/**
 * DESIGN.md §4, "Unexplained bodies": a body above the limit that no row explains is an upload. With a length that
 * is not told, `unexplainedOver` asks the caller to count, and to call `explainBody` with the count.
 */
export function explain(head: RequestHead, first: Recognition): Recognition {
  const limit = unexplainedLimit(head)
  const { activity } = first.operation
  if (activity === 'upload' || (EXPLAINED.has(activity) && !isEncoded(head))) return first
  if (head.contentLength === null) return { ...first, unexplainedOver: limit }
  return head.contentLength > limit ? unexplained(first, exactly(head.contentLength)) : first
}

/** Turns a recognition into an upload when `bytes` of its body passed the `unexplainedOver` that it names. */
export function explainBody(first: Recognition, bytes: number): Recognition {
  if (first.unexplainedOver === undefined || bytes <= first.unexplainedOver) return first
  return unexplained(first, { bytes, is: 'at-least' })
}

/** The strictest reading of a body that could not be understood. */
export function unexplained(first: Recognition, size: Size, step: Step = 'single'): Recognition {
  const reasons: readonly Reason[] = first.reasons.includes('unexplained-body')
    ? first.reasons : [...first.reasons, 'unexplained-body']
  return { operation: { ...first.operation, activity: 'upload', step, size }, reasons, peek: 0 }
}

/** From the strictest to the least: what a request is where it can be read in several ways. */
const STRICTNESS: readonly Activity[] = [
  'upload', 'edit', 'share', 'delete', 'change', 'download', 'token', 'login', 'list', 'tunnel', 'other',
]

export function stricter(a: Recognition, b: Recognition): Recognition {
  return STRICTNESS.indexOf(b.operation.activity) < STRICTNESS.indexOf(a.operation.activity) ? b : a
}

const OVERRIDE_PARAMETERS = ['$httpMethod', '$method', '_method'] as const

/** Methods that mean something to a row. A closed list, so that no number of made-up ones hides the one that counts. */
const METHODS: ReadonlySet<string> = new Set([
  'GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'MERGE', 'OPTIONS', 'BITS_POST',
  'PROPFIND', 'PROPPATCH', 'MKCOL', 'COPY', 'MOVE', 'LOCK', 'UNLOCK', 'REPORT', 'SEARCH',
])

const WITHOUT_BODY: ReadonlySet<string> = new Set(['GET', 'HEAD', 'DELETE', 'OPTIONS'])

/** Whether a request has a body, or may have one, under a method with which none means anything (RFC 9110 §9.3.1). */
export function isBodyOdd({ method, contentLength }: RequestHead): boolean {
  return contentLength !== 0 && (WITHOUT_BODY.has(method) || !METHODS.has(method))
}

/**
 * Reads a request whose body is odd also as a POST and a PUT to the same place: an origin may take it as that. Where the body's length
 * is not told, it is so from the first byte on: HTTP/2 does not say that there is none.
 */
export function readOddBody(head: RequestHead, asSent: Recognition, read: (head: RequestHead) => Recognition): Recognition {
  if (asSent.operation.activity === 'upload') return asSent
  const written = strictestOf(['POST', 'PUT'], method => read({ ...head, method }))
  if (written.operation.activity !== 'upload') return asSent
  return head.contentLength === null ? { ...asSent, unexplainedOver: 0 } : written
}

/** The methods that an origin may follow: the one sent, and those that overrides name. Undefined where none is named. */
export function overridesOf({ method, query, headers }: RequestHead): readonly string[] | undefined {
  const one = headers.get('x-http-method-override')
  const two = headers.get('x-http-method')
  const three = headers.get('x-method-override')
  const isInQuery = query !== '' && mayNameMethod(query)
  if (one === undefined && two === undefined && three === undefined && !isInQuery) return undefined
  const told = [one, two, three, ...(isInQuery ? OVERRIDE_PARAMETERS.flatMap(name => queryValues(query, name)) : [])]
  const named = told.flatMap(value => value?.split(',') ?? []).map(name => name.trim().toUpperCase()).filter(name => METHODS.has(name))
  const methods = new Set([method, ...named])
  return methods.size === 1 ? undefined : [...methods]
}

/** Most queries name no method, plainly or with an escape in a name: few looks save three walks. */
function mayNameMethod(query: string): boolean {
  return hasMarkedName(query, '_') || hasMarkedName(query, '$') || hasEscapedName(query)
}

/** Whether what an override's name goes on with (`method`, `httpMethod`) begins behind some `mark`. */
function hasMarkedName(query: string, mark: '_' | '$'): boolean {
  for (let at = query.indexOf(mark); at >= 0; at = query.indexOf(mark, at + 1)) {
    const next = query.charCodeAt(at + 1) | 0x20
    if (next === 0x6d || next === 0x68) return /method/i.test(query)
  }
  return false
}

function isUnexplained({ reasons }: Recognition): boolean {
  return reasons.includes('unexplained-body')
}

/** The strictest of the readings of one request in several ways: of those that are alike the first that a row explains. */
export function strictestOf(ways: readonly string[], read: (way: string) => Recognition): Recognition {
  let strictest: Recognition | undefined
  for (const way of ways) strictest = strictest === undefined ? read(way) : strictestOfTwo(strictest, read(way))
  if (strictest === undefined) throw new RangeError('a request is read in one way at least')
  return strictest
}

function strictestOfTwo(a: Recognition, b: Recognition): Recognition {
  const explains = a.operation.activity === b.operation.activity && isUnexplained(a) && !isUnexplained(b)
  const chosen = explains ? b : stricter(a, b)
  // What either reading needs is needed, or the other's body would go unread.
  const peek = Math.max(a.peek, b.peek)
  const over = chosen.operation.activity === 'upload' ? chosen.unexplainedOver : a.unexplainedOver ?? b.unexplainedOver
  if (peek === chosen.peek && over === chosen.unexplainedOver) return chosen
  return over === undefined ? { ...chosen, peek } : { ...chosen, peek, unexplainedOver: over }
}
