/** Asks for, grants, declines and revokes exceptions in a store of either kind, each with its audit entry. */
import { randomBytes } from 'node:crypto'
import {
  askException, declineException, EXCEPTION_MAX_MS, giveException, grantException, revokeException,
} from '../exception-list.ts'
import type { ExceptionChange, Wish } from '../exception-list.ts'
import { SluiceError } from '../errors.ts'
import { steadyNow } from '../steady-clock.ts'
import { changeControls } from './change-controls.ts'
import type { ControlsPlace } from './change-controls.ts'
import type { AuditAction, By, Exception } from './store.ts'

/** What somebody wants to be excepted from; who `by` is, is whom it is for. */
export type Asked = Omit<Wish, 'id'>

/** What is decided: for how many milliseconds (grants alone), and what is said about it. */
export interface Decided {
  readonly forMs: number
  readonly comment?: string | undefined
}

type Make = (all: readonly Exception[], now: number) => ExceptionChange

/** Rejects with `exception.conflict` where the same is asked for or granted already. */
export function ask(place: ControlsPlace, wish: Asked, by: By): Promise<Exception> {
  const id = newId()
  return change(place, by, 'exception.ask', (all, now) => askException(all, { ...wish, id }, now))
}

/** Grants what nobody has asked for. Rejects with `exception.invalid` for a time that is too long. */
export async function give(place: ControlsPlace, wish: Asked, { forMs, comment }: Decided, by: By): Promise<Exception> {
  checkTime(forMs)
  const id = newId()
  return change(place, by, 'exception.grant', (all, now) => giveException(all, { ...wish, id }, now + forMs, { by: by.author, now, comment }))
}

/** Rejects with `exception.not-found`, `exception.conflict`, or `exception.invalid` for a time that is too long. */
export async function grant(place: ControlsPlace, id: string, { forMs, comment }: Decided, by: By): Promise<Exception> {
  checkTime(forMs)
  return change(place, by, 'exception.grant', (all, now) => grantException(all, id, now + forMs, { by: by.author, now, comment }))
}

/** Rejects with `exception.not-found` or `exception.conflict`. */
export function decline(place: ControlsPlace, id: string, comment: string | undefined, by: By): Promise<Exception> {
  return change(place, by, 'exception.decline', (all, now) => declineException(all, id, { by: by.author, now, comment }))
}

/** Rejects with `exception.not-found` or `exception.conflict`. */
export function revoke(place: ControlsPlace, id: string, comment: string | undefined, by: By): Promise<Exception> {
  return change(place, by, 'exception.revoke', (all, now) => revokeException(all, id, { by: by.author, now, comment }))
}

function change(place: ControlsPlace, by: By, action: AuditAction, make: Make): Promise<Exception> {
  return changeControls(place, by, controls => {
    const { exceptions, changed } = make(controls.exceptions, steadyNow())
    const { id, rule, provider, user, ip, until, event, reason, comment } = changed
    return {
      controls: { breakGlass: controls.breakGlass, exceptions }, action, subject: id, result: changed,
      detail: {
        rule, provider, event, reason, ...user !== undefined && { user }, ...ip !== undefined && { ip },
        ...until !== undefined && { until }, ...comment !== undefined && { comment },
      },
    }
  })
}

function checkTime(forMs: number): void {
  if (forMs > 0 && forMs <= EXCEPTION_MAX_MS) return
  throw new SluiceError('exception.invalid', 'An exception lasts at most 30 days.', 'Grant it for a shorter time.',
    { faults: [{ path: 'for', message: 'must be a time of up to 30d' }] })
}

// Never with a hyphen in front, which a command line would take for an option.
function newId(): string {
  return randomBytes(8).toString('hex')
}
