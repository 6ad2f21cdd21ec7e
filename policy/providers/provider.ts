import type { Account, Operation, Provider, Reason } from '../operation.ts'

/** The head of one request, already normalised by `proxy/host-port.ts`. */
export interface RequestHead {
  /** Upper case, as sent; method overrides are honoured by the recogniser. */
  readonly method: string
  /** Lower case, A-label, without port and trailing dot. */
  readonly host: string
  /** Canonical path: starts with `/`, dot segments resolved, percent-encoding of reserved characters kept. */
  readonly path: string
  /** Raw query without `?`; empty when there is none. */
  readonly query: string
  readonly headers: HeaderView
  /** Declared body length in bytes; 0 without a body; null where it is not told (chunked, or HTTP/2 without content-length). */
  readonly contentLength: number | null
  /** Bytes above which a body that nothing explains is an upload (`intercept.unexplainedBody`); 16 KiB when left out. */
  readonly unexplainedLimit?: number
}

/** Header look-up by lower-case name. Repeated headers are joined with `, `; bytes are Latin-1 characters. */
export interface HeaderView {
  get(name: string): string | undefined
}

export interface Recognition {
  readonly operation: Operation
  readonly reasons: readonly Reason[]
  /** Bytes of the body's beginning that would tell more (a name, what a batch holds); 0 when the head says all. */
  readonly peek: number
  /** Set where nothing explains a body of untold length: it counts as an upload after this many bytes (`explainBody`). */
  readonly unexplainedOver?: number
}

/** Where a host stands in the catalogue. `sign-in` hosts are opened only while tenants are restricted or learned. */
export type HostRole = 'storage' | 'sign-in'

export interface HostPattern {
  /** `content.dropboxapi.com`, or `*.sharepoint.com` for every name below (the name itself not included). */
  readonly pattern: string
  readonly role: HostRole
}

/**
 * One endpoint row. `path` is matched against the canonical path from its start; `where` says how the size and
 * name are told (for the reader), `source` where the row comes from.
 */
export interface Endpoint {
  readonly methods: readonly string[]
  readonly hosts?: readonly string[]
  readonly path: RegExp
  readonly activity: Operation['activity']
  readonly step: Operation['step']
  readonly source: string
}

/** One cloud-storage service (or several that share hosts): pure, no I/O. */
export interface ProviderModule {
  readonly id: string
  readonly account: Account
  readonly hosts: readonly HostPattern[]
  /** DNS domains for which the CA may sign on behalf of this provider. */
  readonly domains: readonly string[]
  /** The provider that a host belongs to; a tenant may be told by the host too. */
  readonly providerOf: (host: string) => Provider
  readonly recognise: (head: RequestHead) => Recognition
  /**
   * Looks again with the beginning of the body in hand. `complete` when `body` is all of it.
   * Only called when `recognise` asked for a peek.
   */
  readonly refine?: (head: RequestHead, first: Recognition, body: Buffer, complete: boolean) => Recognition
}
