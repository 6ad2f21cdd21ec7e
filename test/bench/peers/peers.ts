/** The proxies that are measured in one go. */
import { existsSync } from 'node:fs'
import { startHttpMitmProxy } from './http-mitm-proxy.ts'
import { MITMDUMP, startMitmproxy } from './mitmproxy.ts'
import { startSluice } from './sluice.ts'
import { SQUID, startSquid } from './squid.ts'
import type { Ground, Target } from './target.ts'

export interface Peer {
  readonly name: string
  readonly start: (ground: Ground) => Promise<Target>
  /** The program that has to be there. */
  readonly program?: string
  /** Passes tunnels on unseen: the floor, and the only one besides Sluice that is asked for that alone. */
  readonly isTunnel?: true
  readonly isSluice?: true
  /** Opens what clients speak HTTP/2 in. */
  readonly hasHttp2: boolean
}

/** By the relay, as it is unless told otherwise. */
export const SLUICE = 'Sluice'
/** What ratios are told to. */
export const SQUID_OPENING = 'Squid'
export const TUNNEL = 'plain tunnel'

export const PEERS: readonly Peer[] = [
  { name: SLUICE, start: ground => startSluice(ground, { engine: 'relay' }), isSluice: true, hasHttp2: true },
  { name: 'Sluice by pipeline', start: ground => startSluice(ground, { engine: 'pipeline' }), isSluice: true, hasHttp2: true },
  { name: SQUID_OPENING, start: ground => startSquid(ground, true), program: SQUID, hasHttp2: false },
  { name: TUNNEL, start: ground => startSquid(ground, false), program: SQUID, isTunnel: true, hasHttp2: true },
  // 8.1 answers some of many streams with 502, when the origin ends them as it may.
  { name: 'mitmproxy', start: startMitmproxy, program: MITMDUMP, hasHttp2: false },
  { name: 'http-mitm-proxy', start: startHttpMitmProxy, hasHttp2: false },
]

export function isThere({ program }: Peer): boolean {
  return program === undefined || existsSync(program)
}
