import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MEGA } from './mega-crypto.ts'
import { runProgram } from './run-program.ts'
import type { ProgramResult } from './run-program.ts'

/** The digest of the one key that megatools takes from MEGA's API, whoever signed it (`CURLOPT_PINNEDPUBLICKEY`). */
const PIN = /sha256\/\/[A-Za-z0-9+/]{43}=/g

export interface MegatoolsOptions {
  /** `http://127.0.0.1:port` of the proxy. */
  readonly proxy: string
  /** Another program than the installed one. */
  readonly program?: string
}

/** Where `megatools` is installed, or null. */
export function megatoolsAvailable(): string | null {
  const { stdout } = spawnSync('sh', ['-c', 'command -v megatools'], { encoding: 'utf8' })
  return stdout.trim() === '' ? null : stdout.trim()
}

/** Writes a copy of the program to `to`, the same but for the key that it expects of MEGA's API. Throws unless there is one such place. */
export async function withPin(program: string, key: KeyObject, to: string): Promise<void> {
  const text = (await readFile(program)).toString('latin1')
  const places = text.match(PIN)?.length ?? 0
  if (places !== 1) throw new Error(`${program} names ${places} keys, not one`)
  const digest = createHash('sha256').update(key.export({ type: 'spki', format: 'der' })).digest('base64')
  await writeFile(to, text.replace(PIN, `sha256//${digest}`), 'latin1')
  await chmod(to, 0o755)
}

/** Runs `megatools COMMAND` with the account of the stand-in, and a home of its own. */
export async function megatools(command: string, args: readonly string[], options: MegatoolsOptions): Promise<ProgramResult> {
  const home = await mkdtemp(join(tmpdir(), 'sluice-mega-'))
  try {
    const sign = ['--ignore-config-file', '--no-ask-password', '-u', MEGA.user, '-p', MEGA.password]
    const env = { PATH: process.env.PATH ?? '/usr/bin:/bin', HOME: home, TMPDIR: home, LANG: 'C.UTF-8' }
    return await runProgram(options.program ?? 'megatools', [command, ...sign, '--proxy', options.proxy, ...args], { env })
  } finally {
    await rm(home, { recursive: true, force: true })
  }
}
