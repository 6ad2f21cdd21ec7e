/**
 * How the values of the configuration are written: one parser each, and the way back for `describeConfig`.
 * A parser throws a plain `Error` that says what is allowed; it never repeats the value, which may be a secret.
 */
import ipaddr from 'ipaddr.js'
import { parseSize } from '../policy/size.ts'
import { formatHostPort, parseHost, parseHostPort, stripBrackets } from './host-port.ts'

/** An address to listen on. `host` is a name or an IP address without brackets; port 0 takes any free one. */
export interface Address {
  readonly host: string
  readonly port: number
}

export function parseAddress(text: string): Address {
  const match = /^(\[[^\]]+\]|[^:]+):([0-9]{1,5})$/.exec(text.trim())
  const host = match === null ? null : parseHost(match[1] ?? '')
  const port = Number(match?.[2])
  if (host === null || port > 65535) throw new Error('must be host:port, such as 127.0.0.1:3128 or [::1]:3128')
  return { host: host.host, port }
}

export function formatAddress(address: Address): string {
  return formatHostPort(address.host, address.port)
}

/** Only such an address cannot be reached from another machine. */
export function isLoopback(address: Address): boolean {
  if (address.host === 'localhost') return true
  return ipaddr.isValid(address.host) && ipaddr.process(address.host).range() === 'loopback'
}

/** `10.0.0.0/8`, `fd00::/8`, or one address; comes back as `address/bits`. */
export { canonicalNetwork as parseCidr } from '../policy/cidr.ts'
export { formatDuration, parseDuration } from '../policy/duration.ts'

/** A size in bytes, from `16KiB`, `10MB` or a number. */
export function parseBytes(value: string | number): number {
  const bytes = parseSize(value)
  if (bytes === undefined) throw new Error('must be a size such as 500KB, 10MB or 16KiB')
  return bytes
}

/** In the unit that leaves the smallest whole number: 256 MB are `256MB`, not `250000KiB`. */
export function formatBytes(bytes: number): string | number {
  if (bytes === 0) return 0
  const [binary, decimal] = [inUnits(bytes, 1024, ['', 'KiB', 'MiB', 'GiB']), inUnits(bytes, 1000, ['', 'KB', 'MB', 'GB'])]
  const { value, unit } = decimal.value < binary.value ? decimal : binary
  return unit === '' ? bytes : `${value}${unit}`
}

function inUnits(bytes: number, step: number, units: readonly string[]): { value: number; unit: string } {
  let [value, at] = [bytes, 0]
  for (; value % step === 0 && at + 1 < units.length; at++) value /= step
  return { value, unit: units[at] ?? '' }
}

/** A host name, or `*.` before one for every name below it. */
export function parseHostPattern(text: string): string {
  const name = text.trim()
  const host = parseHost(name.startsWith('*.') ? name.slice(2) : name)
  if (host === null || host.kind !== 'name') throw new Error('must be a host name, or *.example.com for every name below it')
  return name.startsWith('*.') ? `*.${host.host}` : host.host
}

/** A DNS domain, without wildcard. */
export function parseDomain(text: string): string {
  const host = parseHost(text.trim())
  if (host === null || host.kind !== 'name' || !host.host.includes('.')) throw new Error('must be a DNS domain such as example.com')
  return host.host
}

/** A full `host:port` with a port that can be connected to; comes back normalised. */
export function parseTargetAddress(text: string): string {
  const parsed = parseHostPort(text.trim(), null)
  if (parsed === null) throw new Error('must be host:port, such as content.dropboxapi.com:443')
  return formatHostPort(parsed.host, parsed.port)
}

/** The URL of a proxy: `http://host:port`, credentials allowed when `credentials` is. Comes back without a trailing slash. */
export function parseProxyUrl(text: string, credentials: boolean): string {
  const url = URL.parse(text.trim())
  const plain = url !== null && (url.protocol === 'http:' || (!credentials && url.protocol === 'https:')) && url.hostname !== '' && ['', '/'].includes(url.pathname) &&
    url.search === '' && url.hash === '' && (credentials || (url.username === '' && url.password === ''))
  if (!plain || url === null) {
    throw new Error(credentials ? 'must be http://host:port or http://user:secret@host:port' : 'must be http://host:port or https://host:port')
  }
  return url.href.replace(/\/$/, '')
}

/** https, or http on this machine, where nobody is in between. No credentials: they would be told in the log. */
export function isSafeUrl(text: string): boolean {
  const url = URL.parse(text)
  if (url === null || url.username !== '' || url.password !== '') return false
  return url.protocol === 'https:' || (url.protocol === 'http:' && isLocal(url))
}

/** Whether a URL is of this machine. */
export function isLocal({ hostname }: URL): boolean {
  return isLoopback({ host: stripBrackets(hostname), port: 0 })
}

/** Where policy and tenants are kept. Whether it can be reached is known only when it is opened. */
export function parseStoreUrl(text: string): string {
  const url = text.trim()
  if (/^embedded:.+/.test(url)) return url
  if (/^redis\+(sentinel|cluster):\/\//.test(url)) return url
  if (/^rediss?:\/\//.test(url) && URL.canParse(url)) return url
  throw new Error('must be embedded:DIRECTORY, redis://host:port or rediss://host:port')
}

/** Replaces the user and password of a URL, for people's eyes. */
export function maskUrl(url: string): string {
  return url.replace(/^([a-z+]+:\/\/)[^/?#]*@/i, '$1***:***@')
    .replace(/([?&][^=&]*(?:password|secret|token)[^=&]*=)[^&#]*/gi, '$1***')
}
