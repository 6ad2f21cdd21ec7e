/**
 * An outcome in the Elastic Common Schema (https://www.elastic.co/docs/reference/ecs), the form that SIEMs map from.
 * No header, query or body is in it. Strings are bounded, so that a client cannot blow an event up.
 *
 * Nearly every request makes one, and most events are only written: so the line is put together as text, member by member. Built as
 * objects first, it took four times as long, and what was kept of it five times the memory. `list` and `text` write all that comes from elsewhere.
 */
import { createHash } from 'node:crypto'
import type { EcsEvent } from '../policy/ecs-event.ts'
import type { Attribution, Decision, Operation } from '../policy/operation.ts'
import type { Evidence, Outcome } from './outcome.ts'

const MAX_BYTES = 2_048
/** Names of files, groups and tenant ids that one event tells. */
const MAX_NAMES = 16
const MAX_GROUPS = 64
const MAX_TENANT_IDS = 64
/** Nobody needs as many exceptions as this. */
const MAX_EXCEPTED = 100

// MITRE ATT&CK: exfiltration over web service, to cloud storage.
const THREAT = JSON.stringify({
  framework: 'MITRE ATT&CK',
  tactic: { id: ['TA0010'], name: ['Exfiltration'] },
  technique: {
    id: ['T1567'], name: ['Exfiltration Over Web Service'],
    subtechnique: { id: ['T1567.002'], name: ['Exfiltration to Cloud Storage'] },
  },
})

/** The event as one line of NDJSON. `sequence`: above those of all events that this node recorded before. */
export function toLine(outcome: Outcome, sequence: number): string {
  const { operation, attribution, client, decision, bytesUp, bytesDown, clientTls, protocol, evidence } = outcome
  const tunnel = protocol === 'tunnel'
  const given = withoutSession(outcome.path, operation)
  const path = text(given)
  const host = text(outcome.host)
  // A pseudonym is no address, and a SIEM refuses an event whose `ip` is none.
  const address = outcome.isPseudonymous === true ? 'address' : 'ip'
  const reasons = decision.reasons.every(reason => outcome.reasons.includes(reason)) ? outcome.reasons : new Set([...outcome.reasons, ...decision.reasons])
  // Joined, not added up: V8 keeps a sum of texts in pieces, which would outlive the request with the line.
  return [
    // `peek-line.ts` reads how it begins.
    `{"@timestamp":"${isoTime(outcome.at)}","ecs":{"version":"8.17.0"},"event":{"id":${text(outcome.id)},"sequence":${sequence},"kind":"event",`,
    tunnel ? '"category":["network"],"type":["connection",' : '"category":["network","web"],"type":["connection",',
    decision.action === 'block' ? '"denied"],"action":"' : '"allowed"],"action":"', operation?.activity ?? (tunnel ? 'tunnel' : 'other'),
    succeeded(outcome) ? '","outcome":"success","duration":' : '","outcome":"failure","duration":', String(Math.round(outcome.durationMs * 1e6)), // nanoseconds
    ',"provider":"sluice","dataset":"sluice.decision"', decision.message === undefined ? '' : `,"reason":${text(decision.message)}`,
    `},"source":{"${address}":${text(client.ip)},"bytes":${bytesUp}},"destination":{"domain":`, host, `,"bytes":${bytesDown}},`,
    userOf(outcome),
    '"url":{"domain":', host, tunnel ? '' : `,"path":${path},"original":${path}`, '},"http":{',
    protocol === 'h2' ? '"version":"2",' : protocol === 'http/1.1' ? '"version":"1.1",' : '',
    `"request":{"method":${text(outcome.method)},"body":{"bytes":${bytesUp}}}`,
    outcome.status === null ? '' : `,"response":{"status_code":${outcome.status},"body":{"bytes":${bytesDown}}}`,
    '},"user_agent":{"original":', text(client.userAgent), // an empty one is a fact, so it stays
    `},"network":{"direction":"outbound","protocol":"${protocol}","bytes":${bytesUp + bytesDown}},"rule":{`,
    decision.ruleId === null ? '' : `"id":${text(decision.ruleId)},"name":${text(decision.ruleId)},`, `"ruleset":"sluice","version":"${decision.revision}"}`,
    operation?.activity === 'upload' ? `,"threat":${THREAT}` : '',
    clientTls === undefined ? '' : `,"tls":{"version":"${clientTls.version}","version_protocol":"tls","cipher":${text(clientTls.cipher)},"established":true}`,
    operation === null ? '' : fileOf(operation),
    `,"sluice":{"action":"${decision.action}","reasons":`, list(reasons), `,"revision":${decision.revision},"decision_us":${Math.round(outcome.decisionMs * 1_000)},`,
    outcome.cut ? '"cut":true,"client_class":"' : '"cut":false,"client_class":"', client.class,
    outcome.upstreamReused === undefined ? '"' : outcome.upstreamReused ? '","upstream_reused":true' : '","upstream_reused":false',
    outcome.upstreamTls === undefined ? '' : `,"upstream_tls":{"version":"${outcome.upstreamTls.version}","cipher":${text(outcome.upstreamTls.cipher)}}`,
    rulesOf(decision),
    operation === null ? '' : operationOf(operation),
    attribution === null ? '' : tenantOf(attribution),
    operation === null || evidence === undefined ? '' : `,"facts":{${factsOf(outcome, operation, evidence, given)}}`,
    '}}\n',
  ].join('')
}

/** The same as an object. */
export function toEcs(outcome: Outcome, sequence: number): EcsEvent {
  return JSON.parse(toLine(outcome, sequence)) as EcsEvent
}

/** A line of `toLine` with another number. */
export function renumber(line: string, before: number, sequence: number): string {
  const written = `"sequence":${before},`
  // Nothing ahead of it comes from a client.
  const at = line.indexOf(written)
  return [line.slice(0, at), `"sequence":${sequence},`, line.slice(at + written.length)].join('')
}

function userOf({ client: { user, groups } }: Outcome): string {
  if (user === undefined && groups === undefined) return ''
  return `"user":{${members([
    user === undefined ? '' : `"name":${text(user)}`,
    groups === undefined ? '' : `"roles":${list(groups.slice(0, MAX_GROUPS))}`,
  ])}},`
}

function rulesOf({ noted, exceptions, monitored }: Decision): string {
  return (noted === undefined ? '' : `,"noted":${list(noted.slice(0, 100))}`)
    + (exceptions === undefined ? '' : `,"exceptions":[${exceptions.slice(0, 100).map(({ ruleId, id }) => `{"rule":${text(ruleId)},"id":${text(id)}}`).join()}]`)
    + (monitored === undefined ? '' : `,"monitored":[${monitored.slice(0, 100).map(({ ruleId, action }) => `{"rule":${text(ruleId)},"action":"${action}"}`).join()}]`)
}

function tenantOf({ account, id, standing, how }: Attribution): string {
  return `,"tenant":{"account":${text(account)},"id":${id === null ? 'null' : text(id)},"standing":"${standing}","how":"${how}"}`
}

function operationOf({ provider, activity, step, size, session, offset }: Operation): string {
  return `,"operation":{"provider":${text(provider)},"activity":"${activity}","step":"${step}","size":{"bytes":${number(size.bytes)},"is":"${size.is}"}`
    + `${session === undefined ? '' : `,"session":"${hashed(session)}"`}${offset === undefined ? '' : `,"offset":${number(offset)}`}}`
}

/**
 * What of the rules' facts is told nowhere else in the event. `inexact` names the conditions that cannot be replayed from
 * it as they were decided, because what they go by was shortened or left out.
 */
function factsOf(outcome: Outcome, operation: Operation, evidence: Evidence, path: string): string {
  const { client } = outcome
  const { tenantIds, decidedAt, excepted } = evidence
  const { fileName, fileNames, moreNames } = operation
  const inexact: string[] = []
  if (path !== outcome.path || isShortened(path)) inexact.push('path')
  if (isShortened(client.userAgent)) inexact.push('userAgent')
  if ((fileNames?.length ?? 0) > MAX_NAMES || (fileName !== undefined && isShortened(fileName))) inexact.push('fileName')
  if ((client.groups?.length ?? 0) > MAX_GROUPS) inexact.push('group')
  if (tenantIds.length > MAX_TENANT_IDS) inexact.push('tenant')
  if (outcome.isPseudonymous === true) inexact.push('user', 'source')
  return members([
    tenantIds.length === 0 ? '' : `"tenant_ids":${list(tenantIds.slice(0, MAX_TENANT_IDS))}`,
    evidence.tenantDenies ? '"tenant_denies":true' : '',
    evidence.sessionLost ? '"session_lost":true' : '',
    evidence.isEncoded === true ? '"is_encoded":true' : '',
    fileName === undefined && evidence.namedElsewhere ? '"file_name":"late"' : '',
    moreNames === undefined ? '' : '"more_names":true',
    client.moreGroups === undefined ? '' : '"more_groups":true',
    excepted === undefined ? '' : `"excepted":{${[...excepted].slice(0, MAX_EXCEPTED).map(([rule, id]) => `${text(rule)}:${text(id)}`).join()}}`,
    // Rules go by minutes, so that only another minute than that of `@timestamp` is told.
    minuteOf(decidedAt) === minuteOf(outcome.at) ? '' : `"decided_at":${decidedAt}`,
    inexact.length === 0 ? '' : `"inexact":${list(inexact)}`,
  ])
}

function minuteOf(ms: number): number {
  return Math.floor(ms / 60_000)
}

function succeeded({ decision, cut, protocol, status }: Outcome): boolean {
  if (decision.action === 'block' || cut) return false
  return status === null ? protocol === 'tunnel' : status < 400
}

function fileOf({ fileName, fileNames, contentType, size }: Operation): string {
  if (fileName === undefined && contentType === undefined) return ''
  return `,"file":{${members([
    fileName === undefined ? '' : `"name":${fileNames === undefined ? text(fileName) : list(fileNames.slice(0, MAX_NAMES))}`,
    contentType === undefined ? '' : `"mime_type":${text(contentType)}`,
    size.is === 'exact' ? `"size":${number(size.bytes)}` : '',
  ])}}`
}

/** Whoever knows a session's id can write to it at some providers, so only its hash is told: enough to join its parts. */
function hashed(session: string): string {
  return createHash('sha256').update(session).digest('hex').slice(0, 32)
}

function withoutSession(path: string, operation: Operation | null): string {
  const session = operation?.session
  if (session === undefined || session === '') return path
  return path.replaceAll(session, '{session}').replaceAll(encodeURIComponent(session.toWellFormed()), '{session}')
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

/** What stands in a text as it is: no quote, no backslash, and nothing but printable ASCII. */
const PLAIN = /^[ !#-[\]-~]*$/

/** A text as JSON, bounded. C1 controls and line separators are escaped too: whoever reads the file in a terminal is safe. */
function text(value: string): string {
  const short = bounded(value)
  return PLAIN.test(short) ? `"${short}"` : JSON.stringify(short).replaceAll(/[\u007f-\u009f\u2028\u2029]/g,
    character => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** As a client can write it. */
function number(value: number): string {
  return Number.isFinite(value) ? String(value) : 'null'
}

function list(values: Iterable<string>): string {
  let out = ''
  for (const value of values) out += out === '' ? text(value) : `,${text(value)}`
  return `[${out}]`
}

/** Those that are not left out, as the members of one object. */
function members(written: readonly string[]): string {
  let out = ''
  for (const member of written) if (member !== '') out += out === '' ? member : `,${member}`
  return out
}

let second = -1
let secondText = ''

/** ISO 8601, UTC, to the millisecond. */
function isoTime(ms: number): string {
  const at = Math.floor(ms / 1_000)
  if (at !== second) {
    // `2026-11-24T12:03:04.`
    secondText = new Date(at * 1_000).toISOString().slice(0, -4)
    second = at
  }
  return `${secondText}${String(Math.floor(ms) - at * 1_000).padStart(3, '0')}Z`
}
