/**
 * An outcome in the Elastic Common Schema (https://www.elastic.co/docs/reference/ecs), the form that SIEMs map from.
 * No header, query or body is in it. Strings are bounded, so that a client cannot blow an event up.
 */
import { createHash } from 'node:crypto'
import type { EcsEvent } from '../policy/ecs-event.ts'
import type { Action, Operation } from '../policy/operation.ts'
import type { Evidence, Outcome } from './outcome.ts'

const MAX_BYTES = 2_048
/** Names of files, groups and tenant ids that one event tells. */
const MAX_NAMES = 16
const MAX_GROUPS = 64
const MAX_TENANT_IDS = 64
/** Nobody needs as many exceptions as this. */
const MAX_EXCEPTED = 100

// MITRE ATT&CK: exfiltration over web service, to cloud storage.
const THREAT = {
  framework: 'MITRE ATT&CK',
  tactic: { id: ['TA0010'], name: ['Exfiltration'] },
  technique: {
    id: ['T1567'], name: ['Exfiltration Over Web Service'],
    subtechnique: { id: ['T1567.002'], name: ['Exfiltration to Cloud Storage'] },
  },
} as const

/** `sequence`: above those of all events that this node recorded before. */
export function toEcs(outcome: Outcome, sequence: number): EcsEvent {
  const { operation, attribution, client, decision } = outcome
  const tunnel = outcome.protocol === 'tunnel'
  const denied = decision.action === 'block'
  const path = withoutSession(outcome.path, operation)
  return {
    '@timestamp': new Date(outcome.at).toISOString(),
    ecs: { version: '8.17.0' },
    event: {
      id: bounded(outcome.id),
      sequence,
      kind: 'event',
      category: tunnel ? ['network'] : ['network', 'web'],
      type: ['connection', denied ? 'denied' : 'allowed'],
      action: operation?.activity ?? (tunnel ? 'tunnel' : 'other'),
      outcome: succeeded(outcome) ? 'success' : 'failure',
      duration: Math.round(outcome.durationMs * 1e6), // nanoseconds
      provider: 'sluice',
      dataset: 'sluice.decision',
      ...decision.message !== undefined && { reason: bounded(decision.message) },
    },
    // A pseudonym is no address, and a SIEM refuses an event whose `ip` is none.
    source: { [outcome.isPseudonymous === true ? 'address' : 'ip']: bounded(client.ip), bytes: outcome.bytesUp },
    destination: { domain: bounded(outcome.host), bytes: outcome.bytesDown },
    ...(client.user !== undefined || client.groups !== undefined) && {
      user: {
        ...client.user !== undefined && { name: bounded(client.user) },
        ...client.groups !== undefined && { roles: client.groups.slice(0, MAX_GROUPS).map(bounded) },
      },
    },
    url: { domain: bounded(outcome.host), ...!tunnel && { path: bounded(path), original: bounded(path) } },
    http: {
      ...outcome.protocol === 'h2' && { version: '2' },
      ...outcome.protocol === 'http/1.1' && { version: '1.1' },
      request: { method: bounded(outcome.method), body: { bytes: outcome.bytesUp } },
      ...outcome.status !== null && { response: { status_code: outcome.status, body: { bytes: outcome.bytesDown } } },
    },
    user_agent: { original: bounded(client.userAgent) }, // an empty one is a fact, so it stays
    network: { direction: 'outbound', protocol: outcome.protocol, bytes: outcome.bytesUp + outcome.bytesDown },
    rule: {
      ...decision.ruleId !== null && { id: bounded(decision.ruleId), name: bounded(decision.ruleId) },
      ruleset: 'sluice', version: String(decision.revision),
    },
    ...operation?.activity === 'upload' && { threat: THREAT },
    ...outcome.clientTls !== undefined && {
      tls: { version: outcome.clientTls.version, version_protocol: 'tls', cipher: outcome.clientTls.cipher, established: true },
    },
    ...operation !== null && fileOf(operation),
    sluice: {
      action: decision.action satisfies Action,
      reasons: [...new Set([...outcome.reasons, ...decision.reasons])],
      revision: decision.revision,
      decision_us: Math.round(outcome.decisionMs * 1_000),
      cut: outcome.cut,
      client_class: client.class,
      ...outcome.upstreamReused !== undefined && { upstream_reused: outcome.upstreamReused },
      ...outcome.upstreamTls !== undefined && { upstream_tls: outcome.upstreamTls },
      ...decision.noted !== undefined && { noted: decision.noted.slice(0, 100).map(bounded) },
      ...decision.exceptions !== undefined && {
        exceptions: decision.exceptions.slice(0, 100).map(({ ruleId, id }) => ({ rule: bounded(ruleId), id: bounded(id) })),
      },
      ...decision.monitored !== undefined && {
        monitored: decision.monitored.slice(0, 100).map(({ ruleId, action }) => ({ rule: bounded(ruleId), action })),
      },
      ...operation !== null && {
        operation: {
          provider: operation.provider, activity: operation.activity, step: operation.step, size: operation.size,
          ...operation.session !== undefined && { session: hashed(operation.session) },
          ...operation.offset !== undefined && { offset: operation.offset },
        },
      },
      ...attribution !== null && {
        tenant: {
          account: attribution.account, id: attribution.id === null ? null : bounded(attribution.id),
          standing: attribution.standing, how: attribution.how,
        },
      },
      ...operation !== null && outcome.evidence !== undefined && { facts: factsOf(outcome, operation, outcome.evidence, path) },
    },
  }
}

/** One line of NDJSON. C1 controls and line separators are escaped too: whoever reads the file in a terminal is safe. */
export function toLine(event: EcsEvent): string {
  return JSON.stringify(event).replaceAll(/[\u007f-\u009f\u2028\u2029]/g,
    character => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`) + '\n'
}

/**
 * What of the rules' facts is told nowhere else in the event. `inexact` names the conditions that cannot be replayed from
 * it as they were decided, because what they go by was shortened or left out.
 */
function factsOf(outcome: Outcome, operation: Operation, evidence: Evidence, path: string): Readonly<Record<string, unknown>> {
  const { client } = outcome
  const { tenantIds, decidedAt } = evidence
  const { fileName, fileNames, moreNames } = operation
  const inexact = [
    ...path !== outcome.path || isShortened(path) ? ['path'] : [],
    ...isShortened(client.userAgent) ? ['userAgent'] : [],
    ...(fileNames?.length ?? 0) > MAX_NAMES || (fileName !== undefined && isShortened(fileName)) ? ['fileName'] : [],
    ...(client.groups?.length ?? 0) > MAX_GROUPS ? ['group'] : [],
    ...tenantIds.length > MAX_TENANT_IDS ? ['tenant'] : [],
    ...outcome.isPseudonymous === true ? ['user', 'source'] : [],
  ]
  return {
    ...tenantIds.length > 0 && { tenant_ids: tenantIds.slice(0, MAX_TENANT_IDS).map(bounded) },
    ...evidence.tenantDenies && { tenant_denies: true },
    ...evidence.sessionLost && { session_lost: true },
    ...evidence.isEncoded === true && { is_encoded: true },
    ...fileName === undefined && evidence.namedElsewhere && { file_name: 'late' },
    ...moreNames !== undefined && { more_names: true },
    ...client.moreGroups !== undefined && { more_groups: true },
    ...evidence.excepted !== undefined && { excepted: Object.fromEntries([...evidence.excepted].slice(0, MAX_EXCEPTED)) },
    // Rules go by minutes, so that only another minute than that of `@timestamp` is told.
    ...minuteOf(decidedAt) !== minuteOf(outcome.at) && { decided_at: decidedAt },
    ...inexact.length > 0 && { inexact },
  }
}

function minuteOf(ms: number): number {
  return Math.floor(ms / 60_000)
}

function succeeded({ decision, cut, protocol, status }: Outcome): boolean {
  if (decision.action === 'block' || cut) return false
  return status === null ? protocol === 'tunnel' : status < 400
}

function fileOf({ fileName, fileNames, contentType, size }: Operation): Readonly<Record<string, unknown>> {
  if (fileName === undefined && contentType === undefined) return {}
  return {
    file: {
      ...fileName !== undefined && { name: fileNames === undefined ? bounded(fileName) : fileNames.slice(0, MAX_NAMES).map(bounded) },
      ...contentType !== undefined && { mime_type: bounded(contentType) },
      ...size.is === 'exact' && { size: size.bytes },
    },
  }
}

/** Whoever knows a session's id can write to it at some providers, so only its hash is told: enough to join its parts. */
function hashed(session: string): string {
  return createHash('sha256').update(session).digest('hex').slice(0, 32)
}

function withoutSession(path: string, operation: Operation | null): string {
  const session = operation?.session
  if (session === undefined || session === '') return path
  return path.replaceAll(session, '{session}').replaceAll(encodeURIComponent(session), '{session}')
}

function isShortened(text: string): boolean {
  return text.length * 3 > MAX_BYTES && Buffer.byteLength(text) > MAX_BYTES
}

/** At most 2 KB of UTF-8, cut at a whole character. */
function bounded(text: string): string {
  if (text.length * 3 <= MAX_BYTES) return text.toWellFormed()
  const bytes = Buffer.from(text.slice(0, MAX_BYTES), 'utf8')
  if (bytes.length <= MAX_BYTES) return bytes.toString('utf8')
  let end = MAX_BYTES
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--
  return bytes.toString('utf8', 0, end)
}
