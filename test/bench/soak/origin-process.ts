/** The origins of a soak in a process of their own: the stand-in providers, and a host of no provider, whose tunnels are counted. */
import { createWriteStream } from 'node:fs'
import { once } from 'node:events'
import { startOrigin } from '../../origin/origin.ts'
import { startTunnelOrigin, TUNNEL_HOST } from './tunnel-origin.ts'
import type { TunnelCount } from './tunnel-origin.ts'

/** What the process sends once, when it listens. */
export interface SoakOriginAddress {
  readonly caFile: string
  readonly controlUrl: string
  readonly upstreamHosts: Readonly<Record<string, string>>
  /** The root of the host of no provider, PEM. */
  readonly tunnelCa: string
}

/** One request as it arrived, a line of what `dump` writes. */
export interface Arrived {
  /** The User-Agent. */
  readonly id: string
  readonly method: string
  readonly host: string
  readonly path: string
  readonly bytes: number
  readonly complete: boolean
  readonly status: number
}

/** Sent by the parent: write down all that came, into these files. Answered with `dumped`. */
export interface Dump {
  readonly requests: string
  readonly tunnels: string
}

// Contents are hashed, not kept: there will be many, and nobody asks for them.
const origin = await startOrigin({ keepBytes: 0 })
const tunnels = await startTunnelOrigin()
const address: SoakOriginAddress = {
  caFile: origin.caFile, controlUrl: origin.controlUrl, tunnelCa: tunnels.ca,
  upstreamHosts: { ...origin.upstreamHosts(), [`${TUNNEL_HOST}:443`]: tunnels.address },
}
process.once('disconnect', () => void Promise.all([origin.close(), tunnels.close()]))
process.on('message', (message: Dump) => {
  void dump(message).then(() => process.send?.('dumped'))
})
process.send?.(address)

async function dump(files: Dump): Promise<void> {
  await write(files.requests, origin.requests().map(({ headers, method, host, path, bodyBytes, complete, status }): Arrived => ({
    id: headers['user-agent'] ?? '', method, host, path, bytes: bodyBytes, complete, status,
  })))
  await write<TunnelCount>(files.tunnels, tunnels.counts())
}

async function write<T>(path: string, lines: readonly T[]): Promise<void> {
  const stream = createWriteStream(path)
  for (const line of lines) if (!stream.write(`${JSON.stringify(line)}\n`)) await once(stream, 'drain')
  await new Promise<void>(resolve => stream.end(() => resolve()))
}
