/** What is known of the way a request came: the client, and the tunnel when it came through one. */
import type { TlsLeg } from '../dashboards/outcome.ts'
import type { RefusalCode } from './errors.ts'
import type { Judgement } from './stages/judge.ts'

/** One client connection to the proxy. */
export interface Peer {
  /** Canonical address. */
  readonly ip: string
  readonly port: number
  /** As whom the client has authenticated to the proxy, by the name under which rules know him. */
  readonly user?: string
}

/** One CONNECT. */
export interface Tunnel {
  readonly id: string
  readonly peer: Peer
  /** When it was asked for: milliseconds since the epoch, and monotonic ones. */
  readonly at: number
  readonly startedAt: number
  /** What CONNECT named, normalised. */
  readonly host: string
  readonly port: number
  /** The name that the client's TLS asked for; the certificate shown is for this one. */
  readonly serverName: string
  /** What was agreed on with the client, once it was. */
  readonly tls?: TlsLeg
  /**
   * A connection-bound authentication (NTLM, Negotiate) was seen: from then on the origin's connections
   * belong to this tunnel alone.
   */
  pinned: boolean
  /** Closes the client's connection, whatever is under way on it. */
  destroy(): void
  /** Finds out whether the client has reset the connection; it closes then. */
  touch(): void
}

/**
 * How a tunnel ended, with the bytes that it carried. `spliced-opaque`: what it was could not be told, which is to be
 * recorded; `spliced-break-glass`: it would have been opened at any other time.
 */
export type TunnelEnd = {
  readonly kind: 'intercepted' | 'spliced' | 'spliced-opaque' | 'spliced-break-glass'
  readonly up: number
  readonly down: number
  /** What rules said of it; left out: they were not asked. */
  readonly judgement?: Judgement
  /** A rule ended it after bytes had passed. */
  readonly cut?: true
} | {
  readonly kind: 'refused'
  readonly up: 0
  readonly down: 0
  readonly refusal: RefusalCode
  /** For the log. */
  readonly detail: string
  /** The client was only asked who it is. */
  readonly asked?: true
  readonly judgement?: Judgement
}

let counter = 0

export function nextTunnelId(): string {
  counter = (counter + 1) % Number.MAX_SAFE_INTEGER
  return counter.toString(36)
}
