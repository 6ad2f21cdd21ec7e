/** Memory of a Sluice as its clients open more and more: idle tunnels of each kind, and hosts. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { residentMemory } from '../memory-run.ts'
import { ENVIRONMENT, startOriginProcess, startSluiceProcess } from '../processes.ts'
import { TUNNEL_HOST, startTunnelOrigin } from '../soak/tunnel-origin.ts'
import type { OpenMore } from './client-process.ts'

export interface Growth {
  /** Tunnels that were open then, or hosts that had been visited. */
  readonly count: number
  /** Bytes above what it was before the first, for each. */
  readonly each: number
  readonly resident: number
}

export const KINDS = {
  'intercepted, HTTP/1.1': { host: 'content.dropboxapi.com', protocol: 'http/1.1', verify: true, keep: true, ask: true },
  'intercepted, HTTP/2': { host: 'content.dropboxapi.com', protocol: 'h2', verify: true, keep: true, ask: false },
  spliced: { host: TUNNEL_HOST, protocol: 'http/1.1', verify: false, keep: true, ask: false },
  hosts: { host: 'host-#.sharepoint.com', protocol: 'http/1.1', verify: true, keep: false, ask: false },
} as const satisfies Record<string, Pick<OpenMore, 'host' | 'protocol' | 'verify' | 'keep' | 'ask'>>

/** What was opened before the first is measured: code and buffers that all share. */
const WARM_UP = 60
/** The heap is collected as it grows only, and idle memory is given back a little later. */
const REST_MS = 3_000

/** In a Sluice of its own, one after the other: `counts` ascend. Answers what is resident after all have closed as well, in bytes. */
export async function measureGrowth(kind: keyof typeof KINDS, counts: readonly number[]): Promise<{ readonly rows: readonly Growth[]; readonly after: number; readonly before: number }> {
  const origin = await startOriginProcess()
  const tunnels = await startTunnelOrigin()
  const sluice = await startSluiceProcess({ ...origin, upstreamHosts: { ...origin.upstreamHosts, [`${TUNNEL_HOST}:443`]: tunnels.address } })
  const client = fork(fileURLToPath(new URL('client-process.ts', import.meta.url)), { env: ENVIRONMENT, execArgv: [] })
  const settings = { ...KINDS[kind], proxy: sluice.proxy, ca: readFileSync(sluice.caFile, 'utf8') }
  const open = async (more: Pick<OpenMore, 'from' | 'to'>, over: Partial<OpenMore> = {}): Promise<number> => {
    client.send({ ...settings, ...more, ...over } satisfies OpenMore)
    const ended = new Promise<never>((_, reject) => client.once('exit', code => reject(new Error(`the client ended with ${code ?? 'a signal'}`))))
    await Promise.race([once(client, 'message'), sluice.ended, ended])
    await sleep(REST_MS)
    return residentMemory(sluice.pid)
  }
  try {
    // Hosts that are not measured, and tunnels that close.
    const before = await open({ from: 100_000, to: 100_000 + WARM_UP }, { keep: false })
    const rows: Growth[] = []
    let from = 0
    for (const to of counts) {
      const resident = await open({ from, to })
      // On a machine that takes minutes for them, the first have been idle for too long when the last is there.
      const count = settings.keep ? await openTunnels(sluice.admin) : to
      rows.push({ count, each: Math.max(0, resident - before) / count, resident })
      from = to
    }
    client.disconnect()
    await sleep(2 * REST_MS)
    return { rows, before, after: residentMemory(sluice.pid) }
  } finally {
    if (client.connected) client.disconnect()
    await sluice.close()
    await tunnels.close()
    await origin.close()
  }
}

async function openTunnels(admin: string): Promise<number> {
  const text = await (await fetch(`${admin}/metrics`)).text()
  return Number(/^sluice_tunnels_open (\d+)$/m.exec(text)?.[1] ?? 0)
}
