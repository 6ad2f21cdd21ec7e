/** Hands each finished request or tunnel, once, to metrics, events, usage and log. */
import type { Events } from '../dashboards/events.ts'
import type { Metrics, UpstreamFailure } from '../dashboards/metrics.ts'
import type { Usage } from '../policy/usage.ts'
import type { TunnelKind } from './connect.ts'
import type { RefusalCode } from './errors.ts'
import type { Exchange } from './exchange.ts'
import type { Logger } from './log.ts'
import { outcomeOfExchange, outcomeOfTunnel } from './record.ts'
import type { SpliceCounts } from './splice.ts'
import type { Tunnel } from './tunnel.ts'

export interface Recorders {
  readonly metrics: Metrics
  readonly events: Events
  readonly usage: Usage
  readonly log: Logger
}

export function recordExchange(exchange: Exchange, revision: number, stale: boolean, { metrics, events, usage, log }: Recorders): void {
  const outcome = outcomeOfExchange(exchange, revision, stale)
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
  if (refusal?.startsWith('upstream.') === true) metrics.upstreamFailed(refusal.slice('upstream.'.length) as UpstreamFailure)
  if (failure !== null) log.info({ event: outcome.id, host: outcome.host, code: failure.code, detail: failure.detail }, 'request refused')
  if (outcome.operation !== null || outcome.decision.action === 'block') events.record(outcome)
}

export function recordTunnel(
  tunnel: Tunnel, kind: TunnelKind, counts: SpliceCounts, refusal: RefusalCode | null, detail: string, revision: number,
  { metrics, events, log }: Recorders,
): void {
  if (kind === 'refused') {
    metrics.tunnelOpened('refused')
    metrics.refused(refusal ?? 'proxy.internal')
    log.info({ host: tunnel.host, port: tunnel.port, client: tunnel.peer.ip, code: refusal, detail }, 'tunnel refused')
  } else metrics.tunnelClosed()
  // What happens inside an opened tunnel is recorded request by request.
  if (kind === 'intercepted') return
  const outcome = outcomeOfTunnel(tunnel, kind, counts, refusal, revision)
  metrics.observe(outcome)
  if (kind === 'refused') events.record(outcome)
}
