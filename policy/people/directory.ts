/** The directory file: who the users are, their passwords, groups and addresses. Pure. */
import { SluiceError } from '../errors.ts'
import type { Fault } from '../errors.ts'
import { printable } from '../faults.ts'
import { readYaml } from '../yaml-document.ts'
import { canonicalNetwork } from '../cidr.ts'
import { union } from './networks.ts'
import type { Place } from './networks.ts'
import { MAX_LN, MIN_LN, parsePasswordHash } from './password-hash.ts'
import type { PasswordHash } from './password-hash.ts'
import { fold, nameFault } from './person.ts'

const MAX_FAULTS = 20

export interface Member {
  /** As the file writes it: events, rules and usage know the user by this name, however he writes it himself. */
  readonly name: string
  readonly password: PasswordHash | null
  readonly groups: readonly string[]
}

export interface Directory {
  /** By folded name. */
  readonly members: ReadonlyMap<string, Member>
  /** The addresses of members that have any. */
  readonly places: readonly Place[]
}

export const NO_DIRECTORY: Directory = { members: new Map(), places: [] }

/** Whether what lets a user in, and under which name, is the same in two directories. */
export function isSameLogin(one: Member | undefined, other: Member | undefined): boolean {
  if (one?.name !== other?.name) return false
  const [a, b] = [one?.password ?? null, other?.password ?? null]
  return a === null || b === null ? a === b : a.hash.equals(b.hash) && a.salt.equals(b.salt)
}

type Json = Readonly<Record<string, unknown>>
type Tell = (path: string, message: string) => void

/**
 * Reads `users: { anna: { password?, groups?, addresses? } }` and `groups?: { finance: [anna] }` from YAML. Throws
 * `people.invalid` with the place, line and column of each fault; `sourceName` names the file. No fault repeats a password.
 */
export function parseDirectory(text: string, sourceName: string): Directory {
  const refuse = (faults: readonly Fault[]): SluiceError => invalid(faults, sourceName)
  const { value, placed } = readYaml(text, refuse)
  const faults: Fault[] = []
  const tell: Tell = (path, message) => { faults.push({ path, message }) }
  const directory = directoryOf(value, tell)
  if (faults.length > 0) throw refuse(faults.map(placed))
  return directory
}

function directoryOf(value: unknown, tell: Tell): Directory {
  const top = mapOf(value, '', ['users', 'groups'], tell)
  const members = new Map<string, Member>()
  const places = new Map<string, Place>()
  for (const [name, written] of Object.entries(mapOf(top['users'], 'users', null, tell))) {
    const path = `users/${name}`
    const fault = nameFault(name) ?? (name.includes(':') ? 'must be a name without a colon' : null)
    if (fault !== null) tell(path, `(a user) ${fault}`)
    if (members.has(fold(name))) tell(path, 'is a user who stands here twice: case does not count')
    const { password, groups, addresses } = mapOf(written, path, ['password', 'groups', 'addresses'], tell)
    members.set(fold(name), { name, password: passwordOf(password, `${path}/password`, tell), groups: namesOf(groups, `${path}/groups`, tell) })
    for (const [i, address] of listOf(addresses, `${path}/addresses`, tell).entries()) {
      const network = networkOf(address, `${path}/addresses/${i}`, tell)
      const other = network === null ? undefined : places.get(network)
      if (other !== undefined) tell(`${path}/addresses/${i}`, `is an address of ${printable(other.person.user ?? '')} already`)
      if (network !== null) places.set(network, { network, person: { user: name } })
    }
  }
  for (const [group, names] of Object.entries(mapOf(top['groups'], 'groups', null, tell))) {
    const fault = nameFault(group)
    if (fault !== null) tell(`groups/${group}`, `(a group) ${fault}`)
    for (const [i, name] of namesOf(names, `groups/${group}`, tell).entries()) {
      const member = members.get(fold(name))
      if (member === undefined) tell(`groups/${group}/${i}`, `names ${printable(name)}, who is no user of this file`)
      else members.set(fold(name), { ...member, groups: union(member.groups, [group]) ?? [] })
    }
  }
  return { members, places: [...places.values()] }
}

/** `known`: the keys that it may have; null: any. Left out or empty, it is an empty one. */
function mapOf(value: unknown, path: string, known: readonly string[] | null, tell: Tell): Json {
  if (value === undefined || value === null) return {}
  if (typeof value !== 'object' || Array.isArray(value)) {
    tell(path, known === null ? 'must be a map of names' : `must be a map of ${known.join(', ')}`)
    return {}
  }
  for (const key of Object.keys(value)) {
    if (known?.includes(key) === false) tell(path === '' ? key : `${path}/${key}`, `is not a known key; known are ${known.join(', ')}`)
  }
  return value as Json
}

function listOf(value: unknown, path: string, tell: Tell): readonly unknown[] {
  if (value === undefined || value === null) return []
  if (Array.isArray(value)) return value
  tell(path, 'must be a list')
  return []
}

function namesOf(value: unknown, path: string, tell: Tell): readonly string[] {
  const names: string[] = []
  for (const [i, name] of listOf(value, path, tell).entries()) {
    const fault = typeof name === 'string' ? nameFault(name) : 'must be a text; put it in quotes'
    if (fault !== null) tell(`${path}/${i}`, fault)
    else if (typeof name === 'string') names.push(name)
  }
  return names
}

function networkOf(value: unknown, path: string, tell: Tell): string | null {
  try {
    return canonicalNetwork(String(value))
  } catch (error) {
    tell(path, error instanceof Error ? error.message : String(error))
    return null
  }
}

/** The value is not repeated: it may be a password written where its hash belongs. */
function passwordOf(value: unknown, path: string, tell: Tell): PasswordHash | null {
  if (value === undefined || value === null) return null
  const hash = typeof value === 'string' ? parsePasswordHash(value) : null
  if (hash === null) tell(path, `must be a line that sluice user hash prints (scrypt, ln ${MIN_LN} to ${MAX_LN}, r 8, p 1)`)
  return hash
}

function invalid(faults: readonly Fault[], sourceName: string): SluiceError {
  const first = faults[0] ?? { path: '', message: 'does not have the form of a directory file' }
  const more = faults.length > 1 ? ` (and ${faults.length - 1} more)` : ''
  const place = first.path === '' ? 'the document' : first.path
  return new SluiceError('people.invalid', `${sourceName}: ${place} ${first.message}${more}`, 'Correct the file at the named place',
    { faults: faults.slice(0, MAX_FAULTS) })
}
