import { spawnSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CONSUMER_GRANT } from './oauth.ts'
import type { ProgramResult } from './run-program.ts'
import { runTrusting } from './trusted-by-system.ts'

export interface OneDriveOptions {
  /** `http://127.0.0.1:port` of the proxy. */
  readonly proxy: string
  readonly caFile: string
  /** The folder that is kept as the drive is. */
  readonly folder: string
  /** Whose drive. Default: the business account. */
  readonly account?: 'business' | 'personal'
  /** Lets it choose HTTP/2. Version 2.4 then sends more than it told where a file goes up in fragments, which no server takes. */
  readonly http2?: boolean
}

/** Whether Debian's `onedrive` is installed. */
export function oneDriveAvailable(): boolean {
  return spawnSync('onedrive', ['--version']).status === 0
}

/** Runs abraunegg's OneDrive client once (`--upload-only`, `--download-only`, ...), with a home and state of its own. */
export async function oneDrive(args: readonly string[], options: OneDriveOptions): Promise<ProgramResult> {
  const home = await mkdtemp(join(tmpdir(), 'sluice-onedrive-'))
  try {
    await writeFile(join(home, 'refresh_token'), options.account === 'personal' ? CONSUMER_GRANT : 'FAKE')
    await writeFile(join(home, 'config'), `sync_dir = "${options.folder}"\nforce_http_11 = "${options.http2 !== true}"\n`)
    const env = { PATH: process.env.PATH ?? '/usr/bin:/bin', HOME: home, https_proxy: options.proxy }
    return await runTrusting(options.caFile, 'onedrive', ['--confdir', home, '--synchronize', '--verbose', ...args], { env })
  } finally {
    await rm(home, { recursive: true, force: true })
  }
}
