import { isObject, member, readJson } from '../providers/json.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
/** Dropbox's short-lived tokens are good for four hours, Google's and Microsoft's for about one. */
const UNTOLD_MS = 4 * HOUR_MS

/** How long a credential may be good for, in milliseconds from `now`: a JWT tells (`exp`, RFC 7519 §4.1.4). A day at most. */
export function lifetimeOf(token: string, now: number): number {
  const body = /^[A-Za-z0-9_-]+\.([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]*$/.exec(token)?.[1]
  const claims = body === undefined ? undefined : readJson(Buffer.from(body, 'base64url').toString('utf8'))
  const exp = isObject(claims) ? member(claims, 'exp') : undefined
  if (typeof exp !== 'number' || !Number.isFinite(exp)) return UNTOLD_MS
  return Math.min(Math.max(exp * 1000 - now, MINUTE_MS), 24 * HOUR_MS)
}
