/** `people` as it is written: whose addresses are whose, and the directory service to ask. */
import { FilterParser } from 'ldapts'
import { nearest } from '../policy/errors.ts'
import { canonicalNetwork } from '../policy/cidr.ts'
import type { Place } from '../policy/people/networks.ts'
import { fillFilter } from '../policy/people/ldap-text.ts'
import { nameFault } from '../policy/people/person.ts'
import type { Person } from '../policy/people/person.ts'
import { formatDuration, isLoopback, parseDuration } from './config-values.ts'

type Json = Readonly<Record<string, unknown>>

/** A directory service and how people are found in it. Durations in milliseconds. */
export interface LdapSettings {
  /**
   * `ldaps://host:port`, or `ldap://host:port`, which is upgraded by StartTLS unless it is loopback or `insecure`. Of several that
   * hold the same, one is asked until it fails.
   */
  readonly url: readonly string[]
  /** As whom Sluice reads; null: as nobody. */
  readonly bindDn: string | null
  /** A file with the password for it. */
  readonly passwordFile: string | null
  readonly base: string
  /** The attribute that holds the name by which rules and events know a user. */
  readonly userName: string
  /** Finds who signs in; `{user}` is the name that was given. */
  readonly userFilter: string
  /** The attribute of a user's entry that names the groups. */
  readonly groupAttribute: string
  /** Where groups are searched instead; null: they are not. */
  readonly groupBase: string | null
  /** Finds the groups of `{dn}` or `{user}` there. */
  readonly groupFilter: string
  /** The attribute that holds a group's name. */
  readonly groupName: string
  /** Files with further roots. */
  readonly ca: readonly string[]
  /** true: passwords travel without TLS. */
  readonly insecure: boolean
  readonly timeout: number
  readonly cache: number
}

/** Network → who is there. Throws a plain `Error` that completes "people.networks …". */
export function parsePlaces(written: Json): readonly Place[] {
  const places = Object.entries(written).map(([network, value]): Place => {
    try {
      return { network: canonicalNetwork(network), person: personOf(value) }
    } catch (error) {
      throw new Error(`(${shown(network)}) ${error instanceof Error ? error.message : String(error)}`, { cause: error })
    }
  })
  const seen = new Set<string>()
  for (const { network } of places) {
    if (seen.has(network)) throw new Error(`names ${network} twice`)
    seen.add(network)
  }
  return places
}

export function formatPlaces(places: readonly Place[]): Record<string, unknown> {
  return Object.fromEntries(places.map(({ network, person }) => [network, {
    ...(person.user === undefined ? {} : { user: person.user }), ...(person.groups === undefined ? {} : { groups: [...person.groups] }),
  }]))
}

function personOf(value: unknown): Person {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error('must be a map of user and groups')
  known(value as Json, ['user', 'groups'])
  const { user, groups } = value as Json
  if (user === undefined && groups === undefined) throw new Error('must have a user, groups, or both')
  if (groups !== undefined && !Array.isArray(groups)) throw new Error('must have a list of names as groups')
  return {
    ...(user === undefined ? {} : { user: named(user, 'user') }),
    ...(groups === undefined ? {} : { groups: groups.map(group => named(group, 'group')) }),
  }
}

function named(value: unknown, what: string): string {
  const fault = typeof value === 'string' ? nameFault(value) : 'must be a text; put it in quotes'
  if (fault !== null || typeof value !== 'string') throw new Error(`has a ${what} that ${fault ?? 'is none'}`)
  return value
}

const LDAP_KEYS = [
  'url', 'bindDn', 'passwordFile', 'base', 'userName', 'userFilter', 'groupAttribute', 'groupBase', 'groupFilter', 'groupName', 'ca',
  'insecure', 'timeout', 'cache',
]

/** Throws a plain `Error` that completes "people.ldap …". */
export function parseLdap(written: Json): LdapSettings {
  known(written, LDAP_KEYS)
  const userName = attribute(written, 'userName', 'uid')
  const bindDn = optional(written, 'bindDn')
  const passwordFile = optional(written, 'passwordFile')
  if ((bindDn === null) !== (passwordFile === null)) throw new Error('must have both bindDn and passwordFile, or neither')
  const { insecure = false } = written
  if (typeof insecure !== 'boolean') throw new Error('must have true or false as insecure')
  return {
    url: urlsOf(written['url']),
    bindDn, passwordFile,
    base: required(written, 'base', 'the entry below which people are searched, such as ou=people,dc=example,dc=com'),
    userName,
    userFilter: filter(written, 'userFilter', `(${userName}={user})`, ['user'], 1),
    groupAttribute: attribute(written, 'groupAttribute', 'memberOf'),
    groupBase: optional(written, 'groupBase'),
    groupFilter: filter(written, 'groupFilter', '(member={dn})', ['dn', 'user'], 1),
    groupName: attribute(written, 'groupName', 'cn'),
    ca: files(written['ca']),
    insecure,
    timeout: durationOf(written, 'timeout', '2s', 100, 60_000),
    cache: durationOf(written, 'cache', '5m', 1_000, 86_400_000),
  }
}

export function formatLdap({ url, timeout, cache, ca, ...rest }: LdapSettings): Record<string, unknown> {
  return { url: url.length === 1 ? url[0] : [...url], ...rest, ca: [...ca], timeout: formatDuration(timeout), cache: formatDuration(cache) }
}

/** Whether what is said to the service is protected: by TLS from the start, by StartTLS, or because it does not leave the machine. */
export function needsStartTls(url: string, { insecure }: Pick<LdapSettings, 'insecure'>): boolean {
  return url.startsWith('ldap:') && !insecure && !isLoopback({ host: hostOf(url), port: 0 })
}

export function hostOf(url: string): string {
  return (URL.parse(url)?.hostname ?? '').replace(/^\[(.*)\]$/, '$1')
}

function urlsOf(value: unknown): readonly string[] {
  return Array.isArray(value) && value.length > 0 ? value.map(urlOf) : [urlOf(value)]
}

function urlOf(value: unknown): string {
  const url = typeof value === 'string' ? URL.parse(value.trim()) : null
  const isPlain = url !== null && (url.protocol === 'ldap:' || url.protocol === 'ldaps:') && url.hostname !== '' && url.username === '' &&
    url.password === '' && ['', '/'].includes(url.pathname) && url.search === '' && url.hash === ''
  // A password written into it is not repeated.
  if (!isPlain) throw new Error('must have a url such as ldaps://directory.example.com, without user, password or path')
  return url.href.replace(/\/$/, '')
}

function known(given: Json, keys: readonly string[]): void {
  const name = Object.keys(given).find(key => !keys.includes(key))
  if (name === undefined) return
  const near = nearest(name, keys)
  throw new Error(`has ${shown(name)}, which is not known; ${near === undefined ? `known are ${keys.join(', ')}` : `did you mean ${near}?`}`)
}

function optional(given: Json, key: string): string | null {
  const value = given[key] ?? null
  if (value === null) return null
  if (typeof value !== 'string' || value.trim() === '' || value.length > 1_000) throw new Error(`must have a text as ${key}`)
  return value.trim()
}

function required(given: Json, key: string, what: string): string {
  const value = optional(given, key)
  if (value === null) throw new Error(`must have a ${key}: ${what}`)
  return value
}

function attribute(given: Json, key: string, otherwise: string): string {
  const value = optional(given, key) ?? otherwise
  // RFC 4512 §1.4: a name or the number of an attribute, options left out.
  if (!/^(?:[a-z][a-z0-9-]{0,63}|[0-9]+(?:\.[0-9]+)+)$/i.test(value)) throw new Error(`must have the name of an attribute as ${key}`)
  return value
}

/** `places`: of which it must have `least`. */
function filter(given: Json, key: string, otherwise: string, places: readonly string[], least: number): string {
  const value = optional(given, key) ?? otherwise
  const named = [...value.matchAll(/\{([a-z]+)\}/g)].map(([, name]) => name ?? '')
  const stray = named.find(name => !places.includes(name))
  if (stray !== undefined || named.length < least) {
    throw new Error(`must have a ${key} with ${places.map(name => `{${name}}`).join(' or ')}, such as ${otherwise}`)
  }
  try {
    FilterParser.parseString(fillFilter(value, { user: 'x', dn: 'x' }))
  } catch (error) {
    throw new Error(`must have a filter by RFC 4515 as ${key}, such as ${otherwise}`, { cause: error })
  }
  return value
}

function files(value: unknown): readonly string[] {
  const all: readonly unknown[] = value === undefined || value === null ? [] : Array.isArray(value) ? value : [value]
  return all.map((file) => {
    if (typeof file !== 'string' || file === '') throw new Error('must have a file, or a list of files, as ca')
    return file
  })
}

function durationOf(given: Json, key: string, otherwise: string, least: number, most: number): number {
  const value = given[key] ?? otherwise
  let ms = NaN
  try {
    ms = parseDuration(String(value))
  } catch {
    // Told below, with its place.
  }
  if (!(ms >= least && ms <= most)) throw new Error(`must have a ${key} from ${formatDuration(least)} to ${formatDuration(most)}`)
  return ms
}

/** Without what could break a line or a terminal. */
function shown(name: string): string {
  return JSON.stringify(name.slice(0, 60)).slice(1, -1)
}
