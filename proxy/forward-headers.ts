/** The header fields that pass on, in order and case as they came; what belongs to one hop does not (RFC 9110 §7.6.1). */
import type { Field } from '../policy/restrictions.ts'
import type { Head } from './head.ts'
import { bracketed, formatHostPort } from './host-port.ts'
import { isRestriction } from './restrict-headers.ts'

const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection', 'keep-alive', 'proxy-connection', 'proxy-authorization', 'proxy-authenticate', 'te', 'trailer',
  'transfer-encoding', 'upgrade', 'http2-settings', 'expect',
])

// A Connection field must not be able to strip what policy, the origin or the search for circles decides by.
const NEVER_NAMED = /^(?:host|via|authorization|cookie|user-agent|(?:content|dropbox|x-upload|x-goog|x-http|x-method)-.+)$/

/**
 * Header fields for the request to the origin, flat (`[name, value, …]`), framing included. `restrictions` take the place
 * of every tenant restriction that the client sent, whatever the host: a client cannot set one, nor tell it to strangers.
 * `via`: Sluice's own entry, after those of the proxies before it.
 */
export function requestHeaders(raw: readonly string[], head: Head, restrictions: readonly Field[], via: string): string[] {
  const named = connectionNames(head.headers.get('connection'))
  const out: string[] = []
  if (head.http2) out.push('Host', authorityText(head))
  let cookies = 0
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i] ?? ''
    const lower = name.toLowerCase()
    if (lower.startsWith(':') || !passesInRequest(lower, raw[i + 1] ?? '', named)) continue
    if (head.http2 && lower === 'host') continue
    if (lower === 'cookie') {
      if (cookies++ === 0) out.push(name, head.headers.get('cookie') ?? '')
      continue
    }
    out.push(name, raw[i + 1] ?? '')
  }
  for (const [name, value] of restrictions) out.push(name, value)
  out.push('Via', via)
  if (head.framing === 'unknown') out.push('Transfer-Encoding', 'chunked')
  else if (head.framing === 'none' && mayHaveBody(head.method)) out.push('Content-Length', '0')
  return out
}

/** Whether a field of a request, its name in lower case, passes to the origin; `named`: what its Connection names. */
export function passesInRequest(lower: string, value: string, named: ReadonlySet<string>): boolean {
  return !HOP_BY_HOP.has(lower) && !named.has(lower) && !isRestriction(lower) && !namesElse(lower, value)
}

/** Whether a Connection field says that the connection ends with its message (RFC 9112 §9.6). */
export function saysClose(value: string): boolean {
  return /(?:^|,)[\t ]*close[\t ]*(?:,|$)/i.test(value)
}

/** Whether a field may come behind a request's content: nothing by which requests are framed, led, authenticated or read (RFC 9110 §6.5.1). */
export function mayTrailRequest(lower: string): boolean {
  return passesInRequest(lower, '', NONE) && !NEVER_NAMED.test(lower) && lower !== 'forwarded'
}

/** The same of an answer, where little is decided by its fields. */
export function mayTrailAnswer(lower: string): boolean {
  return passesInAnswer(lower, NONE, 0) && lower !== 'content-length'
}

/** Fields by which servers behind a front are told of another host or path than the request's own: what is judged is what counts. */
const ELSEWHERE: ReadonlySet<string> = new Set([
  'x-original-url', 'x-rewrite-url', 'x-original-uri', 'x-original-host', 'x-forwarded-uri', 'x-forwarded-path', 'x-forwarded-prefix', 'x-forwarded-host',
  'x-forwarded-server', 'x-host', 'x-http-host-override', 'x-http-path-override',
])

/** Whether a field could name another host or path, or is one that requests are read by, spelt as CGI reads it too (RFC 3875 §4.1.18). */
function namesElse(lower: string, value: string): boolean {
  if (lower === 'forwarded') return /host/i.test(value)
  if (!lower.includes('_')) return ELSEWHERE.has(lower)
  const plain = lower.replaceAll('_', '-')
  return ELSEWHERE.has(plain) || HOP_BY_HOP.has(plain) || NEVER_NAMED.test(plain)
}

/** Header fields for an upgrade to WebSocket: as above, the upgrade itself kept. */
export function upgradeHeaders(raw: readonly string[], head: Head, restrictions: readonly Field[], via: string): string[] {
  const out = requestHeaders(raw, head, restrictions, via)
  out.push('Connection', 'Upgrade', 'Upgrade', 'websocket')
  return out
}

/** Header fields of the origin's answer, or trailers of it (status 0), that pass to the client. `Alt-Svc` would lead around the proxy (RFC 7838). */
export function responseHeaders(raw: readonly string[], status = 0): string[] {
  let connection = ''
  for (let i = 0; i + 1 < raw.length; i += 2) {
    if (raw[i]?.toLowerCase() === 'connection') connection += `${raw[i + 1] ?? ''},`
  }
  const named = connectionNames(connection === '' ? undefined : connection)
  const out: string[] = []
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i] ?? ''
    const lower = name.toLowerCase()
    if (passesInAnswer(lower, named, status)) out.push(name, raw[i + 1] ?? '')
  }
  return out
}

/** Whether a field of an answer with this status passes to the client; `named`: what its Connection names. */
export function passesInAnswer(lower: string, named: ReadonlySet<string>, status: number): boolean {
  if (HOP_BY_HOP.has(lower) || named.has(lower) || lower === 'alt-svc') return false
  // RFC 9110 §8.6: there is none with these; HTTP/2 clients end the stream over one, and others would wait for content.
  return lower !== 'content-length' || (status !== 204 && (status < 100 || status >= 200))
}

/** The same fields in the form that Node's HTTP/2 wants: lower-case names, repeated ones as lists. */
export function asHttp2(flat: readonly string[]): Record<string, string | string[]> {
  const out: Record<string, string | string[]> = Object.create(null) as Record<string, string | string[]>
  for (let i = 0; i + 1 < flat.length; i += 2) {
    const name = (flat[i] ?? '').toLowerCase()
    const value = flat[i + 1] ?? ''
    const before = out[name]
    if (before === undefined) out[name] = value
    else if (typeof before === 'string') out[name] = [before, value]
    else before.push(value)
  }
  return out
}

export function connectionNames(value: string | undefined): ReadonlySet<string> {
  if (value === undefined) return NONE
  const names = new Set<string>()
  for (const name of value.split(',')) {
    const lower = name.trim().toLowerCase()
    if (lower !== '' && !NEVER_NAMED.test(lower)) names.add(lower)
  }
  return names
}

const NONE: ReadonlySet<string> = new Set()

function authorityText(head: Head): string {
  const { host, port } = head.authority
  return port === 443 ? bracketed(host) : formatHostPort(host, port)
}

/** POST and the like without content say so, as some servers want to be told (RFC 9110 §8.6). */
export function mayHaveBody(method: string): boolean {
  return method === 'POST' || method === 'PUT' || method === 'PATCH'
}
