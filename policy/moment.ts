/** How a point in time is written where people ask for a period. */
export const MOMENT = 'a time such as 2026-11-30T08:00:00Z, a day (UTC) such as 2026-11-30, or how long ago: 90m, 24h, 30d'

/** ISO 8601 with Z or an offset (RFC 3339), a day, or a duration. */
const TIME = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d))?$/
const AGO = /^(\d{1,6})([smhd])$/
const UNITS = new Map([['s', 1_000], ['m', 60_000], ['h', 3_600_000], ['d', 86_400_000]])

/** Milliseconds since 1970; undefined for what is no point in time. */
export function parseMoment(text: string, now: number): number | undefined {
  const [, count, unit = ''] = AGO.exec(text) ?? []
  if (count !== undefined) return Math.max(0, now - Number(count) * (UNITS.get(unit) ?? 0))
  if (!TIME.test(text)) return undefined
  const at = Date.parse(text)
  return at >= 0 ? at : undefined
}
