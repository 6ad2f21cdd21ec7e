/** Names of the files of one request. */
import type { Operation } from '../operation.ts'

/** How many names a request's operation tells. */
const MAX_NAMES = 64

export interface Names {
  readonly fileName?: string | undefined
  readonly fileNames?: readonly string[] | undefined
  readonly moreNames?: true | undefined
}

const NONE: Names = {}

/** The names as an operation has them: the first, all where there are several, and whether there are more than it tells. */
export function names(found: readonly (string | undefined)[], isMore = false): Names {
  const all = found.length < 2 ? found.filter(name => name !== undefined) : [...new Set(found.filter(name => name !== undefined))]
  const [first] = all
  const more = isMore || all.length > MAX_NAMES ? { moreNames: true } as const : NONE
  if (first === undefined) return more
  return all.length === 1 ? { fileName: first, ...more } : { fileName: first, fileNames: all.slice(0, MAX_NAMES), ...more }
}

/** All names that an operation tells. */
export function namesOf({ fileName, fileNames }: Operation): readonly string[] {
  return fileNames ?? (fileName === undefined ? [] : [fileName])
}
