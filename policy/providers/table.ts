/** Reads requests by a table alone: what most providers need, and all that a declared one has. */
import type { Account, Activity, Provider, Size } from '../operation.ts'
import { findEndpoint, listed } from './endpoints.ts'
import { formParts, furtherFiles } from './form-data.ts'
import type { FormPart } from './form-data.ts'
import { member, readJson } from './json.ts'
import { boundaryOf } from './multipart.ts'
import { names } from './names.ts'
import type { Names } from './names.ts'
import type { Endpoint, HostPattern, ProviderModule, Recognition, RequestHead, Source } from './provider.ts'
import { queryValue } from './query.ts'
import { explain, isEncoded, mediaType, PEEK_LIMIT, plainReading, recognition, sessionId } from './reading.ts'
import { atLeast, bodySize, byteCount, chunkSize, contentRange, exactly, UNKNOWN } from './size.ts'
import { strictest } from './spelling.ts'
import { baseName, headerUtf8, safeText } from './text.ts'

export interface TableParts {
  readonly id: Provider
  readonly account: Account
  readonly hosts: readonly HostPattern[]
  readonly domains: readonly string[]
  readonly endpoints: readonly Endpoint[]
  /** The beginning that paths have before those of the table: a version, the mount point of an API. */
  readonly base?: RegExp
  /** What a request is that no row explains; `other` when left out. */
  readonly unlisted?: (head: RequestHead) => Activity
  /** Says more about a row with `body: 'json'`, once its body was read. */
  readonly settle?: (found: Recognition, json: unknown, row: Endpoint) => Recognition
}

/** The provider whose table this is. */
export function tableModule(parts: TableParts): ProviderModule {
  const signIn = new Set(parts.hosts.filter(({ role }) => role === 'sign-in').map(({ pattern }) => pattern))
  const isSignIn = signIn.size === 0 ? () => false : (host: string) => signIn.has(host) || [...signIn].some(pattern =>
    pattern.startsWith('*.') && host.endsWith(pattern.slice(1)))
  const inside = new Set(parts.endpoints.filter(looksInside))
  const table: Table = { ...parts, inside }
  const read = (head: RequestHead, path: string, body?: Body): Recognition => readOne(table, isSignIn(head.host), head, path, body)
  return {
    id: parts.id,
    account: parts.account,
    providers: [parts.id],
    hosts: parts.hosts,
    domains: parts.domains,
    endpoints: listed(parts.endpoints),
    providerOf: () => parts.id,
    recognise: head => strictest(head, read),
    refine: (head, _first, bytes, complete) => {
      const body = readBody(head, bytes, complete)
      return strictest(head, (one, path) => read(one, path, body))
    },
  }
}

interface Table extends TableParts {
  /** Rows whose requests tell something in their bodies. */
  readonly inside: ReadonlySet<Endpoint>
}

/** What the beginning of a body told. */
interface Body {
  readonly json: unknown
  readonly parts: readonly FormPart[]
  readonly length: number
}

function readBody(head: RequestHead, bytes: Buffer, complete: boolean): Body {
  const boundary = boundaryOf(head.headers.get('content-type'))
  return {
    json: complete && boundary === undefined && !isEncoded(head) ? readJson(bytes.toString('utf8')) : undefined,
    parts: boundary === undefined || isEncoded(head) ? [] : formParts(bytes, boundary),
    length: bytes.length,
  }
}

function readOne(parts: Table, isSignIn: boolean, head: RequestHead, matched: string, body: Body | undefined): Recognition {
  const path = parts.base === undefined ? matched : matched.replace(parts.base, '')
  const found = findEndpoint(parts.endpoints, head, path)
  if (found === undefined) {
    return seal(head, isSignIn, plainReading(head, parts.id, isSignIn ? 'login' : parts.unlisted?.(head) ?? 'other'))
  }
  const { activity, step } = found
  const isInside = parts.inside.has(found)
  if (activity !== 'upload' && found.session === undefined && found.tenant === undefined && !isInside) {
    return seal(head, isSignIn, plainReading(head, parts.id, activity, step))
  }
  const tell = (source: Source | undefined): unknown => source === undefined ? undefined : told(source, head, path, found, body)
  const range = step === 'chunk' ? contentRange(head.headers.get('content-range')) : undefined
  const first = recognition({
    provider: parts.id, activity, step,
    size: activity === 'upload' ? sizeOf(found, head, tell(found.size), body) : bodySize(head.contentLength),
    ...(activity === 'upload' ? namesIn(found, tell, body) : undefined),
    contentType: step === 'single' && activity === 'upload' ? ownType(head) : undefined,
    session: sessionId(asText(tell(found.session))),
    offset: range?.first ?? undefined,
    tenantHint: found.tenant === undefined ? undefined : safeText(asText(tell(found.tenant)) ?? '', 256)?.toLowerCase(),
    peek: body === undefined && isInside && canLook(head) ? PEEK_LIMIT : 0,
  })
  const settled = body?.json === undefined || found.body === undefined ? first : parts.settle?.(first, body.json, found) ?? first
  return seal(head, isSignIn, settled)
}

/** From sign-in hosts nothing of a body is anybody's business. */
function seal(head: RequestHead, isSignIn: boolean, found: Recognition): Recognition {
  return isSignIn ? found : explain(head, found)
}

function looksInside(found: Endpoint): boolean {
  const names = found.name === undefined ? [] : Array.isArray(found.name) ? found.name : [found.name]
  return found.body !== undefined || [found.size, found.session, found.tenant, ...names]
    .some(source => source !== undefined && ('json' in source || 'form' in source))
}

function canLook(head: RequestHead): boolean {
  return head.contentLength !== 0 && !isEncoded(head)
}

function told(source: Source, head: RequestHead, path: string, found: Endpoint, body: Body | undefined): unknown {
  if ('header' in source) {
    const value = head.headers.get(source.header)
    return value === undefined ? undefined : headerUtf8(value)
  }
  if ('query' in source) return queryValue(head.query, source.query)
  if ('path' in source) return found.path.exec(path)?.groups?.[source.path]
  if (body === undefined) return undefined
  if (!('form' in source)) return jsonAt(body.json, source.json)
  const part = body.parts.find(({ name }) => name === source.form)
  return source.json === undefined ? part?.fileName : jsonAt(part?.text === undefined ? undefined : readJson(part.text), source.json)
}

/** The member that a dotted path names; a list of them where it goes through lists (`files[].size`). */
export function jsonAt(value: unknown, path: string): unknown {
  let found: unknown[] = [value]
  let isList = false
  for (const step of path.split('.')) {
    const isEach = step.endsWith('[]')
    const name = isEach ? step.slice(0, -2) : step
    found = found.flatMap(item => {
      const next = name === '' ? item : member(item, name)
      return isEach ? (Array.isArray(next) ? next : []) : [next]
    })
    isList ||= isEach
  }
  return isList ? found : found[0]
}

function sizeOf(found: Endpoint, head: RequestHead, given: unknown, body: Body | undefined): Size {
  const declared = Array.isArray(given) ? sum(given) : byteCount(given)
  const length = head.contentLength
  switch (found.step) {
    case 'chunk': {
      const seen = chunkSize(contentRange(head.headers.get('content-range')), length)
      return declared === undefined ? seen : exactly(Math.max(declared, seen.bytes))
    }
    case 'single':
    case 'batch':
      if (declared === undefined) return bodySize(length)
      // A client may not talk a large body small.
      return length === null ? atLeast(declared) : exactly(Math.max(declared, length))
    default: {
      const seen = Math.max(length ?? 0, body?.length ?? 0)
      // More than can be looked into is content by another name.
      if (seen > PEEK_LIMIT) return atLeast(Math.max(declared ?? 0, seen))
      return declared === undefined ? UNKNOWN : exactly(declared)
    }
  }
}

/** Undefined unless every item is a count: a part of a sum is less than nothing told. */
function sum(values: readonly unknown[]): number | undefined {
  const counts = values.map(byteCount)
  const total = counts.reduce<number>((all, count) => all + (count ?? Number.NaN), 0)
  return values.length > 0 && Number.isSafeInteger(total) ? total : undefined
}

/** Of several sources the first that tells; of a list, and of the files of a form, all. */
function namesIn(found: Endpoint, tell: (source: Source) => unknown, body: Body | undefined): Names | undefined {
  for (const source of found.name === undefined ? [] : Array.isArray(found.name) ? found.name : [found.name]) {
    const value = tell(source)
    const told = (Array.isArray(value) ? value : [value]).map(one => baseName(asText(one) ?? ''))
    if (told.every(name => name === undefined)) continue
    const further = furtherFiles(body?.parts ?? [])
    return names([...told, ...further.names], further.isMore)
  }
  return undefined
}

function asText(value: unknown): string | undefined {
  const one: unknown = Array.isArray(value) ? value[0] : value
  return typeof one === 'string' ? one : undefined
}

function ownType(head: RequestHead): string | undefined {
  const own = mediaType(head.headers.get('content-type'))
  return own?.startsWith('multipart/') ? undefined : own
}

