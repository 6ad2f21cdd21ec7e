/** The parent's side of the origins' process. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { StoredFile } from '../../origin/stand-in.ts'
import { ENVIRONMENT } from '../processes.ts'
import { readLines } from './ledger.ts'
import type { Arrived, Dump, SoakOriginAddress } from './origin-process.ts'
import type { TunnelCount } from './tunnel-origin.ts'

export interface OriginBooks {
  readonly arrived: readonly Arrived[]
  readonly tunnels: readonly TunnelCount[]
  readonly stored: readonly StoredFile[]
}

export interface SoakOrigins extends SoakOriginAddress {
  /** What arrived until now; it is left in files of this directory. */
  dump(dir: string): Promise<OriginBooks>
  close(): Promise<void>
}

const START_MS = 90_000

export async function startSoakOrigins(): Promise<SoakOrigins> {
  const child = fork(fileURLToPath(new URL('origin-process.ts', import.meta.url)), { env: ENVIRONMENT, execArgv: [] })
  const [address] = await once(child, 'message', { signal: AbortSignal.timeout(START_MS) }) as [SoakOriginAddress]
  return {
    ...address,
    async dump(dir) {
      const files: Dump = { requests: join(dir, 'arrived.ndjson'), tunnels: join(dir, 'tunnels.ndjson') }
      const dumped = once(child, 'message')
      child.send(files)
      await dumped
      const stored = await (await fetch(`${address.controlUrl}/stored`)).json() as StoredFile[]
      return { arrived: await readLines(files.requests), tunnels: await readLines(files.tunnels), stored }
    },
    async close() {
      const gone = once(child, 'exit')
      child.disconnect()
      await gone
    },
  }
}
