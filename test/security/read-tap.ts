/** Reads from tap's TAP how each named test of each file ended. */

export type Ending = 'ok' | 'failed' | 'skipped'

/**
 * Endings by file (as it was given to tap) and by name of the (sub)test, whatever its depth. Assertions, which have no time, are
 * none. Of two tests of one name within a file the worse counts.
 */
export function readTap(lines: Iterable<string>): ReadonlyMap<string, ReadonlyMap<string, Ending>> {
  const files = new Map<string, Map<string, Ending>>()
  let inFile = new Map<string, Ending>()
  for (const line of lines) {
    const file = /^# Subtest: (\S+\.test\.ts)$/.exec(line)?.[1]
    if (file !== undefined) {
      inFile = new Map()
      files.set(file, inFile)
      continue
    }
    const ended = /^\s+(not )?ok \d+ - (.*?) # (?:time=|(SKIP)\b)/.exec(line)
    if (ended === null) continue
    // TAP 14 escapes these two in a description.
    const name = (ended[2] ?? '').replaceAll(/\\([#\\])/g, '$1')
    inFile.set(name, worse(inFile.get(name), ended[1] !== undefined ? 'failed' : ended[3] !== undefined ? 'skipped' : 'ok'))
  }
  return files
}

const BADNESS: readonly Ending[] = ['ok', 'skipped', 'failed']

function worse(one: Ending | undefined, other: Ending): Ending {
  return one !== undefined && BADNESS.indexOf(one) > BADNESS.indexOf(other) ? one : other
}
