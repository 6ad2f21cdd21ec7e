/**
 * Recognise → attribute → decide, for one request. Pure: the same facts give the same judgement, so `/v1/decisions`,
 * the tests and both engines call this and nothing else.
 */
import { isBroken } from '../../policy/break-glass.ts'
import { evaluate } from '../../policy/evaluate.ts'
import type { CompiledPolicy, Facts, Verdict } from '../../policy/evaluate.ts'
import type { ExceptionIndex } from '../../policy/exceptions.ts'
import type { Controls } from '../../policy/store/store.ts'
import type { TenantIndex } from '../../policy/tenant/allowlist.ts'
import { attribute } from '../../policy/tenant/attribute.ts'
import type { TenantAttribution } from '../../policy/tenant/attribute.ts'
import { gather, NOTHING_LEARNED } from '../../policy/tenant/gather.ts'
import type { Gathered, Knowledge } from '../../policy/tenant/gather.ts'
import type { Action, Client, Decision, Operation, Reason } from '../../policy/operation.ts'
import { isBodyOdd, isEncoded, readOddBody } from '../../policy/providers/index.ts'
import type { ProviderModule, Recognition, RequestHead } from '../../policy/providers/provider.ts'
import type { KnownSession } from '../../policy/sessions.ts'
import { volumeKey } from '../../policy/volumes.ts'
import type { Volumes } from '../../policy/volumes.ts'
import { inherit, isNamedElsewhere, sessionKey } from './session.ts'

/** What decisions are made from, taken at one moment. */
export interface View {
  readonly policy: CompiledPolicy
  readonly tenants: TenantIndex
  /** Who is excepted from what; left out: nobody is. */
  readonly exceptions?: Pick<ExceptionIndex, 'of'>
  readonly controls?: Pick<Controls, 'breakGlass'>
}

export interface Judgement {
  readonly view: View
  readonly head: RequestHead
  readonly client: Client
  readonly module: ProviderModule | null
  readonly recognition: Recognition | null
  readonly attribution: TenantAttribution | null
  /** What the attribution was made from; null where there is none. */
  readonly gathered: Gathered | null
  readonly verdict: Verdict
  /** When the request came, in milliseconds since 1970: its rules stay those of that time, however long it takes. */
  readonly at: number
  /** The file has a name that is not known here. */
  readonly namedElsewhere: boolean
  /** What went before in the upload session could not be looked up. */
  readonly sessionLost: boolean
  /** The request's own body, as far as it is known. */
  readonly body: BodyCount
  /** What was sent before, as `Facts` tells it. */
  readonly sentBefore: Facts['sentBefore']
  /** All that explains the decision, in order. */
  readonly reasons: readonly Reason[]
}

/** Bytes of a body, and whether that is all of it. */
export type BodyCount = NonNullable<Facts['body']>

export interface Body {
  readonly bytes: Buffer
  readonly complete: boolean
}

export interface JudgeSettings {
  /** What happens when a recogniser fails. */
  readonly onError: Action
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** The same for what was given for a time (`steadyNow`); left out: `now`. */
  readonly steady?: () => number
  /** What is known of an upload session (`sessionKey`) without asking anybody. */
  readonly session: (key: string) => KnownSession | undefined
  /** What is known of credentials and places without asking anybody; left out: nothing is. */
  readonly knowledge?: Knowledge
  /** What was sent to a provider before; left out: nothing was. */
  readonly volumes?: Pick<Volumes, 'sent'>
  /** Told of a recogniser's failure, for the log and the counter. */
  readonly failed: (error: unknown) => void
}

/** What else is known of the moment at which a request is judged. */
export interface Circumstances {
  /** What went wrong before. */
  readonly extra?: readonly Reason[]
  /** What went before in the request's session could not be looked up. */
  readonly sessionLost?: boolean
  /** The client brought a tenant restriction of its own making. */
  readonly isRestrictedByClient?: boolean
}

/** Judges a request by its head and, where one was read, the beginning of its body. */
export function judge(
  view: View, module: ProviderModule | null, head: RequestHead, client: Client, body: Body | null, settings: JudgeSettings,
  { extra = [], sessionLost = false, isRestrictedByClient = false }: Circumstances = {},
): Judgement {
  const at = settings.now()
  if (module === null) return notIntercepted(view, head, client, at)
  if (isBroken(view.controls?.breakGlass ?? null, settings.steady?.() ?? at)) return unjudged(view, head, client, at)
  let recognition: Recognition
  try {
    const read = (one: RequestHead): Recognition => recognise(module, one, body)
    recognition = isBodyOdd(head) && module.bodiesUnder?.has(head.method) !== true ? readOddBody(head, read(head), read) : read(head)
  } catch (error) {
    settings.failed(error)
    return failed(view, module, head, client, settings.onError, at)
  }
  const key = sessionKey(module, recognition.operation, head.host)
  const record = key === null ? undefined : settings.session(key)
  const whole = inherit(recognition, record, head.contentLength ?? 0)
  const gathered = gather(module, head, whole.operation, body, view.tenants, record,
    settings.knowledge ?? NOTHING_LEARNED, isRestrictedByClient)
  const attribution = attribute(gathered.question)
  const namedElsewhere = isNamedElsewhere(module, whole.operation, record)
  const sentBefore = view.policy.needs.volume ? sentBy(client, whole.operation, settings.volumes) : undefined
  return weigh({ view, module, head, client, attribution, gathered, at, namedElsewhere, sessionLost, body: declaredBody(head), sentBefore }, { ...whole, reasons: union(whole.reasons, extra) })
}

function recognise(module: ProviderModule, head: RequestHead, body: Body | null): Recognition {
  const first = module.recognise(head)
  return body === null || module.refine === undefined ? first : module.refine(head, first, body.bytes, body.complete)
}

/** Judges what needs no recogniser: a tunnel that is not opened, of which nothing but its bytes is seen. */
export function judgeUnread(view: View, module: ProviderModule, head: RequestHead, client: Client, recognition: Recognition, at: number, steady = at): Judgement {
  if (isBroken(view.controls?.breakGlass ?? null, steady)) return unjudged(view, head, client, at)
  return weigh({ view, module, head, client, attribution: null, gathered: null, at, namedElsewhere: false, sessionLost: false, body: declaredBody(head), sentBefore: undefined }, recognition)
}

/** The same request with another size: when the count passes a limit, and when the body has ended. */
export function rejudge(
  before: Judgement, operation: Operation, extra: readonly Reason[], body: BodyCount = before.body, sentBefore: Facts['sentBefore'] = before.sentBefore,
): Judgement {
  const { recognition } = before
  if (recognition === null) return before
  const next: Recognition = { ...recognition, operation, reasons: union(recognition.reasons, extra) }
  return weigh({ ...before, body, sentBefore }, next)
}

/** What of a judgement stays when only the operation changes. */
type Settled = Pick<Judgement, 'view' | 'module' | 'head' | 'client' | 'attribution' | 'gathered' | 'at' | 'namedElsewhere' | 'sessionLost' | 'body' | 'sentBefore'>

function weigh(settled: Settled, recognition: Recognition): Judgement {
  const { view, head, client, attribution, at, namedElsewhere, sessionLost, body, sentBefore } = settled
  const verdict = evaluate(view.policy, factsOf(settled, recognition.operation))
  const reasons = union(union(recognition.reasons, attribution?.reasons ?? []), verdict.decision.reasons)
  const { module, gathered } = settled
  return { view, head, client, module, recognition, attribution, gathered, at, verdict, namedElsewhere, sessionLost, body, sentBefore, reasons }
}

/** From which rules the person is excepted that sends this operation. */
export function exceptedOf({ view, client, at }: Pick<Judgement, 'view' | 'client' | 'at'>, { provider }: Operation): Facts['excepted'] {
  return view.exceptions?.of(client, provider, at)
}

/** What rules are asked with. */
export function factsOf(settled: Pick<Judgement, Exclude<keyof Settled, 'gathered'>>, operation: Operation): Facts {
  const { head, client, attribution, at, namedElsewhere, sessionLost, body, sentBefore } = settled
  const excepted = exceptedOf(settled, operation)
  return {
    provider: operation.provider,
    activity: operation.activity,
    step: operation.step,
    size: operation.size,
    body,
    ...(sentBefore === undefined ? {} : { sentBefore }),
    sessionLost,
    ...(isSizeHidden(settled, operation) ? { isEncoded: true } : {}),
    standing: attribution?.standing ?? 'unknown',
    tenantIds: attribution?.tenantIds ?? [],
    tenantDenies: attribution !== null && attribution.trust !== 'sure',
    method: head.method,
    userAgent: client.userAgent,
    client: client.class,
    ip: client.ip,
    ...(client.user === undefined ? {} : { user: client.user }),
    ...(client.groups === undefined ? {} : { groups: client.groups }),
    ...(client.moreGroups === undefined ? {} : { moreGroups: client.moreGroups }),
    host: head.host,
    path: head.path,
    ...(operation.fileName === undefined ? {} : { fileName: operation.fileName }),
    ...(operation.fileNames === undefined ? {} : { fileNames: operation.fileNames }),
    ...(operation.moreNames === undefined ? {} : { moreNames: operation.moreNames }),
    ...(excepted === undefined ? {} : { excepted }),
    at,
    fileNameIs: operation.fileName !== undefined ? 'known' : namedElsewhere ? 'late' : 'none',
    ...(operation.contentType === undefined ? {} : { contentType: operation.contentType }),
  }
}

/** Whether nobody knows how many bytes come out of what is sent. */
export function isSizeHidden({ module, head }: Pick<Judgement, 'module' | 'head'>, { activity }: Operation): boolean {
  return activity === 'upload' && module?.keepsCodings !== true && isEncoded(head)
}

function sentBy(client: Client, operation: Operation, volumes: JudgeSettings['volumes']): Facts['sentBefore'] {
  if (volumes === undefined) return undefined
  const key = volumeKey(client, operation)
  return overMs => volumes.sent(key, overMs)
}

/** Only a declared length is kept to. */
function declaredBody({ contentLength }: RequestHead): BodyCount {
  return contentLength === null ? OPEN_BODY : { bytes: contentLength, isAll: true }
}

const OPEN_BODY: BodyCount = Object.freeze({ bytes: 0, isAll: false })

function notIntercepted(view: View, head: RequestHead, client: Client, at: number): Judgement {
  const decision: Decision = { action: 'allow', ruleId: null, revision: view.policy.revision, reasons: ['not-intercepted'] }
  return plain(view, null, head, client, decision, at)
}

/** While break-glass lasts, nothing is asked of a recogniser either: it may be what is broken. */
function unjudged(view: View, head: RequestHead, client: Client, at: number): Judgement {
  const decision: Decision = { action: 'allow', ruleId: null, revision: view.policy.revision, reasons: ['break-glass'] }
  return plain(view, null, head, client, decision, at)
}

function failed(view: View, module: ProviderModule, head: RequestHead, client: Client, onError: Action, at: number): Judgement {
  const decision: Decision = { action: onError, ruleId: null, revision: view.policy.revision, reasons: ['recogniser-failed'] }
  const operation: Operation = {
    provider: module.providerOf(head.host), activity: 'other', step: 'single', size: { bytes: head.contentLength ?? 0, is: head.contentLength === null ? 'unknown' : 'exact' },
  }
  const judgement = plain(view, module, head, client, decision, at)
  return { ...judgement, recognition: { operation, reasons: ['recogniser-failed'], peek: 0 } }
}

function plain(view: View, module: ProviderModule | null, head: RequestHead, client: Client, decision: Decision, at: number): Judgement {
  const verdict: Verdict = { decision, settled: true, recheckAt: Number.POSITIVE_INFINITY, recheckBodyAt: Number.POSITIVE_INFINITY, monitorOpen: false }
  return { view, head, client, module, recognition: null, attribution: null, gathered: null, at, verdict, namedElsewhere: false, sessionLost: false, body: declaredBody(head), sentBefore: undefined, reasons: decision.reasons }
}

function union(a: readonly Reason[], b: readonly Reason[]): readonly Reason[] {
  if (b.length === 0) return a
  if (a.length === 0) return b
  const out = [...a]
  for (const reason of b) if (!out.includes(reason)) out.push(reason)
  return out
}
