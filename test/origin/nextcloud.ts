import { spawnSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ProgramResult } from './run-program.ts'
import { runTrusting } from './trusted-by-system.ts'

export interface NextcloudOptions {
  /** `http://127.0.0.1:port` of the proxy. */
  readonly proxy: string
  readonly caFile: string
}

/** Whether `nextcloudcmd` is installed. */
export function nextcloudAvailable(): boolean {
  return spawnSync('nextcloudcmd', ['--version'], { env: { PATH: process.env.PATH, QT_QPA_PLATFORM: 'offscreen' } }).error === undefined
}

/** Brings a folder and the Nextcloud of the stand-in to the same state, once, with a home of its own. */
export async function nextcloud(folder: string, { proxy, caFile }: NextcloudOptions): Promise<ProgramResult> {
  const home = await mkdtemp(join(tmpdir(), 'sluice-nextcloud-'))
  try {
    const env = { PATH: process.env.PATH ?? '/usr/bin:/bin', HOME: home, LANG: 'C.UTF-8', QT_QPA_PLATFORM: 'offscreen' }
    const sign = ['--non-interactive', '--user', 'fay', '--password', 'FAKE-password']
    const args = ['--httpproxy', proxy, ...sign, '--max-sync-retries', '1', folder, 'https://cloud.example']
    return await runTrusting(caFile, 'nextcloudcmd', args, { env })
  } finally {
    await rm(home, { recursive: true, force: true })
  }
}
