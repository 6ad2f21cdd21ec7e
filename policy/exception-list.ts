/** How the list of exceptions changes, as pure functions: each answers the whole list as it is afterwards, and the one that changed. */
import { SluiceError } from './errors.ts'
import { isOver, personKey } from './exceptions.ts'
import { sameCaller } from './same-caller.ts'
import { EXCEPTIONS_MAX } from './store/controls-record.ts'
import type { Exception } from './store/store.ts'

/** Undecided ones of one person (of addresses: of all that one caller has), and of all: many addresses must not take the place of what editors grant. */
export const ASKED_MAX = 20
export const ASKED_MAX_ALL = 2_000
/** The longest time for which one is granted, in milliseconds. */
export const EXCEPTION_MAX_MS = 30 * 86_400_000

export interface ExceptionChange {
  readonly exceptions: readonly Exception[]
  readonly changed: Exception
}

/** What is asked for, or granted without being asked: by a user or, where none is known, from an address. */
export type Wish = Pick<Exception, 'id' | 'rule' | 'provider' | 'user' | 'ip' | 'reason' | 'event'>

/** Who decides, when (milliseconds since 1970), and what is said about it. */
export interface Deciding {
  readonly by: string
  readonly now: number
  readonly comment?: string | undefined
}

/** Throws `exception.conflict` where the same is asked for or granted already, or this person has asked too much. */
export function askException(all: readonly Exception[], wish: Wish, now: number): ExceptionChange {
  const same = sameAs(openOf(all, wish, now), wish)
  if (same !== undefined) {
    throw conflict(same.state === 'asked' ? 'This exception is asked for already.' : 'This exception is granted already.',
      same.state === 'asked' ? 'Wait until it is decided.' : 'Try again what was blocked.')
  }
  const asked = all.filter(one => one.state === 'asked' && !isOver(one, now))
  const own = callerOf(wish)
  if (asked.filter(one => callerOf(one) === own).length >= ASKED_MAX) {
    throw conflict('There are too many exceptions that are asked for and not decided.', 'Wait until some are decided.')
  }
  if (asked.length >= ASKED_MAX_ALL) throw conflict('Too many people have asked for exceptions.', 'Wait until some are decided.')
  return added(all, { ...wish, state: 'asked', askedAt: iso(now) }, now)
}

/** Grants what nobody has asked for, until `until` (milliseconds since 1970). Throws `exception.conflict` where somebody has, or has it. */
export function giveException(all: readonly Exception[], wish: Wish, until: number, deciding: Deciding): ExceptionChange {
  const same = sameAs(openOf(all, wish, deciding.now), wish)
  if (same !== undefined) throw conflict(`This exception is ${same.state} already: ${same.id}.`, same.state === 'asked' ? 'Grant that one.' : 'Revoke that one first.')
  return added(all, { ...wish, state: 'granted', askedAt: iso(deciding.now), until: iso(until), ...decided(deciding) }, deciding.now)
}

/** Throws `exception.not-found`, or `exception.conflict` for one that is not waiting to be decided. */
export function grantException(all: readonly Exception[], id: string, until: number, deciding: Deciding): ExceptionChange {
  return replaced(all, id, 'asked', one => ({ ...one, state: 'granted', until: iso(until), ...decided(deciding) }))
}

/** Throws as `grantException` does. */
export function declineException(all: readonly Exception[], id: string, deciding: Deciding): ExceptionChange {
  return replaced(all, id, 'asked', one => ({ ...one, state: 'declined', ...decided(deciding) }))
}

/** Ends a granted one. Throws `exception.not-found`, or `exception.conflict` for one that is not granted or has ended. */
export function revokeException(all: readonly Exception[], id: string, deciding: Deciding): ExceptionChange {
  return replaced(all, id, 'granted', one => {
    if (isOver(one, deciding.now)) throw conflict(`The exception ${id} has ended.`, 'There is nothing to revoke.')
    return { ...one, state: 'revoked', ...decided(deciding) }
  })
}

function decided({ by, now, comment }: Deciding): Pick<Exception, 'decidedAt' | 'decidedBy' | 'comment'> {
  return { decidedAt: iso(now), decidedBy: by, ...(comment === undefined ? {} : { comment }) }
}

function replaced(all: readonly Exception[], id: string, state: Exception['state'], change: (one: Exception) => Exception): ExceptionChange {
  const one = all.find(other => other.id === id)
  if (one === undefined) throw noException(id)
  if (one.state !== state) throw conflict(`The exception ${id} is ${one.state}, not ${state}.`, INSTEAD[one.state])
  const changed = change(one)
  return { exceptions: all.map(other => other === one ? changed : other), changed }
}

/** What can be done about an exception that is in another state than the change needs. */
const INSTEAD: Readonly<Record<Exception['state'], string>> = {
  asked: 'Nobody has decided it yet: grant or decline it.',
  granted: 'Revoke it, where it has not ended yet.',
  declined: 'It is decided: have it asked for again.',
  revoked: 'It is decided: have it asked for again.',
}

export function noException(id: string): SluiceError {
  return new SluiceError('exception.not-found', `There is no exception ${JSON.stringify(id)}.`, 'GET /v1/exceptions or sluice exception list tells which there are.',
    { faults: [{ path: 'id', message: 'is not there' }] })
}

function added(all: readonly Exception[], changed: Exception, now: number): ExceptionChange {
  if (all.length < EXCEPTIONS_MAX) return { exceptions: [...all, changed], changed }
  // They stand in the order in which they were asked for.
  const oldest = all.find(one => isOver(one, now))
  if (oldest === undefined) throw conflict('There are too many exceptions.', 'Decline or revoke some.')
  return { exceptions: [...all.filter(one => one !== oldest), changed], changed }
}

/** The exception of this person from this rule, for this provider, that is asked for or granted now. */
export function standingException(all: readonly Exception[], wish: Pick<Wish, 'rule' | 'provider' | 'user' | 'ip'>, now: number): Exception | undefined {
  return sameAs(openOf(all, wish, now), wish)
}

/** What is asked for or granted now, of the person of `wish`. */
function openOf(all: readonly Exception[], wish: Pick<Wish, 'user' | 'ip'>, now: number): Exception[] {
  return all.filter(one => !isOver(one, now) && isSamePerson(one, wish))
}

function sameAs(open: readonly Exception[], { rule, provider }: Pick<Wish, 'rule' | 'provider'>): Exception | undefined {
  return open.find(one => one.rule === rule && one.provider === provider)
}

function isSamePerson(one: Exception, other: Pick<Wish, 'user' | 'ip'>): boolean {
  return personOf(one) === personOf(other)
}

function personOf({ user, ip = '' }: Pick<Exception, 'user' | 'ip'>): string {
  return personKey(user === undefined ? { ip } : { user, ip })
}

/** Whoever has no name and many addresses is one all the same. */
function callerOf({ user, ip = '' }: Pick<Exception, 'user' | 'ip'>): string {
  return personOf(user === undefined ? { ip: sameCaller(ip) } : { user })
}

function conflict(message: string, remedy: string): SluiceError {
  return new SluiceError('exception.conflict', message, remedy)
}

function iso(ms: number): string {
  return new Date(ms).toISOString()
}
