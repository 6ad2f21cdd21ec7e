import { isObject, listMember, member, readJson, textMember } from './json.ts'
import { innerRequests } from './multipart.ts'
import type { InnerRequest } from './multipart.ts'
import type { HeaderView, Recognition, RequestHead } from './provider.ts'
import { names, namesOf } from './names.ts'
import { isEncoded, recognition, stricter, unexplained } from './reading.ts'
import { atLeast, bodySize, exactly } from './size.ts'
import type { Size } from '../operation.ts'

/** One inner request of a batch, as far as it matters. */
export interface BatchEntry {
  readonly head: RequestHead
  /** Length of the inner body, decoded; null where it is not told. */
  readonly bytes: number | null
  /** The inner body, where it is at hand. */
  readonly body?: Buffer
}

/** A batch holds at most this many requests here; Graph allows 20, Google 100, SharePoint 1,000. */
const MAX_ENTRIES = 1000

/** What a batch is before it was looked into, and what it stays if it cannot be: the strictest that it may hold. */
export function unreadBatch(head: RequestHead, first: Recognition): Recognition {
  const unread = unexplained(first, bodySize(head.contentLength), 'batch')
  return { ...unread, operation: { ...unread.operation, moreNames: true } }
}

/**
 * What a batch does: the strictest of what its requests do. `entries` undefined: it could not be read.
 * The inner requests are recognised by `read`, as if each had come alone.
 */
export function readBatch(
  head: RequestHead, first: Recognition, entries: readonly BatchEntry[] | undefined,
  read: (head: RequestHead, body: Buffer | undefined) => Recognition,
): Recognition {
  if (entries === undefined || entries.length === 0 || entries.length > MAX_ENTRIES) return unreadBatch(head, first)
  const inner = entries.map(entry => ({ entry, is: read(entry.head, entry.body) }))
  const strictest = inner.map(({ is }) => is).reduce(stricter)
  // A batch in a batch, or an inner body that nothing explains.
  if (strictest.reasons.includes('unexplained-body')) return unreadBatch(head, first)
  const { activity, tenantHint, fileName, fileNames, moreNames, ...rest } = strictest.operation
  const uploads = inner.filter(({ is }) => is.operation.activity === 'upload')
  // Uploads to several places have no one place.
  const isOnePlace = uploads.every(({ is }) => is.operation.tenantHint === tenantHint)
  const hint = tenantHint !== undefined && isOnePlace ? { tenantHint } : {}
  const common = { ...rest, ...hint, activity, step: 'batch' } as const
  if (activity !== 'upload') {
    const named = fileName === undefined ? {} : { fileName }
    return { operation: { ...common, ...named, size: bodySize(head.contentLength) }, reasons: [], peek: 0 }
  }
  const isMore = uploads.some(({ is }) => is.operation.moreNames === true)
  const told = names(uploads.flatMap(({ is }) => namesOf(is.operation)), isMore)
  return recognition({ ...common, ...told, size: sum(uploads) })
}

function sum(uploads: readonly { entry: BatchEntry; is: Recognition }[]): Size {
  const total = uploads.reduce((bytes, { entry, is }) => bytes + (entry.bytes ?? is.operation.size.bytes), 0)
  // A session that the batch opens takes its content later.
  const complete = uploads.every(({ entry, is }) => entry.bytes !== null && is.operation.step === 'single')
  return complete ? exactly(total) : atLeast(total)
}

/** Graph's JSON batch: `{"requests": [{"method", "url", "headers", "body"}]}`; a body is base64 text or JSON. */
export function jsonBatch(head: RequestHead, body: Buffer, prefix: string): readonly BatchEntry[] | undefined {
  const requests = listMember(readJson(body.toString('utf8')), 'requests')
  const entries: BatchEntry[] = []
  for (const request of requests ?? []) {
    const method = textMember(request, 'method')
    const url = textMember(request, 'url')
    if (method === undefined || url === undefined) return undefined
    const content = innerBody(member(request, 'body'))
    const target = /^https?:/i.test(url) ? url : `/${url.replace(/^\/+/, '')}`
    const headers = innerHeaders(member(request, 'headers'))
    const inner = innerHead(head, { method: method.toUpperCase(), target }, content.length, headers, prefix)
    if (inner === undefined) return undefined
    entries.push({ head: inner, bytes: content.length, body: content })
  }
  return requests === undefined ? undefined : entries
}

/** Batches of `multipart/mixed` (Google, OData). */
export function mixedBatch(head: RequestHead, body: Buffer): readonly BatchEntry[] | undefined {
  const entries: BatchEntry[] = []
  for (const request of innerRequests(body) ?? []) {
    const content = Buffer.from(request.body)
    const inner = innerHead(head, request, content.length, viewOf(request.headers), '')
    if (inner === undefined) return undefined
    entries.push({ head: inner, bytes: content.length, body: content })
  }
  return entries
}

/** Whether a body can be looked into at all. */
export function isReadable(head: RequestHead, complete: boolean): boolean {
  return complete && !isEncoded(head)
}

/** Text is base64 of the content, anything else is JSON as it stands. */
function innerBody(body: unknown): Buffer {
  if (body === undefined || body === null) return Buffer.alloc(0)
  return typeof body === 'string' ? Buffer.from(body, 'base64') : Buffer.from(JSON.stringify(body))
}

function innerHeaders(headers: unknown): HeaderView {
  const pairs = isObject(headers) ? Object.entries(headers) : []
  return viewOf(pairs.flatMap(([name, value]) => typeof value === 'string' ? [[name.toLowerCase(), value] as const] : []))
}

/** A header given twice is both, so that neither of two method overrides is missed. */
function viewOf(pairs: readonly (readonly [name: string, value: string])[]): HeaderView {
  const found = new Map<string, string>()
  for (const [name, value] of pairs) {
    const before = found.get(name)
    found.set(name, before === undefined ? value : `${before}, ${value}`)
  }
  return { get: name => found.get(name) }
}

function innerHead(
  outer: RequestHead, { method, target }: Pick<InnerRequest, 'method' | 'target'>, bytes: number, headers: HeaderView, prefix: string,
): RequestHead | undefined {
  const relative = target.startsWith('/') ? prefix + target : target
  const url = URL.parse(relative, `https://${outer.host}`)
  // The batch is run by the host that it was sent to, whatever the inner address says.
  return url === null ? undefined : {
    method, host: outer.host, path: url.pathname, query: url.search.slice(1), headers,
    contentLength: bytes,
  }
}
