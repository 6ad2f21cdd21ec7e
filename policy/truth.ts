/**
 * Three-valued logic, as small integers so that evaluation allocates nothing. Besides false and true, a condition
 * can be open: its answer hangs on bytes that have not been counted yet (`OPEN_SIZE`), on a fact that is told only
 * after content has moved (`OPEN_LATE`), on what went before in an upload session that could not be looked up
 * (`OPEN_LOST`), on groups of the user that could not be looked up (`OPEN_GROUPS`), or on several of them (their bits
 * together).
 */
export const FALSE = 0
export const TRUE = 1
export const OPEN_SIZE = 2
export const OPEN_LATE = 4
export const OPEN_LOST = 8
export const OPEN_GROUPS = 16

export type Truth = number

/** What is open stays open when negated. */
export function not(truth: Truth): Truth {
  return truth === FALSE ? TRUE : truth === TRUE ? FALSE : truth
}

/** The conjunction of two: false wins, then open, then true. */
export function and(a: Truth, b: Truth): Truth {
  if (a === FALSE || b === FALSE) return FALSE
  return ((a | b) & (OPEN_SIZE | OPEN_LATE | OPEN_LOST | OPEN_GROUPS)) || TRUE
}
