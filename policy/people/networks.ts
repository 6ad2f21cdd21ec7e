/** Whose addresses are whose: the longest network that holds an address counts, and no other. */
import { isIP } from 'node:net'
import { remember } from '../memo.ts'
import { bytesOf, masked, networkBits } from '../network-bits.ts'
import { NOBODY } from './person.ts'
import type { Person } from './person.ts'

/** Client addresses that are remembered. */
const ADDRESSES = 4_096

/** Who is at the addresses of a network. */
export interface Place {
  readonly network: string
  readonly person: Person
}

/** Answers who is at a canonical address. Of two places that are the same network, the first names the user; the groups of both count. */
export function placeFinder(places: readonly Place[]): (ip: string) => Person {
  const people = new Map<string, Person>()
  const lengths = new Set<number>()
  for (const { network, person } of places) {
    const { bytes, bits } = networkBits(network)
    const key = masked(bytes, bits)
    lengths.add(bits)
    people.set(key, join(people.get(key) ?? NOBODY, person))
  }
  if (people.size === 0) return () => NOBODY
  const longestFirst = [...lengths].sort((a, b) => b - a)
  return remember((ip) => {
    if (isIP(ip) === 0) return NOBODY
    const bytes = bytesOf(ip)
    for (const bits of longestFirst) {
      const person = people.get(masked(bytes, bits))
      if (person !== undefined) return person
    }
    return NOBODY
  }, ADDRESSES)
}

/** The user of the first that has one, the groups of both. */
function join(a: Person, b: Person): Person {
  const user = a.user ?? b.user
  const groups = union(a.groups, b.groups)
  return { ...(user === undefined ? {} : { user }), ...(groups === undefined ? {} : { groups }) }
}

/** Groups of both, each once whatever its case; undefined where neither says anything. */
export function union(a: readonly string[] | undefined, b: readonly string[] | undefined): readonly string[] | undefined {
  if (a === undefined || a.length === 0) return b ?? a
  if (b === undefined || b.length === 0) return a
  const seen = new Set(a.map(name => name.toLowerCase()))
  return [...a, ...b.filter(name => !seen.has(name.toLowerCase()))]
}
