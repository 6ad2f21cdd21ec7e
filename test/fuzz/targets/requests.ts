/** From a request's head and the beginning of its body to a decision: all that is pure, for every provider. */
import { deepStrictEqual } from 'node:assert/strict'
import { compile } from '../../../policy/evaluate.ts'
import { ACTIVITIES, HOWS, REASONS, STANDINGS, STEPS } from '../../../policy/operation.ts'
import { parsePolicy } from '../../../policy/policy.ts'
import { makeCatalogue } from '../../../policy/providers/catalogue.ts'
import { builtin, explainBody, unexplainedLimit } from '../../../policy/providers/index.ts'
import type { BodyPart, ProviderModule, Recognition } from '../../../policy/providers/provider.ts'
import { webdavLike } from '../../../policy/providers/webdav.ts'
import { indexTenants } from '../../../policy/tenant/allowlist.ts'
import { RefusedError } from '../../../proxy/errors.ts'
import { readHead } from '../../../proxy/head.ts'
import type { Head } from '../../../proxy/head.ts'
import { judge } from '../../../proxy/stages/judge.ts'
import type { Judgement, JudgeSettings } from '../../../proxy/stages/judge.ts'
import { readRequest } from '../http-text.ts'
import type { RequestText } from '../http-text.ts'
import { requestTexts } from '../request-texts.ts'
import { requestWords } from '../request-words.ts'
import { Broken, hold } from '../target.ts'
import type { Target } from '../target.ts'

const PEEK_MOST = 64 * 1024
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/

/** WebDAV has no host of its own. */
export const catalogue = makeCatalogue([...builtin, webdavLike({
  id: 'webdav', account: 'webdav', domains: ['example'], hosts: [{ pattern: 'dav.example', role: 'storage' }, { pattern: 'cloud.example', role: 'storage' }],
})])
const view = {
  policy: compile(parsePolicy({
    default: 'allow', unknownTenant: 'allow', rules: [{ id: 'no-uploads', when: { activity: ['upload', 'edit'] }, action: 'block' }],
  }), 1),
  tenants: indexTenants([{ account: 'microsoft', id: 'contoso', aliases: ['contoso.com'] }, { account: 'aws', id: 'contoso-files' }]),
}
const client = { ip: '10.0.0.1', userAgent: '', class: 'unknown' } as const
const settings: JudgeSettings = {
  onError: 'block', now: () => 0, session: () => undefined, failed: (error) => { throw error },
}

export const target: Target = {
  name: 'requests',
  sources: ['policy/providers/', 'policy/tenant/', 'proxy/head.ts', 'proxy/host-port.ts', 'proxy/stages/'],
  dictionary: requestWords(builtin),
  maxLength: 16 * 1024,
  open: async () => ({ starts: requestTexts(), run }),
}

function run(bytes: Buffer): void {
  const request = readRequest(bytes.toString('latin1'))
  const head = headOf(request)
  if (head === undefined) return
  const { module, role } = catalogue.find(head.host, head.path) ?? { module: null, role: 'storage' }
  const judgement = judged(module, head, request.body)
  deepStrictEqual(judged(module, head, request.body), judgement, 'the same request is judged otherwise a second time')
  const { recognition } = judgement
  if (module === null || recognition === null) return
  const fault = faultIn(module, recognition) ?? faultOfTenant(judgement)
  if (fault !== undefined) throw new Broken(fault)
  // Where nothing can be stored, forms may be of any length.
  const larger = head.contentLength === null ? endless(module, head, request.body) : recognition
  hold(role === 'sign-in' || larger === null || explained(head, larger), () => `a large body is ${larger?.operation.activity ?? ''}, and nothing is counted`)
  const { activity } = recognition.operation
  hold((activity === 'upload' || activity === 'edit') === (judgement.verdict.decision.action === 'block'), 'the rule does not hold')
}

/** Undefined where the head is refused, as hostile ones have to be. */
export function headOf({ raw, body }: RequestText): Head | undefined {
  try {
    const head = readHead(raw, 'https', raw.httpVersionMajor === 2 && body.length === 0)
    deepStrictEqual(readHead(raw, 'https', raw.httpVersionMajor === 2 && body.length === 0).target, head.target)
    return head
  } catch (error) {
    if (error instanceof RefusedError) return undefined
    throw error
  }
}

/** As `judge-exchange.ts` does it: by the head, and again with the body where more is to be seen. */
export function judged(module: ProviderModule | null, head: Head, body: Buffer): Judgement {
  const first = judge(view, module, head, client, null, settings)
  const peek = first.recognition?.peek ?? 0
  if (peek === 0) return first
  return judge(view, module, head, client, bodyPart(head, body, peek), settings)
}

export function bodyPart({ contentLength }: Head, body: Buffer, peek: number): BodyPart {
  const whole = contentLength === null ? body : body.subarray(0, contentLength)
  return { bytes: whole.subarray(0, peek), complete: whole.length <= peek && (contentLength === null || whole.length === contentLength) }
}

/** The same request with a body of which the end is not seen. */
function endless(module: ProviderModule, head: Head, body: Buffer): Recognition | null {
  const { recognition } = judge(view, module, head, client, null, settings)
  if (recognition === null || recognition.peek === 0) return recognition
  const bytes = Buffer.concat([body, Buffer.alloc(Math.max(recognition.peek - body.length, 0), 'x')])
  return judge(view, module, head, client, { bytes, complete: false }, settings).recognition
}

/** Above the limit nothing is less than an upload, and what is not told is counted. */
function explained(head: Head, recognition: Recognition): boolean {
  const isContent = ({ operation: { activity } }: Recognition): boolean => activity === 'upload' || activity === 'edit'
  const limit = unexplainedLimit(head)
  if (isContent(recognition)) return true
  if (head.contentLength !== null) return head.contentLength <= limit
  return recognition.unexplainedOver !== undefined && isContent(explainBody(recognition, limit + 1))
}

/** Why a recognition is not well formed; undefined when it is. */
function faultIn(module: ProviderModule, { operation, reasons, peek, unexplainedOver }: Recognition): string | undefined {
  const { provider, activity, step, size, fileName, fileNames = [], session, offset, part, tenantHint, contentType } = operation
  if (!module.providers.includes(provider) || !ACTIVITIES.includes(activity) || !STEPS.includes(step)) return `${provider} ${activity} ${step}`
  if (!Number.isFinite(size.bytes) || size.bytes < 0 || !['exact', 'at-least', 'unknown'].includes(size.is)) return `a size of ${size.bytes}, ${size.is}`
  if (size.is === 'unknown' && size.bytes !== 0) return 'an unknown size with bytes'
  for (const name of [fileName, ...fileNames]) if (name !== undefined && !isPlain(name, 1024)) return `a file name ${JSON.stringify(name)}`
  if (fileNames.length > 64 || (fileNames.length > 0 && fileNames[0] !== fileName)) return `${fileNames.length} names, and ${fileName ?? 'none'} first`
  if (session !== undefined && !isPlain(session, 512)) return `a session ${JSON.stringify(session)}`
  if (offset !== undefined && !(Number.isSafeInteger(offset) && offset >= 0)) return `an offset ${offset}`
  if (part !== undefined && !isPlain(part, 128)) return `a part ${JSON.stringify(part)}`
  if (tenantHint !== undefined && (!isPlain(tenantHint, 512) || tenantHint !== tenantHint.toLowerCase())) return `a tenant ${JSON.stringify(tenantHint)}`
  if (contentType !== undefined && !isPlain(contentType, 128)) return `a type ${JSON.stringify(contentType)}`
  if (!reasons.every(reason => REASONS.includes(reason))) return `reasons ${reasons.join()}`
  if (Object.values(operation).includes(undefined)) return 'a member that is undefined'
  return peek >= 0 && peek <= PEEK_MOST && (unexplainedOver ?? 0) >= 0 ? undefined : `a look at ${peek} bytes`
}

function faultOfTenant({ attribution, reasons }: Judgement): string | undefined {
  if (attribution === null) return 'no attribution'
  const { id, standing, how } = attribution
  if (!STANDINGS.includes(standing) || !HOWS.includes(how)) return `${standing} ${how}`
  if (id !== null && !isPlain(id, 1024)) return `a tenant ${JSON.stringify(id)}`
  return reasons.every(reason => REASONS.includes(reason)) ? undefined : `reasons ${reasons.join()}`
}

function isPlain(text: string, most: number): boolean {
  return text !== '' && text.length <= most && !UNPRINTABLE.test(text)
}
