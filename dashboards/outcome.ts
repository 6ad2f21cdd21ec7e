import type { Attribution, Client, Decision, Operation, Reason } from '../policy/operation.ts'

/** How the bytes came. `tunnel`: a spliced connection, of which only the host and the byte counts are known. */
export const PROTOCOLS = ['http/1.1', 'h2', 'websocket', 'tunnel'] as const
export type Protocol = (typeof PROTOCOLS)[number]

export const TLS_VERSIONS = ['1.2', '1.3', 'other'] as const
export type TlsVersion = (typeof TLS_VERSIONS)[number]

/** One TLS connection. `cipher`: its IANA name. */
export interface TlsLeg {
  readonly version: TlsVersion
  readonly cipher: string
}

/** What rules were asked with beyond operation, attribution and client: what a replay of the event needs. */
export interface Evidence {
  /** Every name that a rule may know the tenant by, lower case. */
  readonly tenantIds: readonly string[]
  /** The names count against the request only. */
  readonly tenantDenies: boolean
  /** The file has a name that was not known. */
  readonly namedElsewhere: boolean
  /** What went before in the upload session could not be looked up. */
  readonly sessionLost: boolean
  /** The size is that of bytes under a coding that the provider undoes. */
  readonly isEncoded?: true
  /** Rules that the person was excepted from, with the exceptions' ids; left out: none. */
  readonly excepted?: ReadonlyMap<string, string>
  /** When it was judged, in milliseconds since the epoch. */
  readonly decidedAt: number
}

/** One request or tunnel, told exactly once, when it is over. Log line, event and metrics all derive from it. */
export interface Outcome {
  /** Event id: at least 16 random URL-safe characters. A refused client is told it. */
  readonly id: string
  /** When it began, in milliseconds since the epoch. */
  readonly at: number
  /** Null for what is not cloud storage. */
  readonly operation: Operation | null
  readonly attribution: Attribution | null
  readonly client: Client
  readonly decision: Decision
  readonly method: string
  readonly host: string
  /** Without query; empty for a tunnel. */
  readonly path: string
  /** Null where no response was sent. */
  readonly status: number | null
  /** Body bytes forwarded to the origin. */
  readonly bytesUp: number
  /** Body bytes passed on to the client. */
  readonly bytesDown: number
  readonly durationMs: number
  /** Time spent deciding; 0 where nothing was decided: a tunnel, a request that was refused before. */
  readonly decisionMs: number
  readonly protocol: Protocol
  /** The transfer was ended by a decision after it had begun. */
  readonly cut: boolean
  /** Of every stage, the decision's included. */
  readonly reasons: readonly Reason[]
  readonly upstreamReused?: boolean
  /** Between client and Sluice, within the tunnel; left out where that is without TLS. */
  readonly clientTls?: TlsLeg
  /** Between Sluice and the origin. */
  readonly upstreamTls?: TlsLeg
  /** Left out where no policy was asked. */
  readonly evidence?: Evidence
  /** User and address are pseudonyms. */
  readonly isPseudonymous?: true
}
