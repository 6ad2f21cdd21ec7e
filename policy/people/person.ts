import type { Client, Reason } from '../operation.ts'

/** Who a client is, as far as anything tells. */
export interface Person {
  readonly user?: string
  /** Each once; left out where nothing says of groups. */
  readonly groups?: readonly string[]
  /** There may be groups that could not be looked up. */
  readonly moreGroups?: true
  /** The groups are those that were last known: what tells them does not answer. */
  readonly staleGroups?: true
}

export const NOBODY: Person = Object.freeze({})

/** Names as they are compared: case does not count. */
export function fold(name: string): string {
  return name.normalize('NFC').toLowerCase()
}

/**
 * What is wrong with a user's or a group's name, as the end of a sentence; null: nothing. A colon would end the name in
 * Basic authentication (RFC 7617 §2), and names that differ in spaces alone are one and the same to a directory service.
 */
export function nameFault(name: string): string | null {
  if (name === '' || name.length > 256) return 'must be a name of 1 to 256 characters'
  if (/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/.test(name)) return 'must be a name without control characters'
  if (name !== name.trim() || /\s\s/.test(name)) return 'must be a name without spaces around it or two together'
  return null
}

/** What of the groups could not be had, as reasons of a decision that goes by groups. */
export function groupReasons({ moreGroups, staleGroups }: Person): Reason[] {
  return moreGroups === true ? ['groups-unavailable'] : staleGroups === true ? ['groups-stale'] : []
}

/** A person as the client of a request. */
export function clientOf({ user, groups, moreGroups }: Person, rest: Pick<Client, 'ip' | 'userAgent' | 'class'>): Client {
  return {
    ...rest,
    ...(user === undefined ? {} : { user }),
    ...(groups === undefined ? {} : { groups }),
    ...(moreGroups === undefined ? {} : { moreGroups }),
  }
}
