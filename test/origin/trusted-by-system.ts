import { spawnSync } from 'node:child_process'
import { runProgram } from './run-program.ts'
import type { ProgramOptions, ProgramResult } from './run-program.ts'

/** Where Debian's programs look for the roots that they trust. */
const BUNDLE = '/etc/ssl/certs/ca-certificates.crt'

/** `$1` is the file that takes the bundle's place; what follows is the program. */
const SCRIPT = `mount --bind "$1" ${BUNDLE} && shift && exec "$@"`

/** Why a program cannot be made to trust a CA of the test's own, or false when it can: Linux, as root. */
export function noSystemTrust(): string | false {
  const { status } = spawnSync('unshare', ['-m', 'sh', '-c', SCRIPT, 'sh', BUNDLE, 'true'], { stdio: 'ignore' })
  return status === 0 ? false : `no mount namespace in which ${BUNDLE} is another file (needs Linux, root and unshare)`
}

/**
 * Runs a program that knows no option for a CA, in a mount namespace of its own in which the system's bundle of roots is
 * `caFile`: it trusts that CA and no other.
 */
export function runTrusting(caFile: string, program: string, args: readonly string[], options: ProgramOptions): Promise<ProgramResult> {
  return runProgram('unshare', ['-m', 'sh', '-c', SCRIPT, 'sh', caFile, program, ...args], options)
}
