import { spawnSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ProgramResult } from './run-program.ts'
import { runTrusting } from './trusted-by-system.ts'

export interface CadaverOptions {
  /** `http://127.0.0.1:port` of the proxy. */
  readonly proxy: string
  readonly caFile: string
}

/** Whether Debian's `cadaver` is installed. */
export function cadaverAvailable(): boolean {
  // It ends with 255 after its version.
  return spawnSync('cadaver', ['-V']).error === undefined
}

/** Opens a folder of a WebDAV server in cadaver and gives it commands (`put FILE NAME`, `get NAME FILE`, ...), with a home of its own. */
export async function cadaver(url: string, commands: readonly string[], options: CadaverOptions): Promise<ProgramResult> {
  const home = await mkdtemp(join(tmpdir(), 'sluice-cadaver-'))
  try {
    await writeFile(join(home, '.netrc'), `machine ${new URL(url).hostname} login fay password FAKE-password\n`, { mode: 0o600 })
    const env = { PATH: process.env.PATH ?? '/usr/bin:/bin', HOME: home, LANG: 'C.UTF-8' }
    const stdin = [...commands, 'quit', ''].join('\n')
    return await runTrusting(options.caFile, 'cadaver', ['-p', new URL(options.proxy).host, url], { env, cwd: home, stdin })
  } finally {
    await rm(home, { recursive: true, force: true })
  }
}
