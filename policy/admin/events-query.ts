/** The queries of the events' routes, and what they mean. */
import Type from 'typebox'
import type { Static } from 'typebox'
import { SluiceError } from '../errors.ts'
import { MOMENT, parseMoment } from '../moment.ts'
import { ACTIONS, ACTIVITIES } from '../operation.ts'
import type { EventFilter } from '../ecs-event.ts'

export const PAGE = 100
export const PAGE_MAX = 1_000

const closed = { additionalProperties: false }
const text = (maxLength: number, description: string) =>
  Type.Optional(Type.String({ minLength: 1, maxLength, pattern: '^[^\\u0000-\\u001f\\u007f]+$', description }))
const moment = Type.Optional(Type.String({ minLength: 2, maxLength: 40, description: MOMENT }))

const fields = {
  since: moment, until: moment,
  provider: text(64, 'a provider, dropbox say'),
  action: Type.Optional(Type.Enum([...ACTIONS], { description: `what was decided: ${ACTIONS.join(', ')}` })),
  activity: Type.Optional(Type.Enum([...ACTIVITIES], { description: `one of ${ACTIVITIES.join(', ')}` })),
  user: text(256, 'a user name, case does not count, or a pseudonym'),
  tenant: text(300, 'a tenant: id, alias or account/id'),
  rule: Type.Optional(Type.String({
    pattern: '^[a-z0-9][a-z0-9-]{0,63}$', description: 'the id of a rule that decided, noted, or in monitor mode would have decided',
  })),
}

export const FilterQuery = Type.Object(fields, { ...closed, description: `any of ${Object.keys(fields).join(', ')}` })
export const PageQuery = Type.Object({
  ...fields,
  limit: Type.Optional(Type.String({ pattern: '^[1-9][0-9]{0,2}$|^1000$', description: `a number from 1 to ${PAGE_MAX} (left out: ${PAGE})` })),
  cursor: Type.Optional(Type.String({ minLength: 1, maxLength: 64, description: 'the next of the page before' })),
}, { ...closed, description: `any of ${[...Object.keys(fields), 'limit', 'cursor'].join(', ')}` })

/** Throws `admin.invalid` for what is no point in time. `namesOf`: under which names a user is recorded. */
export function filterOf(query: Static<typeof FilterQuery>, namesOf: (user: string) => readonly string[], now = Date.now()): EventFilter {
  const { since, until, user, provider, action, activity, tenant, rule } = query
  return {
    ...since === undefined ? {} : { since: momentOf('since', since, now) },
    ...until === undefined ? {} : { until: momentOf('until', until, now) },
    ...user === undefined ? {} : { users: namesOf(user) },
    ...provider === undefined ? {} : { provider },
    ...action === undefined ? {} : { action },
    ...activity === undefined ? {} : { activity },
    ...tenant === undefined ? {} : { tenant },
    ...rule === undefined ? {} : { rule },
  }
}

export function momentOf(name: string, text: string, now: number): string {
  const at = parseMoment(text, now)
  if (at === undefined) throw invalid(name, `must be ${MOMENT}`)
  return new Date(at).toISOString()
}

/** Says nothing of what it stands for, so that nobody relies on it. */
export function cursorOf(place: number): string {
  return Buffer.from(`1:${place}`).toString('base64url')
}

/** Throws `admin.invalid`. */
export function placeOf(cursor: string): number {
  const place = /^1:(\d{1,16})$/.exec(Buffer.from(cursor, 'base64url').toString('latin1'))?.[1]
  if (place === undefined) throw invalid('cursor', 'must be the next of the page before')
  return Number(place)
}

export function invalid(path: string, message: string): SluiceError {
  return new SluiceError('admin.invalid', `The query: ${path} ${message}`, 'Correct the named place and send it again.', { faults: [{ path, message }] })
}
