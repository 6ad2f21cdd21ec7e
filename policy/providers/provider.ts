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

/**
 * Where a host stands in the catalogue. `sign-in` hosts are opened only while tenants are restricted or learned.
 * `pinned` hosts serve programs that accept no authority but their own, so they cannot be opened (`intercept.pinned`).
 */
export const HOST_ROLES = ['storage', 'sign-in', 'pinned'] as const
export type HostRole = (typeof HOST_ROLES)[number]

export interface HostPattern {
  /**
   * `content.dropboxapi.com`, or `*.sharepoint.com` for every name below (the name itself not included). A `*` further
   * right stands for (a part of) one label: `*.s3.*.amazonaws.com`, `p*-docws.icloud.com`.
   */
  readonly pattern: string
  readonly role: HostRole
  /** Beginnings of paths, lower case, where providers share a host: only these requests are this provider's. */
  readonly paths?: readonly string[]
}

/** Where a request tells a fact. */
export type Source =
  | { readonly header: string }
  | { readonly query: string }
  /** A parameter of the row's path template. */
  | { readonly path: string }
  /** A member of the JSON body: `item.size`, `files[].name`. Of several sizes the sum counts, of several names all. */
  | { readonly json: string }
  /** The file name of a part of a `multipart/form-data` body, or with `json`, a member of the JSON that is in it. */
  | { readonly form: string; readonly json?: string }

/** One endpoint row. `path` is matched against the canonical path from its start, `source` says where the row comes from. */
export interface Endpoint {
  readonly methods: readonly string[]
  /** Where it holds for some hosts only: names, or `*.` for every name below. */
  readonly hosts?: readonly string[]
  readonly path: RegExp
  /** Query parameters that must be there: `uploads`, or with a value, `comp=block`. */
  readonly query?: readonly string[]
  readonly activity: Operation['activity']
  readonly step: Operation['step']
  readonly source: string
  /** Where the request tells these; of a list, the first that does. Read by `table.ts`. */
  readonly size?: Source
  readonly name?: Source | readonly Source[]
  readonly session?: Source
  readonly tenant?: Source
  /** The JSON body decides what the row is. */
  readonly body?: 'json'
  /** No real client's recorded request stands behind this row. */
  readonly unproven?: boolean
}

/** A row as people read it (`sluice providers`). */
export interface ListedEndpoint {
  readonly methods: readonly string[]
  /** Where it holds for some of the provider's hosts only. */
  readonly hosts?: readonly string[]
  /** Path and query, as a pattern. */
  readonly path: string
  readonly activity: Operation['activity']
  readonly step: Operation['step']
  readonly source: string
  readonly unproven: boolean
}

/** The origin's answer to a request that started a session. `body`: all of it, decoded; null where it was not asked for. */
export interface StartResponse {
  readonly status: number
  header(name: string): string | undefined
  readonly body: Buffer | null
}

/** The session that an answer opened. */
export interface Learned {
  /** As `recognise` will read it from the requests of the session. */
  readonly session: string
  /** Where those requests go, where that is not the start's own host. Lower case. */
  readonly host?: string
  /** What those requests will be recognised as, where that is not the start's own provider. */
  readonly provider?: Provider
  /** The whole upload's size in bytes, where the answer tells it. */
  readonly size?: number
  /** The start's own body was content of the upload. */
  readonly carries?: boolean
}

/** The beginning of a body. `complete`: it is all of it. */
export interface BodyPart {
  readonly bytes: Buffer
  readonly complete: boolean
}

/**
 * The place that a request writes to, where host and path do not name its tenant (`Operation.tenantHint` does then).
 * `own`: the root of the credential's own account, or below it; `named`: drives, folders, namespaces or links that the
 * request names by the provider's ids, each of which may be anybody's; `unseen`: it is told where nobody could look.
 */
export type WrittenPlace =
  | { readonly is: 'own' }
  | { readonly is: 'named'; readonly ids: readonly string[] }
  | { readonly is: 'unseen' }

/**
 * What an answer tells of whose a credential or a place is. Whose: `tenants` where the answer says so, else that of the
 * place `within`, else that of the request's own credential.
 */
export interface Identity {
  /** Names of the one tenant, lower case: a directory id and its domains, a team id, a domain, `personal`. */
  readonly tenants?: readonly string[]
  readonly within?: string
  /** What lies within a place belongs to who made it: it may allow only where the request's credential is of the place's tenant. */
  readonly isMakers?: true
  /** The provider's id of the account (a Dropbox `account_id`): what is learned of one credential of it holds for its others. */
  readonly person?: string
  /**
   * Credentials that the answer gives out, and for how many seconds; left out, the request's own is meant. An empty list
   * means none: whoever looks at a foreign drive does not come to belong to its tenant.
   */
  readonly issued?: readonly { readonly token: string; readonly seconds: number }[]
  /** The provider's ids of places that are that tenant's own, as `placeOf` names them. */
  readonly places?: readonly string[]
  /** False: it counts against an upload, never for it (an e-mail address that anybody could have). */
  readonly mayAllow: boolean
}

/** A request that has the provider say whose a credential is; the credential is added by who asks. */
export interface Question {
  readonly method: 'GET' | 'POST'
  readonly host: string
  /** With its query. */
  readonly path: string
  readonly body?: string
}

/** One cloud-storage service (or several that share hosts): pure, no I/O. */
export interface ProviderModule {
  readonly id: string
  readonly account: Account
  /** Whose error form its programs read, where that is not `account`'s: `like: s3` with accounts of its own. */
  readonly errorForm?: Account
  /** What its recognitions name. */
  readonly providers: readonly Provider[]
  readonly hosts: readonly HostPattern[]
  /** DNS domains for which the CA may sign on behalf of this provider. */
  readonly domains: readonly string[]
  /**
   * Names that are served where its hosts are, as patterns of hosts: a request for one of its hosts may be hidden in a tunnel to
   * them (`intercept.front`). What is in `hosts` need not be left out.
   */
  readonly fronts?: readonly string[]
  /** The provider that a host belongs to; a tenant may be told by the host too. */
  readonly providerOf: (host: string) => Provider
  readonly recognise: (head: RequestHead) => Recognition
  /**
   * Looks again with the beginning of the body in hand. `complete` when `body` is all of it.
   * Only called when `recognise` asked for a peek.
   */
  readonly refine?: (head: RequestHead, first: Recognition, body: Buffer, complete: boolean) => Recognition
  /** Methods under which a body means something here, and nothing in general. */
  readonly bodiesUnder?: ReadonlySet<string>
  /** Content is kept under the coding that it came in (`Content-Encoding` is metadata there): its size is that of the coded bytes. */
  readonly keepsCodings?: boolean
  /** A start, part or batch without a file's name still has one: it comes with the finish, or lies within the body. */
  readonly namesLate?: boolean
  /** A session's id holds for the host that its requests go to, and for no other. */
  readonly sessionsByHost?: boolean
  /** Where the answer to a request tells which session it opened; null where there is nothing to learn. */
  readonly learns?: (operation: Operation) => 'headers' | 'body' | null
  /** Reads that answer, of status 2xx. Total: undefined where it does not say. */
  readonly learn?: (head: RequestHead, operation: Operation, response: StartResponse) => Learned | undefined
  /**
   * The place that a request writes to. `body`: what was read of it, null before. A part that names its session, in one
   * way only, is `own` as far as it tells: its start told the place. Total.
   */
  readonly placeOf?: (head: RequestHead, operation: Operation, body: BodyPart | null) => WrittenPlace
  /** Whether the answer to this request can tell whose a credential or a place is: exactly those endpoints. */
  readonly identifies?: (head: RequestHead, operation: Operation) => boolean
  /**
   * Reads that answer, of status 2xx, its body decoded and bounded. `written`: what `placeOf` said of the request, for
   * answers that do not say where the thing created lies. Total: empty where it does not say.
   */
  readonly identify?: (head: RequestHead, response: StartResponse, written?: WrittenPlace) => readonly Identity[]
  /** What `tenants.ask` asks; its answer is read by `identify`. */
  readonly question?: Question
  /** What is recognised, for people; recognition itself does not read it. */
  readonly endpoints?: readonly ListedEndpoint[]
}
