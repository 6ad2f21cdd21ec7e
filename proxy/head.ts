/**
 * Reads a request's head as Node gives it into the form that the stages judge, and refuses what two readers could
 * understand differently. Refused, never repaired.
 */
import { RefusedError } from './errors.ts'
import { parseHostPort, parseTarget } from './host-port.ts'
import type { HostPort, Target } from './host-port.ts'
import { HOSTS, remember } from '../policy/memo.ts'
import { UNEXPLAINED_LIMIT } from '../policy/providers/index.ts'
import type { HeaderView, RequestHead } from '../policy/providers/provider.ts'

/** Node truncates silently past its own limit (CVE-2026-58044), so its limit is off and this one counts. */
export const MAX_HEADERS = 200

/** What is read of an `http.IncomingMessage` or `Http2ServerRequest`. */
export interface RawRequest {
  readonly method?: string | undefined
  readonly url?: string | undefined
  readonly rawHeaders: readonly string[]
  readonly httpVersionMajor: number
  readonly httpVersionMinor: number
}

export interface Head extends RequestHead {
  readonly authority: HostPort
  readonly target: Target
  readonly headers: HeaderTable
  readonly http2: boolean
  /** The body's framing as the client chose it. `none`: no body at all. */
  readonly framing: 'none' | 'length' | 'unknown'
}

/**
 * Header values by lower-case name; repeated ones are joined. Nothing is made of a field before it is asked for: most look-ups are
 * for fields that are not there (method overrides, `Content-Encoding`), which two words of bits say for nearly all.
 */
export class HeaderTable implements HeaderView {
  private lengths = 0
  private letters = 0
  private readonly raw: readonly string[]
  /** Names in lower case, each made when it is compared first. */
  private readonly lower: string[] = []

  /** `rawHeaders`: flat, names and values; not to be changed any more. */
  constructor(rawHeaders: readonly string[]) {
    this.raw = rawHeaders
    for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
      const name = rawHeaders[i] ?? ''
      this.lengths |= lengthBit(name)
      this.letters |= letterBit(name)
      this.lower.push('')
    }
  }

  get(name: string): string | undefined {
    if (!this.mayHave(name)) return undefined
    let value: string | undefined
    for (let field = 0; field < this.lower.length; field++) {
      if (!this.is(field, name)) continue
      const more = this.raw[2 * field + 1] ?? ''
      // RFC 9113 §8.2.3: cookie crumbs are joined with a semicolon.
      value = value === undefined ? more : `${value}${name === 'cookie' ? '; ' : ', '}${more}`
    }
    return value
  }

  /** Lower case, each once. */
  names(): Iterable<string> {
    return new Set(this.lower.map((_, field) => this.nameOf(field)))
  }

  count(name: string): number {
    if (!this.mayHave(name)) return 0
    let count = 0
    for (let field = 0; field < this.lower.length; field++) if (this.is(field, name)) count++
    return count
  }

  /** Of the field at this place, in lower case. */
  nameOf(field: number): string {
    const made = this.lower[field] ?? ''
    if (made !== '') return made
    return this.lower[field] = (this.raw[2 * field] ?? '').toLowerCase()
  }

  private is(field: number, name: string): boolean {
    return this.raw[2 * field]?.length === name.length && this.nameOf(field) === name
  }

  private mayHave(name: string): boolean {
    return (this.lengths & lengthBit(name)) !== 0 && (this.letters & letterBit(name)) !== 0
  }
}

function lengthBit(name: string): number {
  return 1 << (name.length & 31)
}

/** Of the first and the third character, whatever their case: many names begin alike (`content-`, `x-`). */
function letterBit(name: string): number {
  return 1 << (((name.charCodeAt(0) | 32) + 5 * (name.charCodeAt(2) | 32)) & 31)
}

/** Fields that requests are read by: given twice, the origin might read the other one. */
const ONCE = [
  'host', 'content-length', 'transfer-encoding', 'content-type', 'content-encoding', 'authorization', 'content-range', 'expect',
  'dropbox-api-arg', 'x-upload-content-length', 'x-upload-content-type', 'x-goog-upload-command', 'x-goog-upload-protocol',
  'x-goog-upload-offset', 'x-goog-upload-header-content-length', 'x-goog-upload-file-name',
] as const
const SLASH = 0x2f
const METHOD = /^[A-Z][A-Z-]{0,31}$/

/** Reads a head. `endsAtHeaders`: HTTP/2 said that no body follows. Throws `RefusedError`. */
export function readHead(raw: RawRequest, scheme: 'http' | 'https', endsAtHeaders: boolean, unexplainedLimit = UNEXPLAINED_LIMIT): Head {
  if (raw.rawHeaders.length / 2 > MAX_HEADERS) throw new RefusedError('request.too-large-header', `${raw.rawHeaders.length / 2} fields`)
  const headers = new HeaderTable(raw.rawHeaders)
  for (const name of ONCE) {
    if (headers.count(name) > 1) throw malformed(`${name} is given ${headers.count(name)} times`)
  }
  const method = raw.method ?? ''
  if (!METHOD.test(method)) throw malformed('the method is not an upper-case token')
  const http2 = raw.httpVersionMajor === 2
  const { authority, target } = http2 ? readHttp2Target(raw, headers) : readHttp1Target(raw, headers, scheme)
  const { framing, contentLength } = readFraming(raw, headers, endsAtHeaders)
  const expect = headers.get('expect')
  if (expect !== undefined && expect.toLowerCase() !== '100-continue') throw new RefusedError('request.expectation', expect.slice(0, 60))
  return {
    method, authority, target, headers, http2, framing, contentLength,
    host: authority.host, path: target.path, query: target.query, unexplainedLimit,
  }
}

function readHttp1Target(raw: RawRequest, headers: HeaderTable, scheme: 'http' | 'https'): { authority: HostPort; target: Target } {
  const defaultPort = scheme === 'https' ? 443 : 80
  const written = headers.get('host')
  const host = written === undefined ? null : readAuthority(written, defaultPort)
  let target = raw.url ?? ''
  if (host === null) throw malformed('Host is missing or is no host')
  const absolute = target.charCodeAt(0) === SLASH ? null : /^(https?):\/\/([^/?#]*)(.*)$/i.exec(target)
  if (absolute !== null) {
    const named = parseHostPort(absolute[2] ?? '', defaultPort)
    if (absolute[1]?.toLowerCase() !== scheme || named === null) throw malformed('the absolute target is no URL of this scheme')
    // RFC 9112 §3.2.2 lets the target win; two names for one request are refused instead.
    if (named.host !== host.host || named.port !== host.port) throw new RefusedError('identity.mismatch', 'target and Host differ')
    const rest = absolute[3] ?? ''
    target = rest.startsWith('/') ? rest : `/${rest}`
  }
  const parsed = parseTarget(target)
  if (parsed === null) throw malformed('the request target is no path')
  return { authority: host, target: parsed }
}

/** An authority by its text: a client names few, in each of its requests. */
const readAuthority443 = remember((text) => parseHostPort(text, 443) ?? 'none', HOSTS)

function readAuthority(text: string, defaultPort: number): HostPort | null {
  if (defaultPort !== 443) return parseHostPort(text, defaultPort)
  const read = readAuthority443(text)
  return read === 'none' ? null : read
}

function readHttp2Target(raw: RawRequest, headers: HeaderTable): { authority: HostPort; target: Target } {
  const named = headers.get(':authority')
  const host = headers.get('host')
  const authority = parseHostPort(named ?? host ?? '', 443)
  if (authority === null) throw malformed(':authority is missing or is no host')
  if (named !== undefined && host !== undefined) {
    const second = parseHostPort(host, 443)
    if (second === null || second.host !== authority.host || second.port !== authority.port) {
      throw new RefusedError('identity.misdirected', ':authority and Host differ')
    }
  }
  const target = parseTarget(raw.url ?? '')
  if (target === null) throw malformed('the request target is no path')
  return { authority, target }
}

function readFraming(raw: RawRequest, headers: HeaderTable, endsAtHeaders: boolean): { framing: Head['framing']; contentLength: number | null } {
  const length = headers.get('content-length')
  const coding = headers.get('transfer-encoding')
  if (coding !== undefined) {
    // RFC 9112 §6.1: an attempt at smuggling. Node refuses it before.
    if (length !== undefined) throw malformed('a length beside a transfer coding')
    // RFC 9112 §6.1: a transfer coding in HTTP/1.0 is faulty framing; Node itself refuses it beside a length.
    if (coding.toLowerCase() !== 'chunked' || (raw.httpVersionMajor === 1 && raw.httpVersionMinor === 0)) throw malformed('the transfer coding is not plain chunked')
    return { framing: 'unknown', contentLength: null }
  }
  if (length !== undefined) {
    if (!/^[0-9]{1,16}$/.test(length)) throw malformed('Content-Length is no number')
    const bytes = Number(length)
    if (!Number.isSafeInteger(bytes)) throw malformed('Content-Length is too large')
    if (raw.httpVersionMajor === 2 && endsAtHeaders && bytes !== 0) throw malformed('Content-Length without a body')
    return { framing: 'length', contentLength: bytes }
  }
  if (raw.httpVersionMajor === 2 && !endsAtHeaders) return { framing: 'unknown', contentLength: null }
  return { framing: 'none', contentLength: 0 }
}

function malformed(detail: string): RefusedError {
  return new RefusedError('request.malformed', detail)
}
