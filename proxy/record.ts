/** The last stage: turns a finished request or tunnel into the one outcome that metrics and events derive from. */
import type { Evidence, Outcome, Protocol } from '../dashboards/outcome.ts'
import type { Decision, Operation, Reason } from '../policy/operation.ts'
import { clientOf, NOBODY } from '../policy/people/person.ts'
import type { Person } from '../policy/people/person.ts'
import type { RefusalCode } from './errors.ts'
import { newEventId } from './event-id.ts'
import type { Exchange } from './exchange.ts'
import { exceptedOf, isSizeHidden } from './stages/judge.ts'
import type { Judgement } from './stages/judge.ts'
import type { Tunnel, TunnelEnd } from './tunnel.ts'

export function outcomeOfExchange(exchange: Exchange, revision: number): Outcome {
  const { judgement, arrival, head } = exchange
  const decision = judgement?.verdict.decision ?? refusedDecision(exchange.refusal, revision)
  const blocked = exchange.refusal !== null && isOurs(exchange.refusal)
  const reasons = [...(judgement?.reasons ?? decision.reasons)]
  for (const reason of failureReasons(exchange)) if (!reasons.includes(reason)) reasons.push(reason)
  if (exchange.stale) reasons.push('snapshot-stale')
  return {
    id: exchange.id,
    at: exchange.at,
    operation: judgement?.recognition?.operation ?? null,
    attribution: judgement?.attribution ?? null,
    client: judgement?.client ?? clientOf(exchange.person ?? (exchange.user === undefined ? NOBODY : { user: exchange.user }), {
      ip: arrival.peer.ip, userAgent: head?.headers.get('user-agent') ?? '', class: 'unknown',
    }),
    decision: blocked ? { ...decision, action: 'block' } : decision,
    method: exchange.asked.method,
    host: head?.host ?? arrival.tunnel?.host ?? '',
    path: head?.path ?? '',
    status: exchange.status,
    // What was taken from a client for an origin that was never reached has not left.
    bytesUp: exchange.connected ? (exchange.meter?.forwarded ?? 0) : 0,
    bytesDown: exchange.bytesDown,
    durationMs: performance.now() - exchange.startedAt,
    decisionMs: exchange.decisionMs,
    protocol: protocolOf(exchange),
    cut: exchange.cut,
    reasons,
    upstreamReused: exchange.reused,
    ...arrival.tunnel?.tls === undefined ? {} : { clientTls: arrival.tunnel.tls },
    ...exchange.upstreamTls === null ? {} : { upstreamTls: exchange.upstreamTls },
    ...(judgement?.recognition == null ? {} : { evidence: evidenceOf(judgement, judgement.recognition.operation) }),
  }
}

function evidenceOf(judgement: Judgement, operation: Operation): Evidence {
  const { attribution, namedElsewhere, sessionLost, at } = judgement
  const excepted = exceptedOf(judgement, operation)
  return {
    tenantIds: attribution?.tenantIds ?? [], tenantDenies: attribution !== null && attribution.trust !== 'sure', namedElsewhere, sessionLost,
    ...isSizeHidden(judgement, operation) ? { isEncoded: true } as const : {}, decidedAt: at, ...excepted === undefined ? {} : { excepted },
  }
}

/** A refusal that is a decision of Sluice's own, as against a transfer that failed after it was let through. */
function isOurs(code: RefusalCode): boolean {
  return code !== 'policy.blocked' && code !== 'request.timeout' && code !== 'proxy.internal' && !code.startsWith('upstream.')
}

/** A tunnel that was refused, or passed without being opened; `person`: whose it was. */
export function outcomeOfTunnel(tunnel: Tunnel, end: TunnelEnd, revision: number, person: Person): Outcome {
  const client = clientOf(person, { ip: tunnel.peer.ip, userAgent: '', class: 'unknown' })
  const decision = decisionOnTunnel(end, revision)
  const { judgement } = end
  const judged = judgement?.recognition?.operation
  const operation: Operation | null = judged === undefined ? null : { ...judged, size: { bytes: end.up, is: 'exact' } }
  return {
    id: newEventId(),
    at: tunnel.at,
    operation,
    attribution: null,
    client,
    decision,
    method: 'CONNECT',
    host: tunnel.host,
    path: '',
    status: null,
    bytesUp: end.up,
    bytesDown: end.down,
    durationMs: performance.now() - tunnel.startedAt,
    decisionMs: 0,
    protocol: 'tunnel',
    cut: end.kind !== 'refused' && end.cut === true,
    reasons: judgement?.reasons ?? decision.reasons,
    ...(judgement === undefined || operation === null ? {} : { evidence: evidenceOf(judgement, operation) }),
  }
}

function decisionOnTunnel(end: TunnelEnd, revision: number): Decision {
  if (end.judgement !== undefined) return end.judgement.verdict.decision
  if (end.kind === 'refused') return refusedDecision(end.refusal, revision)
  if (end.kind === 'spliced-break-glass') return { action: 'allow', ruleId: null, revision, reasons: ['break-glass'] }
  if (end.kind === 'spliced-opaque') return { action: 'log', ruleId: null, revision, reasons: ['opaque'] }
  return { action: 'allow', ruleId: null, revision, reasons: ['not-intercepted'] }
}

function protocolOf(exchange: Exchange): Protocol {
  if (exchange.websocket) return 'websocket'
  return exchange.asked.httpVersion === '2.0' ? 'h2' : 'http/1.1'
}

function refusedDecision(code: RefusalCode | null, revision: number): Decision {
  return { action: 'block', ruleId: null, revision, reasons: code === null ? ['client-gone'] : reasonsOf(code) }
}

function failureReasons(exchange: Exchange): readonly Reason[] {
  if (exchange.clientGone) return ['client-gone']
  return exchange.refusal === null || exchange.refusal === 'policy.blocked' ? [] : reasonsOf(exchange.refusal)
}

/** The reason that a refusal of Sluice's own is counted and told under. */
function reasonsOf(code: RefusalCode): readonly Reason[] {
  if (code.startsWith('upstream.')) return ['upstream-failed']
  if (code.startsWith('identity.')) return ['identity-mismatch']
  if (code.startsWith('destination.') || code === 'proxy.loop' || code === 'restriction.empty' || code === 'client.not-allowed') return ['destination-refused']
  if (code.includes('.too-many-') && code !== 'client.too-many-attempts') return ['limit-reached']
  if (code === 'proxy.overloaded') return ['overloaded']
  if (code.startsWith('client.')) return ['unauthenticated']
  if (code.startsWith('tunnel.')) return ['opaque']
  if (code === 'request.timeout') return ['stalled']
  // A stop is no judgement on the request.
  if (code === 'proxy.draining') return []
  if (code === 'recogniser.failed') return ['recogniser-failed']
  return ['malformed']
}
