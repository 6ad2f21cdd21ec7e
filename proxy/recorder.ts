/** Hands each finished request or tunnel, once, to metrics, events, usage and log. */
import type { Events } from '../dashboards/events.ts'
import { UPSTREAM_FAILURES } from '../dashboards/metrics.ts'
import type { Metrics } from '../dashboards/metrics.ts'
import type { Outcome } from '../dashboards/outcome.ts'
import type { Pseudonyms } from '../policy/pseudonyms.ts'
import type { Usage } from '../policy/usage.ts'
import { CertificateRefusal } from './certificate-fault.ts'
import { UnauthenticatedError } from './errors.ts'
import type { RefusalCode } from './errors.ts'
import type { Exchange } from './exchange.ts'
import type { Logger } from './log.ts'
import type { People } from './people/people.ts'
import { outcomeOfExchange, outcomeOfTunnel } from './record.ts'
import type { Tunnel, TunnelEnd } from './tunnel.ts'

export interface Recorders {
  readonly metrics: Metrics
  readonly events: Pick<Events, 'record'>
  readonly usage: Pick<Usage, 'add' | 'block'>
  readonly log: Logger
  readonly people: Pick<People, 'find'>
  /** In whose place people stand in events, usage and log; left out: nobody's. */
  readonly pseudonyms?: Pseudonyms | undefined
}

export function recordExchange(exchange: Exchange, revision: number, { metrics, events, usage, log, pseudonyms }: Recorders): void {
  const { refusal, failure } = exchange
  // What is asked on each connection would bury what is refused.
  if (failure instanceof UnauthenticatedError && failure.isQuestion) {
    metrics.refused(failure.code)
    return
  }
  const outcome = withoutNames(outcomeOfExchange(exchange, revision), pseudonyms)
  metrics.observe(outcome)
  const { operation, attribution, client, bytesUp } = outcome
  if (operation?.activity === 'upload' && outcome.decision.action === 'block') usage.block(client.user ?? client.ip)
  if (operation?.activity === 'upload' && bytesUp > 0) {
    usage.add({
      ...(client.user === undefined ? {} : { user: client.user }), provider: operation.provider, client: client.class, bytes: bytesUp,
      ...(attribution?.id == null ? {} : { tenant: `${attribution.account}/${attribution.id}` }),
    })
  }
  if (refusal !== null && refusal !== 'policy.blocked') metrics.refused(refusal)
  if (refusal !== null) countUpstreamFailure(refusal, metrics)
  if (failure instanceof CertificateRefusal) metrics.certificateRefused(failure.fault)
  if (failure !== null) log.info({ event: outcome.id, host: outcome.host, code: failure.code, detail: failure.detail }, 'request refused')
  if (outcome.operation !== null || outcome.decision.action === 'block' || outcome.decision.reasons.includes('break-glass')) events.record(outcome)
}

export function recordTunnel(tunnel: Tunnel, end: TunnelEnd, revision: number, { metrics, events, log, people, pseudonyms }: Recorders): void {
  if (end.kind !== 'refused') metrics.tunnelClosed()
  // What happens inside an opened tunnel is recorded request by request.
  if (end.kind === 'intercepted') return
  if (end.kind === 'refused' && end.asked === true) {
    metrics.refused(end.refusal)
    return
  }
  const outcome = withoutNames(outcomeOfTunnel(tunnel, end, revision, people.find(tunnel.peer.ip, tunnel.peer.user)), pseudonyms)
  metrics.observe(outcome)
  if (end.kind === 'refused') {
    const { refusal, detail } = end
    metrics.tunnelOpened('refused')
    if (refusal !== 'policy.blocked') metrics.refused(refusal)
    countUpstreamFailure(refusal, metrics)
    log.info({ event: outcome.id, host: tunnel.host, port: tunnel.port, client: outcome.client.ip, code: refusal, detail }, 'tunnel refused')
  }
  if (end.kind !== 'spliced' || isToldOf(outcome)) events.record(outcome)
}

/** Of tunnels that pass blind, those of which a rule says something: there are many, and little is known of them. */
function isToldOf({ decision: { ruleId, noted, monitored } }: Outcome): boolean {
  return ruleId !== null || noted !== undefined || monitored !== undefined
}

/** The one place where names end: what derives from the outcome knows pseudonyms only. */
function withoutNames(outcome: Outcome, pseudonyms: Pseudonyms | undefined): Outcome {
  if (pseudonyms === undefined) return outcome
  const { user, ip } = outcome.client
  const client = { ...outcome.client, ip: pseudonyms.ip(ip), ...user === undefined ? {} : { user: pseudonyms.user(user) } }
  return { ...outcome, client, isPseudonymous: true }
}

function countUpstreamFailure(code: RefusalCode, metrics: Metrics): void {
  const reason = UPSTREAM_FAILURES.find((name) => code === `upstream.${name}`)
  if (reason !== undefined) metrics.upstreamFailed(reason)
}
