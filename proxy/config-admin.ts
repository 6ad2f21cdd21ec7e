/** `admin.limits` as it is written. A parser throws a plain `Error` that completes "admin.limits …". */
import type { Limits } from '../policy/admin/limits.ts'
import { nearest } from '../policy/errors.ts'

/** A console that polls and a script beside it stay far below; a loop that went wrong does not. */
const LIMITS: Limits = { perToken: 600, perAddress: 1_200 }

export function parseLimits(written: Readonly<Record<string, number>>): Limits {
  const known = Object.keys(LIMITS)
  const wrong = Object.keys(written).find(name => !known.includes(name))
  if (wrong === undefined) return { ...LIMITS, ...written }
  const near = nearest(wrong, known)
  throw new Error(`has ${JSON.stringify(wrong.slice(0, 60)).slice(1, -1)}, which is not known; ` +
    (near === undefined ? `known are ${known.join(', ')}` : `did you mean ${near}?`))
}
