/** How long a token lasts: as a duration from now, or as a point in time. */
import { SluiceError } from '../errors.ts'

const UNITS = { m: 60_000, h: 3_600_000, d: 86_400_000 } as const
/** Longer than anybody who made it is there: rather make a new one. */
const LAST_MS = 3_650 * UNITS.d

export const EXPIRES_IN = '^[1-9][0-9]{0,6}[mhd]$'
export const EXPIRES_AT = '^[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\\.[0-9]{1,9})?)?(Z|[+-][0-9]{2}:[0-9]{2}))?$'

/**
 * `90d`, `12h`, `30m`, or `2027-01-31` (the beginning of that day in UTC) or `2027-01-31T12:00:00Z`, as ISO 8601 in UTC.
 * Throws `code` that names `place` for what is neither, has passed, or is over ten years ahead. `now`: milliseconds since 1970.
 */
export function expiryOf(text: string, now: number, place: string, code: 'admin.invalid' | 'usage' = 'admin.invalid'): string {
  const at = new RegExp(EXPIRES_IN).test(text) ? now + Number(text.slice(0, -1)) * unitOf(text)
    : new RegExp(EXPIRES_AT).test(text) ? Date.parse(text) : NaN
  const wrong = Number.isNaN(at) ? 'must be a duration in minutes, hours or days such as 30m, 12h or 90d, or a time such as 2027-01-31T12:00:00Z'
    : at <= now ? 'must be later than now' : at > now + LAST_MS ? 'must be within ten years' : null
  if (wrong === null) return new Date(at).toISOString()
  throw new SluiceError(code, `${place} ${wrong}`, 'Correct it and try again.', { faults: [{ path: place, message: wrong }] })
}

function unitOf(text: string): number {
  return text.endsWith('m') ? UNITS.m : text.endsWith('h') ? UNITS.h : UNITS.d
}
