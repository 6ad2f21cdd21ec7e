/**
 * What Prometheus reads. Every label value comes from a closed list, so that no client can make a series;
 * names follow https://prometheus.io/docs/practices/naming/ (base units, `_total` for counters).
 */
import { Counter, Gauge, Registry, collectDefaultMetrics } from 'prom-client'
import type { Aggregator } from 'prom-client'
import packageJson from '../package.json' with { type: 'json' }
import { ACTIONS, ACTIVITIES, CLIENT_CLASSES, HOWS, REASONS, STANDINGS } from '../policy/operation.ts'
import { PROVIDERS } from '../policy/providers/index.ts'
import type { Operation } from '../policy/operation.ts'
import { PROTOCOLS, TLS_VERSIONS } from './outcome.ts'
import type { Outcome, TlsVersion } from './outcome.ts'
import { expose } from './expose.ts'
import type { Exposition } from './expose.ts'
import type { MetricValues } from './merge-metrics.ts'
import { registerSinks } from './sink-metrics.ts'
import type { SinkState } from './sink-metrics.ts'
import { Spread } from './spread.ts'
import { Tally } from './tally.ts'

/** How an upstream connection can fail. */
export const UPSTREAM_FAILURES = ['name', 'connect', 'timeout', 'certificate', 'broken', 'parent', 'other'] as const
export type UpstreamFailure = (typeof UPSTREAM_FAILURES)[number]

/** Why an origin did not prove who it is. */
export const CERTIFICATE_FAULTS = [
  'expired', 'not-yet-valid', 'untrusted', 'host', 'no-host', 'usage', 'weak', 'revoked', 'revocation-unknown', 'lifetime', 'pin', 'protocol', 'other',
] as const
export type CertificateFault = (typeof CERTIFICATE_FAULTS)[number]

export const TUNNEL_KINDS = ['intercepted', 'spliced', 'refused'] as const
export type TunnelKind = (typeof TUNNEL_KINDS)[number]

/** Whom Sluice speaks TLS with. */
export const TLS_LEGS = ['client', 'origin'] as const
export type TlsLegName = (typeof TLS_LEGS)[number]

/** How a handshake was done: with certificate and key, or by what one before has left. */
const HANDSHAKES = ['full', 'resumed'] as const

/** Which limit of `proxy.limits` has ended a connection. */
export const CONNECTION_ENDS = ['head', 'handshake', 'idle', 'age', 'requests'] as const
export type ConnectionEnd = (typeof CONNECTION_ENDS)[number]

/** What Sluice shows a certificate of its own with: to clients, or to those who call the admin API. */
export const CERTIFICATES = ['authority', 'proxy', 'admin'] as const
export type CertificateName = (typeof CERTIFICATES)[number]

export const ADMIN_REFUSALS = [
  'admin.unauthorised', 'token.expired', 'admin.forbidden', 'admin.too-many-requests', 'admin.locked-out', 'admin.issuer-unreachable', 'other',
] as const

export interface Metrics {
  /** Exactly once a request or tunnel, when it is over. */
  observe(outcome: Outcome): void
  /** Every CONNECT; `refused` ones are counted and never open. */
  tunnelOpened(kind: TunnelKind): void
  tunnelClosed(): void
  /** A request or connection that was refused before a policy was asked. */
  refused(code: string): void
  /** A request of the admin API whose caller was not let in; anything but `ADMIN_REFUSALS` counts as `other`. */
  adminRefused(code: string): void
  upstreamFailed(reason: UpstreamFailure): void
  /** Beside `upstreamFailed('certificate')`. */
  certificateRefused(fault: CertificateFault): void
  /** Once a connection, when its handshake is done. */
  secured(leg: TlsLegName, version: TlsVersion, isResumed: boolean): void
  /** The leaf cache counts for itself, since its start. */
  leafCache(read: () => { readonly size: number; readonly hits: number; readonly misses: number }): void
  connectionEnded(by: ConnectionEnd): void
  /** Connections of clients that were let in and are open. */
  connectionsOpen(read: () => number): void
  /** Whether what is new is refused for want of memory. */
  shedding(read: () => boolean): void
  storeUp(read: () => boolean): void
  breakGlass(read: () => boolean): void
  policyRevision(read: () => number): void
  /** Seconds since the store last confirmed the policy in use. */
  policyAge(read: () => number): void
  eventSinks(read: () => readonly SinkState[]): void
  /** The store has a policy that is not valid; the one before stays in use. */
  policyFaulty(read: () => boolean): void
  /** Until when each is valid. */
  certificates(read: () => ReadonlyMap<CertificateName, Date>): void
  /** The most uploads that were blocked for one user lately. */
  blockedUploads(read: () => number): void
  /** `proxy.limits`: how much there may be of what else is a gauge; null: no bound. */
  limits(numbers: { readonly connections: number; readonly tunnels: number; readonly memory: number | null }): void
  /** Of the processes that carry the traffic: how many are ready, and how many have ended by themselves. */
  workers(read: () => { readonly ready: number; readonly exits: number }): void
  /** Whether the directory file that lies there is in force, and whether the directory service answers. */
  peopleFileUp(read: () => boolean): void
  ldapUp(read: () => boolean): void
  /** Look-ups and writes of upload sessions that the store failed. */
  sessionStoreFailures(read: () => number): void
  /** Look-ups and writes of learned credentials and places that the store failed. */
  bindingStoreFailures(read: () => number): void
  /** All of this process, for `mergeMetrics`. */
  values(): Promise<MetricValues>
  /** In the form that an `Accept` header prefers. */
  text(accept?: string): Promise<Exposition>
}

const activity = { label: 'activity', values: ACTIVITIES }
const action = { label: 'action', values: ACTIONS }
const standing = { label: 'standing', values: STANDINGS }
const how = { label: 'how', values: HOWS }
const client = { label: 'client', values: CLIENT_CLASSES }
const protocol = { label: 'protocol', values: PROTOCOLS }
const direction = { label: 'direction', values: ['up', 'down'] }

// 1 KB to 100 GB: what people upload spans eight orders of magnitude.
const SIZE_BUCKETS = [1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11]
// 1 ms to 2 h: an answer from memory, and an upload of 100 GB over a slow line.
const REQUEST_BUCKETS = [1e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800, 7_200]
/** By the first digit of the status that the client was answered with; `none`: it was not answered. */
const STATUSES = ['1xx', '2xx', '3xx', '4xx', '5xx', 'none'] as const
// Gauges whose names end in `_total`, as only those of counters may.
const MISNAMED = ['nodejs_active_resources_total', 'nodejs_active_handles_total', 'nodejs_active_requests_total']
// 1 µs to 10 ms: a decision is in-memory work; above lies an event loop in trouble.
const DECISION_BUCKETS = [1e-6, 2.5e-6, 5e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 1e-2]

export interface MetricsOptions {
  /** The closed list of what `refused` may be told; anything else counts as `other`. */
  readonly refusalCodes?: readonly string[]
  /** The catalogue's providers, declared ones included; anything else counts as `none`. */
  readonly providers?: readonly string[]
}

/** A registry of its own, with the process's metrics. */
export function createMetrics({ refusalCodes = REASONS, providers = PROVIDERS }: MetricsOptions = {}): Metrics {
  const provider = { label: 'provider', values: [...providers, 'none'] }
  const registry = new Registry()
  const registers = [registry]
  const tally = (name: string, help: string, ...dimensions: ConstructorParameters<typeof Tally>[3]) =>
    new Tally(registry, name, help, dimensions)
  /** `merged`: what several processes' values make. */
  const gauge = (name: string, help: string, read: () => number, merged: Aggregator = 'sum') => {
    new Gauge({ name, help, registers, aggregator: merged, collect() { this.set(read()) } })
  }
  /** A counter that somebody else keeps. */
  const count = (name: string, help: string, read: () => number) => {
    new Counter({
      name, help, registers,
      collect() {
        this.reset()
        this.inc(read())
      },
    })
  }
  collectDefaultMetrics({ register: registry })
  for (const name of MISNAMED) registry.removeSingleMetric(name)
  new Gauge({ name: 'sluice_build_info', help: 'Version of Sluice and of Node.', registers, aggregator: 'first', labelNames: ['version', 'node'] })
    .set({ version: packageJson.version, node: process.versions.node }, 1)

  const requests = tally('sluice_requests_total', 'Requests and tunnels that are over.', provider, activity, action, protocol)
  const decisions = tally('sluice_decisions_total', 'Decisions by whose tenant was written to.', provider, activity, action, standing)
  const reasons = tally('sluice_decision_reasons_total', 'Reasons that decisions carried.',
    { label: 'reason', values: REASONS }, action)
  const uploaded = tally('sluice_uploaded_bytes_total', 'Bytes of upload bodies forwarded to providers.',
    provider, action, standing, client)
  const uploads = tally('sluice_upload_requests_total', 'Requests that upload, blocked ones included.', provider, action, standing, client)
  const attributions = tally('sluice_upload_attributions_total',
    'Upload requests by what their tenant is, how it was found, and who sent them.', provider, standing, how, client)
  const tunnels = tally('sluice_tunnels_total', 'CONNECT requests by what became of them.', { label: 'kind', values: TUNNEL_KINDS })
  const tunnelBytes = tally('sluice_tunnel_bytes_total', 'Bytes through spliced tunnels.', direction)
  const webSocketBytes = tally('sluice_websocket_bytes_total', 'Bytes of WebSocket frames.', direction)
  const refusals = tally('sluice_refused_total', 'Refused before a policy was asked.',
    { label: 'code', values: [...refusalCodes, 'other'] })
  const adminRefusals = tally('sluice_admin_refused_total', 'Requests of the admin API whose caller was not let in.',
    { label: 'code', values: ADMIN_REFUSALS })
  const connectionEnds = tally('sluice_connections_ended_total', 'Connections and tunnels of clients that a limit has ended.',
    { label: 'limit', values: CONNECTION_ENDS })
  const upstreamFailures = tally('sluice_upstream_failures_total', 'Upstream connections that failed.',
    { label: 'reason', values: UPSTREAM_FAILURES })
  const certificateFaults = tally('sluice_upstream_certificate_faults_total', 'Origins that did not prove who they are, by what was wrong.',
    { label: 'fault', values: CERTIFICATE_FAULTS })
  const handshakes = tally('sluice_tls_handshakes_total', 'TLS connections within opened tunnels, and to their origins, by version and handshake.',
    { label: 'leg', values: TLS_LEGS }, { label: 'version', values: TLS_VERSIONS }, { label: 'handshake', values: HANDSHAKES })
  const uploadSize = new Spread('sluice_upload_size_bytes', 'Sizes of whole uploads, where they were told.', SIZE_BUCKETS, [provider, action])
  const decisionTime = new Spread('sluice_decision_duration_seconds', 'Time taken to recognise, attribute and decide.', DECISION_BUCKETS)
  const requestTime = new Spread('sluice_request_duration_seconds',
    'Time from the head of a request to the end of its answer; without tunnels and WebSockets.', REQUEST_BUCKETS, [action, { label: 'status', values: STATUSES }])
  const spreads = [uploadSize, decisionTime, requestTime]
  let open = 0
  gauge('sluice_tunnels_open', 'Tunnels open now, intercepted ones included.', () => open)

  const values = async (): Promise<MetricValues> =>
    [...await registry.getMetricsAsJSON(), ...spreads.map((spread) => spread.values())]
  return {
    observe(outcome) {
      const { operation, decision, id, at } = outcome
      const whose = operation?.provider ?? 'none'
      const what = operation?.activity ?? (outcome.protocol === 'tunnel' ? 'tunnel' : 'other')
      const standing = outcome.attribution?.standing ?? 'unknown'
      requests.add(1, whose, what, decision.action, outcome.protocol)
      decisions.add(1, whose, what, decision.action, standing)
      for (const reason of outcome.reasons) reasons.add(1, reason, decision.action)
      if (outcome.decisionMs > 0) decisionTime.observe(outcome.decisionMs / 1000, id, at)
      if (outcome.protocol === 'tunnel') countBoth(tunnelBytes, outcome)
      else if (outcome.protocol === 'websocket') countBoth(webSocketBytes, outcome)
      else requestTime.observe(outcome.durationMs / 1000, id, at, decision.action, statusOf(outcome.status))
      if (what !== 'upload' || operation === null) return
      uploaded.add(outcome.bytesUp, whose, decision.action, standing, outcome.client.class)
      uploads.add(1, whose, decision.action, standing, outcome.client.class)
      attributions.add(1, whose, standing, outcome.attribution?.how ?? 'none', outcome.client.class)
      const size = uploadSizeOf(operation, outcome.bytesUp)
      if (size !== null) uploadSize.observe(size, id, at, whose, decision.action)
    },
    tunnelOpened(kind) {
      tunnels.add(1, kind)
      if (kind !== 'refused') open++
    },
    tunnelClosed() { open-- },
    refused(code) { refusals.add(1, code) },
    connectionEnded(by) { connectionEnds.add(1, by) },
    adminRefused(code) { adminRefusals.add(1, code) },
    upstreamFailed(reason) { upstreamFailures.add(1, reason) },
    certificateRefused(fault) { certificateFaults.add(1, fault) },
    secured(leg, version, isResumed) { handshakes.add(1, leg, version, isResumed ? 'resumed' : 'full') },
    leafCache(read) {
      gauge('sluice_leaf_cache_size', 'Leaf certificates in the cache.', () => read().size, 'max')
      count('sluice_leaf_cache_hits_total', 'Leaf certificates found in the cache.', () => read().hits)
      count('sluice_leaf_cache_misses_total', 'Leaf certificates made.', () => read().misses)
    },
    breakGlass(read) { gauge('sluice_break_glass', 'Whether break-glass lets everything pass.', () => read() ? 1 : 0, 'max') },
    connectionsOpen(read) { gauge('sluice_connections_open', 'Connections of clients open now.', read) },
    shedding(read) { gauge('sluice_shedding', 'Whether new tunnels and requests are refused for want of memory.', () => read() ? 1 : 0, 'max') },
    storeUp(read) { gauge('sluice_store_up', 'Whether the store answers.', () => read() ? 1 : 0, 'min') },
    policyRevision(read) { gauge('sluice_policy_revision', 'Revision of the policy in use.', read, 'min') },
    policyAge(read) { gauge('sluice_policy_age_seconds', 'Time since the store last confirmed the policy in use.', read, 'max') },
    eventSinks(read) { registerSinks(registry, read) },
    policyFaulty(read) { gauge('sluice_policy_faulty', 'Whether the store has a policy that is not valid, so that the one before stays.', () => read() ? 1 : 0, 'max') },
    certificates(read) {
      new Gauge({
        name: 'sluice_certificate_expiry_timestamp_seconds', help: 'Until when certificates of Sluice are valid.', registers, aggregator: 'min', labelNames: ['certificate'],
        collect() {
          this.reset()
          for (const [certificate, until] of read()) this.set({ certificate }, until.getTime() / 1000)
        },
      })
    },
    blockedUploads(read) {
      gauge('sluice_blocked_uploads_of_one_user', 'The most uploads that were blocked within five minutes for one user, or one address without a user.', read, 'max')
    },
    limits({ connections, tunnels, memory }) {
      // Of all processes together; of memory each has its share.
      gauge('sluice_connections_limit', 'Connections of clients that may be open.', () => connections, 'max')
      gauge('sluice_tunnels_limit', 'Tunnels that may be open.', () => tunnels, 'max')
      if (memory !== null) gauge('sluice_memory_limit_bytes', 'Resident memory above which new tunnels and requests are refused.', () => memory)
    },
    workers(read) {
      gauge('sluice_workers_ready', 'Processes that carry the traffic.', () => read().ready)
      count('sluice_worker_exits_total', 'Such processes that have ended by themselves, and were replaced.', () => read().exits)
    },
    peopleFileUp(read) { gauge('sluice_people_file_up', 'Whether the directory file that lies there is valid and in force.', () => read() ? 1 : 0, 'min') },
    ldapUp(read) { gauge('sluice_ldap_up', 'Whether the directory service answered when it was last asked.', () => read() ? 1 : 0, 'min') },
    sessionStoreFailures(read) {
      count('sluice_session_store_failures_total', 'Look-ups and writes of upload sessions that the store failed.', read)
    },
    bindingStoreFailures(read) {
      count('sluice_binding_store_failures_total', 'Look-ups and writes of learned credentials and places that the store failed.', read)
    },
    values,
    async text(accept = '') {
      return expose(await values(), accept)
    },
  }
}

function statusOf(status: number | null): string {
  return (status === null ? undefined : STATUSES[Math.floor(status / 100) - 1]) ?? 'none'
}

function countBoth(tally: Tally, outcome: Outcome): void {
  tally.add(outcome.bytesUp, 'up')
  tally.add(outcome.bytesDown, 'down')
}

/** Size of the whole upload, told once an upload: by its only request, by a start that knows it, else by the finish. */
function uploadSizeOf({ step, size }: Operation, bytesUp: number): number | null {
  if (step === 'single' || step === 'batch') return size.is === 'exact' ? size.bytes : bytesUp
  const told = size.is === 'exact' && size.bytes > 0
  return told && (step === 'start' || step === 'finish') ? size.bytes : null
}
