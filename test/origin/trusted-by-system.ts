import { spawnSync } from 'node:child_process'
import { runProgram } from './run-program.ts'
import type { ProgramOptions, ProgramResult } from './run-program.ts'

/** Where Debian's programs look for the roots that they trust: one file for most, the hashed names beside it for Qt. */
const ROOTS = '/etc/ssl/certs'
const BUNDLE = `${ROOTS}/ca-certificates.crt`

/** `$1` is the only root of the namespace; what follows is the program. */
const SCRIPT = `mount -t tmpfs roots ${ROOTS} && cp "$1" ${BUNDLE} && openssl rehash ${ROOTS} && shift && exec "$@"`

/** Why a program cannot be made to trust a CA of the test's own, or false when it can: Linux, as root. */
export function noSystemTrust(): string | false {
  const { status } = spawnSync('unshare', ['-m', 'sh', '-c', `mount -t tmpfs roots ${ROOTS}`], { stdio: 'ignore' })
  return status === 0 ? false : `no mount namespace in which ${ROOTS} is another folder (needs Linux, root and unshare)`
}

/**
 * Runs a program that knows no option for a CA, in a mount namespace of its own in which `caFile` (one certificate) is all
 * that the system's folder of roots holds: it trusts that CA and no other.
 */
export function runTrusting(caFile: string, program: string, args: readonly string[], options: ProgramOptions): Promise<ProgramResult> {
  return runProgram('unshare', ['-m', 'sh', '-c', SCRIPT, 'sh', caFile, program, ...args], options)
}
