/** Who sends a request, from all that tells: what he proved, the directory file, the addresses, the directory service. */
import type { Directory, Member } from '../../policy/people/directory.ts'
import { union } from '../../policy/people/networks.ts'
import { fold, NOBODY } from '../../policy/people/person.ts'
import type { Person } from '../../policy/people/person.ts'
import type { KnownGroups } from './group-memory.ts'

export interface People {
  /** Who it is, from memory; `user`: as whom the client has authenticated. */
  find(ip: string, user: string | undefined): Person
  /**
   * Null where memory holds all that can be had of the user's groups. Else resolves when the directory service has answered,
   * or has taken too long.
   */
  ask(ip: string, user: string | undefined): Promise<void> | null
}

export const NO_PEOPLE: People = { find: (_ip, user) => user === undefined ? NOBODY : { user }, ask: () => null }

export interface PeopleSources {
  readonly directory: () => Directory
  /** Who is at a canonical address. */
  readonly at: (ip: string) => Person
  /** What a directory service says of users; null: there is none. */
  readonly groups: {
    /** From memory, by folded name. */
    known(user: string): KnownGroups
    ask(user: string): Promise<void> | null
  } | null
}

export function composePeople({ directory, at, groups }: PeopleSources): People {
  return {
    find(ip, user) {
      const place = at(ip)
      const name = user ?? place.user
      if (name === undefined) return place
      const folded = fold(name)
      const member = directory().members.get(folded)
      const service = groups === null ? null : groups.known(folded)
      return compose(member?.name ?? name, member, place, service)
    },
    ask(ip, user) {
      const name = user ?? at(ip).user
      return groups === null || name === undefined ? null : groups.ask(fold(name))
    },
  }
}

function compose(user: string, member: Member | undefined, place: Person, service: KnownGroups | null): Person {
  const groups = union(union(member?.groups, place.groups), service?.names)
  return {
    user,
    ...(groups === undefined ? {} : { groups }),
    ...(service?.are === 'unknown' ? { moreGroups: true as const } : {}),
    ...(service?.are === 'stale' ? { staleGroups: true as const } : {}),
  }
}
