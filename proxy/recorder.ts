/** Hands each finished request or tunnel, once, to metrics, events, usage and log. */
import type { Events } from '../dashboards/events.ts'
import { UPSTREAM_FAILURES } from '../dashboards/metrics.ts'
import type { Metrics } from '../dashboards/metrics.ts'
import type { Usage } from '../policy/usage.ts'
import type { RefusalCode } from './errors.ts'
import type { Exchange } from './exchange.ts'
import type { Logger } from './log.ts'
import type { People } from './people/people.ts'
import { outcomeOfExchange, outcomeOfTunnel } from './record.ts'
import type { Tunnel, TunnelEnd } from './tunnel.ts'

export interface Recorders {
  readonly metrics: Metrics
  readonly events: Events
  readonly usage: Usage
  readonly log: Logger
  readonly people: Pick<People, 'find'>
}

export function recordExchange(exchange: Exchange, revision: number, { metrics, events, usage, log }: Recorders): void {
  const outcome = outcomeOfExchange(exchange, revision)
  metrics.observe(outcome)
  const { refusal, failure } = exchange
  const { operation, attribution, client, bytesUp } = outcome
  if (operation?.activity === 'upload' && bytesUp > 0) {
    usage.add({
      ...(client.user === undefined ? {} : { user: client.user }), provider: operation.provider, client: client.class, bytes: bytesUp,
      ...(attribution?.id == null ? {} : { tenant: `${attribution.account}/${attribution.id}` }),
    })
  }
  if (refusal !== null && refusal !== 'policy.blocked') metrics.refused(refusal)
  if (refusal !== null) countUpstreamFailure(refusal, metrics)
  if (failure !== null) log.info({ event: outcome.id, host: outcome.host, code: failure.code, detail: failure.detail }, 'request refused')
  if (outcome.operation !== null || outcome.decision.action === 'block' || outcome.decision.reasons.includes('break-glass')) events.record(outcome)
}

export function recordTunnel(tunnel: Tunnel, end: TunnelEnd, revision: number, { metrics, events, log, people }: Recorders): void {
  if (end.kind !== 'refused') metrics.tunnelClosed()
  // What happens inside an opened tunnel is recorded request by request.
  if (end.kind === 'intercepted') return
  const outcome = outcomeOfTunnel(tunnel, end, revision, people.find(tunnel.peer.ip, tunnel.peer.user))
  metrics.observe(outcome)
  if (end.kind === 'refused') {
    const { refusal, detail } = end
    metrics.tunnelOpened('refused')
    metrics.refused(refusal)
    countUpstreamFailure(refusal, metrics)
    log.info({ event: outcome.id, host: tunnel.host, port: tunnel.port, client: tunnel.peer.ip, code: refusal, detail }, 'tunnel refused')
  }
  if (end.kind !== 'spliced') events.record(outcome)
}

function countUpstreamFailure(code: RefusalCode, metrics: Metrics): void {
  const reason = UPSTREAM_FAILURES.find((name) => code === `upstream.${name}`)
  if (reason !== undefined) metrics.upstreamFailed(reason)
}
