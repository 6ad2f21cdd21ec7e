/** What is known of the way a request came: the client, and the tunnel when it came through one. */

/** One client connection to the proxy. */
export interface Peer {
  /** Canonical address. */
  readonly ip: string
  readonly port: number
}

/** One CONNECT tunnel that Sluice opened. */
export interface Tunnel {
  readonly id: string
  readonly peer: Peer
  /** What CONNECT named, normalised. */
  readonly host: string
  readonly port: number
  /** The name that the client's TLS asked for; the certificate shown is for this one. */
  readonly serverName: string
  /**
   * A connection-bound authentication (NTLM, Negotiate) was seen: from then on the origin's connections
   * belong to this tunnel alone.
   */
  pinned: boolean
  /** Closes the client's connection, whatever is under way on it. */
  destroy(): void
}

let counter = 0

export function nextTunnelId(): string {
  counter = (counter + 1) % Number.MAX_SAFE_INTEGER
  return counter.toString(36)
}
