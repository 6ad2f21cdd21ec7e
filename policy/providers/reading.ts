import type { Activity, Operation, Provider, Reason, Size, Step } from '../operation.ts'
import type { Endpoint, Recognition, RequestHead } from './provider.ts'
import { queryValues } from './query.ts'
import { exactly } from './size.ts'
import { safeText } from './text.ts'

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
  readonly contentType?: string | undefined
  readonly session?: string | undefined
  readonly offset?: number | undefined
  readonly tenantHint?: string | undefined
  readonly peek?: number
  readonly reasons?: readonly Reason[]
}

export function recognition(reading: Reading): Recognition {
  const { provider, activity, step, size, fileName, contentType, session, offset, tenantHint } = reading
  const operation: Operation = {
    provider, activity, step, size,
    ...(fileName === undefined ? {} : { fileName }),
    ...(contentType === undefined ? {} : { contentType }),
    ...(session === undefined || session === '' ? {} : { session }),
    ...(offset === undefined ? {} : { offset }),
    ...(tenantHint === undefined ? {} : { tenantHint }),
  }
  return { operation, reasons: reading.reasons ?? [], peek: reading.peek ?? 0 }
}

/** The media type of a header, without parameters, safe to print. */
export function mediaType(value: string | undefined): string | undefined {
  return value === undefined ? undefined : safeText(value.split(';', 1)[0]?.trim().toLowerCase() ?? '', 128)
}

/** A provider's id of an upload session: opaque, bounded, safe to print. */
export function sessionId(value: unknown): string | undefined {
  return typeof value === 'string' ? safeText(value, 512) : undefined
}

/** A body that cannot be looked into as it is: `Content-Encoding` other than identity. */
export function isEncoded(head: RequestHead): boolean {
  const encoding = head.headers.get('content-encoding')
  return encoding !== undefined && encoding.trim() !== '' && encoding.trim().toLowerCase() !== 'identity'
}

/** Finds the first row of a table for a method and a path (as `matchPath` gives it). */
export function findEndpoint(rows: readonly Endpoint[], head: RequestHead, path: string): Endpoint | undefined {
  return rows.find(row => row.methods.includes(head.method) && (row.hosts?.includes(head.host) ?? true) && row.path.test(path))
}

/** Rows of these activities say what the body is; in all others a body of some size has no explanation. */
const EXPLAINED: ReadonlySet<Activity> = new Set<Activity>(['upload', 'edit', 'change', 'share'])

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

const OVERRIDE_HEADERS = ['x-http-method-override', 'x-http-method', 'x-method-override'] as const
const OVERRIDE_PARAMETERS = ['$httpMethod', '$method', '_method'] as const

/** The methods that an origin may follow: the one sent, and those that overrides name. */
export function methodsOf(head: RequestHead): readonly string[] {
  let methods: string[] | undefined
  const add = (value: string): void => {
    for (const name of value.split(',', 8)) {
      const method = name.trim().toUpperCase()
      if (/^[A-Z]{2,16}$/.test(method)) (methods ??= [head.method]).push(method)
    }
  }
  for (const name of OVERRIDE_HEADERS) {
    const value = head.headers.get(name)
    if (value !== undefined) add(value)
  }
  // Most queries name no method, plainly or with an escape in a name: one look saves three walks.
  if (/method/i.test(head.query) || /(?:^|&)[^=&]*%/.test(head.query)) {
    for (const name of OVERRIDE_PARAMETERS) queryValues(head.query, name).slice(0, 4).forEach(add)
  }
  return methods === undefined ? [head.method] : [...new Set(methods)].slice(0, 8)
}

/** Reads a request once for each method it may mean, and keeps the strictest reading. */
export function strictestMethod(head: RequestHead, read: (head: RequestHead) => Recognition): Recognition {
  const methods = methodsOf(head)
  if (methods.length === 1) return read(head)
  return methods.map(method => read({ ...head, method })).reduce((a, b) => {
    const chosen = stricter(a, b)
    // What either reading needs is needed, or the other method's body would go unread.
    const over = a.unexplainedOver ?? b.unexplainedOver
    const counted = over === undefined || chosen.operation.activity === 'upload' ? {} : { unexplainedOver: over }
    return { ...chosen, peek: Math.max(a.peek, b.peek), ...counted }
  })
}
