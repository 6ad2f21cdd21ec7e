import type { IncomingMessage, ServerResponse } from 'node:http'
import type { FastifyBaseLogger, FastifyInstance, FastifyTypeProvider, RawServerDefault } from 'fastify'
import type { Static, TSchema } from 'typebox'
import type { Snapshot } from '../snapshot.ts'
import type { Log } from '../store/log.ts'
import type { Store, StoredToken } from '../store/store.ts'
import type { UsageBy, UsageRow } from '../usage.ts'
import type { EventsPort } from './events-port.ts'
import type { DescribedRequest, Explanation } from './explain.ts'
import type { Limits } from './limits.ts'
import type { Simulate } from './simulate-port.ts'
import type { Oidc } from './oidc.ts'

/** Who may call, and how: what the configuration says of it. */
export interface Access {
  readonly limits: Limits
  /** Networks (CIDR) of reverse proxies whose `X-Forwarded-For` tells the client's address. */
  readonly trustedPeers: readonly string[]
  /** Certificate chain and key (PEM); null: plain HTTP. */
  readonly tls: { readonly cert: string; readonly key: string } | null
  /** Who signs in at an identity provider; null: nobody. */
  readonly oidc: Oidc | null
}

/** Everything the API reaches outside itself; `proxy/main.ts` hands it in. */
export interface AdminPorts {
  readonly store: Store
  readonly snapshot: Snapshot
  /** The tokens that open the API; see `tokenSource`. */
  readonly tokens: () => Promise<readonly StoredToken[]>
  readonly access: Access
  /** Counts a request whose caller was not let in, by the code of the error. */
  readonly refused: (code: string) => void
  /** What the proxy would decide; counts and records nothing. A SluiceError is told to the caller. */
  readonly explain: (described: DescribedRequest) => Explanation | Promise<Explanation>
  /** Sums of uploads over the last hours; see `Usage.report`. */
  readonly usage: (by: UsageBy, overHours: number) => readonly UsageRow[]
  /** What was recorded on this node. */
  readonly events: EventsPort
  readonly simulate: Simulate
  /** The files of the web page, by name within `/console/`; the page itself has the empty name. */
  readonly console: ReadonlyMap<string, { readonly type: string; readonly body: string }>
  /** Metrics in the form that an `Accept` header prefers, with its `contentType`. */
  readonly metrics: (accept: string) => Promise<{ contentType: string; body: string }>
  readonly ready: () => { ready: boolean; degraded: boolean; checks: Record<string, string> }
  readonly version: string
  readonly log: Log
}

/** Schemas as types: what comes in is as it was checked; what goes out need not be changeable. */
export interface AdminTypes extends FastifyTypeProvider {
  validator: this['schema'] extends TSchema ? Static<this['schema']> : unknown
  serializer: this['schema'] extends TSchema ? Told<Static<this['schema']>> : unknown
}

type Told<T> = T extends readonly unknown[] ? readonly Told<T[number]>[]
  : T extends object ? { readonly [K in keyof T]: Told<T[K]> } : T

/** What `/healthz`, `/readyz` and `/metrics` need of it. */
export type HealthPorts = Pick<AdminPorts, 'metrics' | 'ready' | 'version' | 'log'>

export type AdminApp = FastifyInstance<RawServerDefault, IncomingMessage, ServerResponse, FastifyBaseLogger, AdminTypes>
