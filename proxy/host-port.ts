/**
 * The one place where hosts, ports and paths are normalised. Everything else compares what comes out of here.
 */
import { isIP } from 'node:net'

/** A normalised authority. `host` is lower case, an A-label, without trailing dot; IPv6 stands without brackets. */
export interface HostPort {
  readonly host: string
  readonly port: number
  readonly kind: 'name' | 'ip'
}

/** A request target in origin form, split and with dot segments resolved. */
export interface Target {
  /** What is judged: dot segments resolved, escapes of unreserved characters decoded. */
  readonly path: string
  /** Without `?`; empty when there is none. */
  readonly query: string
  /** What is forwarded: as sent, dot segments resolved. */
  readonly full: string
}

// Names in the common form take this path and skip the URL parser. The last label must begin with a letter,
// or the name could be one of the numeric forms of an IPv4 address (WHATWG URL, "ends in a number" check).
const PLAIN_NAME = /^(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$/
const MAX_NAME = 253

/**
 * Normalises a host as written by a client: `EXAMPLE.com.` → `example.com`, `0x7f.1` → `127.0.0.1`,
 * `[::1]` → `::1`, `bücher.example` → its A-label. Null for what is no host.
 */
export function parseHost(text: string): { host: string; kind: 'name' | 'ip' } | null {
  if (text.length === 0 || text.length > 1024) return null
  let host = text.toLowerCase()
  if (host.endsWith('.')) host = host.slice(0, -1)
  if (host.endsWith('.')) return null
  if (host.length <= MAX_NAME && PLAIN_NAME.test(host)) return { host, kind: 'name' }
  // The URL parser accepts and strips more than a host; whatever is not one is refused before it sees it.
  if (/[\s/?#@\\]|:(?![^[\]]*\])/.test(host)) return null
  const parsed = URL.parse(`http://${host}/`)
  if (parsed === null || parsed.username !== '' || parsed.port !== '' || parsed.pathname !== '/') return null
  const name = parsed.hostname
  if (name.startsWith('[')) {
    const address = name.slice(1, -1)
    return { host: unmap(address), kind: 'ip' }
  }
  if (isIP(name) !== 0) return { host: name, kind: 'ip' }
  const bare = name.endsWith('.') ? name.slice(0, -1) : name
  if (bare.length === 0 || bare.length > MAX_NAME || bare.startsWith('.') || bare.includes('..') || !/^[a-z0-9_.-]+$/.test(bare)) return null
  return { host: bare, kind: 'name' }
}

/** Parses `host:port`; with `defaultPort` null the port is required (CONNECT, RFC 9110 §9.3.6). */
export function parseHostPort(text: string, defaultPort: number | null): HostPort | null {
  const match = /^(\[[^\]]*\]|[^:]*)(?::([0-9]{1,5}))?$/.exec(text)
  if (match === null) return null
  const host = parseHost(match[1] ?? '')
  if (host === null) return null
  const port = match[2] === undefined ? defaultPort : Number(match[2])
  if (port === null || port < 1 || port > 65535) return null
  return { host: host.host, port, kind: host.kind }
}

/** An address as `formatHostPort` writes it, taken apart again. */
export function splitHostPort(text: string): { readonly host: string; readonly port: number } {
  const at = text.lastIndexOf(':')
  return { host: stripBrackets(text.slice(0, at)), port: Number(text.slice(at + 1)) }
}

/** `[::1]`, as URLs write it, is `::1`; names and IPv4 addresses stay. */
export function stripBrackets(host: string): string {
  return host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host
}

/** A host for a header field or URL: IPv6 in brackets. */
export function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host
}

/** `host:port` for people and maps; IPv6 in brackets. */
export function formatHostPort(host: string, port: number): string {
  return `${bracketed(host)}:${port}`
}

/** IPv4-mapped IPv6 addresses (RFC 4291 §2.5.5.2) as the IPv4 address they stand for; others unchanged. */
export function unmap(address: string): string {
  if (!address.startsWith('::ffff:')) return address
  const rest = address.slice(7)
  if (isIP(rest) === 4) return rest
  const groups = rest.split(':')
  const high = Number.parseInt(groups[0] ?? '', 16)
  const low = Number.parseInt(groups[1] ?? '', 16)
  if (groups.length !== 2 || Number.isNaN(high) || Number.isNaN(low)) return address
  return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`
}

/**
 * Splits an origin-form target. Dot segments, plain or encoded, are resolved as an origin would (RFC 3986 §6.2.2.3),
 * and the resolved form is both judged and forwarded, so that policy and origin read the same path.
 * Null for what is no origin-form target.
 */
export function parseTarget(target: string): Target | null {
  if (target.charCodeAt(0) !== 0x2f) return target === '*' ? { path: '*', query: '', full: '*' } : null
  // RFC 9112 §3.2: a target has no white space, control characters or fragment.
  for (let i = 0; i < target.length; i++) {
    const c = target.charCodeAt(i)
    if (c <= 0x20 || c === 0x7f || c === 0x23 || c === 0x5c) return null
  }
  const mark = target.indexOf('?')
  const rawPath = mark === -1 ? target : target.slice(0, mark)
  const query = mark === -1 ? '' : target.slice(mark + 1)
  const resolved = hasDotSegment(rawPath) ? resolveDots(rawPath) : rawPath
  const full = resolved === rawPath ? target : mark === -1 ? resolved : `${resolved}?${query}`
  return { path: decodeUnreserved(resolved), query, full }
}

/** `%75pload` is `upload` to every origin (RFC 3986 §6.2.2.2), so it is judged as that; it is forwarded as sent. */
function decodeUnreserved(path: string): string {
  if (!path.includes('%')) return path
  return path.replaceAll(/%([0-9a-f]{2})/gi, (escape, hex: string) => {
    const char = String.fromCharCode(Number.parseInt(hex, 16))
    return /[A-Za-z0-9._~-]/.test(char) ? char : escape
  })
}

function hasDotSegment(path: string): boolean {
  return path.includes('/.') || /%2e/i.test(path)
}

function resolveDots(path: string): string {
  const out: string[] = []
  const segments = path.split('/').slice(1)
  segments.forEach((segment, i) => {
    const plain = segment.replaceAll(/%2e/gi, '.')
    const last = i === segments.length - 1
    if (plain === '..') {
      out.pop()
      if (last) out.push('')
    } else if (plain === '.') {
      if (last) out.push('')
    } else out.push(segment)
  })
  return '/' + out.join('/')
}
