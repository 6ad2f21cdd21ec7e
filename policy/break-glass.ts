import type { BreakGlass } from './store/store.ts'

/** How long it lasts at most, in milliseconds. */
export const BREAK_GLASS_MAX_MS = 24 * 3_600_000

/** Whether it lasts at `now` (milliseconds since 1970): it ends by itself, whoever has it stored. */
export function isBroken(breakGlass: BreakGlass | null, now: number): breakGlass is BreakGlass {
  return breakGlass !== null && Date.parse(breakGlass.until) > now
}
