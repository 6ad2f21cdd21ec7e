/** `POST /v1/decisions`: what would be decided for a described request. Nothing is counted, recorded or forwarded. */
import { trace } from '../policy/trace.ts'
import { SluiceError } from '../policy/errors.ts'
import type { ClientClass } from '../policy/operation.ts'
import { clientOf, groupReasons } from '../policy/people/person.ts'
import type { Person } from '../policy/people/person.ts'
import type { Catalogue } from '../policy/providers/index.ts'
import type { RestrictionHeaders } from '../policy/restrictions.ts'
import type { DescribedRequest, Explanation } from '../policy/admin/explain.ts'
import { RefusedError } from './errors.ts'
import { readHead } from './head.ts'
import type { Head } from './head.ts'
import type { People } from './people/people.ts'
import { clientRestrictions } from './restrict-headers.ts'
import { factsOf, judge } from './stages/judge.ts'
import type { JudgeSettings, Judgement, View } from './stages/judge.ts'

export interface ExplainParts {
  readonly view: () => View
  /** What is opened: the rest is explained as what it is, not intercepted. */
  readonly catalogue: Catalogue
  readonly settings: JudgeSettings
  readonly classify: (userAgent: string) => ClientClass
  readonly restrictions: () => RestrictionHeaders
  /** Finds out what memory does not hold of the credential and the place; null where there is nothing more to be had. */
  readonly lookUp: (judgement: Judgement) => Promise<unknown> | null
  readonly unexplainedLimit: number
  readonly people: People
}

const LOOPBACK = '127.0.0.1'

/** Rejects with `admin.invalid` where what is described is no request. */
export async function explain(parts: ExplainParts, described: DescribedRequest): Promise<Explanation> {
  const head = headOf(described, parts.unexplainedLimit)
  const userAgent = head.headers.get('user-agent') ?? ''
  const person = await personOf(parts.people, described)
  const client = clientOf(person, { ip: described.client?.ip ?? LOOPBACK, userAgent, class: parts.classify(userAgent) })
  const view = parts.view()
  const module = parts.catalogue.find(head.host, head.path)?.module ?? null
  const bytes = described.body === undefined ? null : Buffer.from(described.body, 'utf8')
  const body = bytes === null ? null : { bytes, complete: described.size === undefined || bytes.length >= described.size }
  const isRestrictedByClient = clientRestrictions(head, parts.restrictions(), view.tenants) === 'other'
  const extra = view.policy.needs.group ? groupReasons(person) : []
  const judged = () => judge(view, module, head, client, body, parts.settings, { extra, isRestrictedByClient })
  const first = judged()
  const more = parts.lookUp(first)
  if (more !== null) await more
  const judgement = more === null ? first : judged()
  const { attribution, verdict, recognition, reasons } = judgement
  const operation = recognition?.operation ?? null
  return {
    operation: operation === null ? null : {
      provider: operation.provider,
      activity: operation.activity,
      step: operation.step,
      size: operation.size,
      ...(operation.fileName === undefined ? {} : { fileName: operation.fileName }),
    },
    tenant: attribution === null ? null : {
      account: attribution.account, id: attribution.id, standing: attribution.standing, how: attribution.how,
    },
    client: { class: client.class },
    decision: {
      action: verdict.decision.action,
      ruleId: verdict.decision.ruleId,
      revision: verdict.decision.revision,
      reasons: [...reasons],
    },
    trace: operation === null ? [] : [...trace(view.policy, factsOf(judgement, operation))],
  }
}

/** Groups that are described are all there are; those of a user alone come from where the proxy has them. */
async function personOf(people: People, { client: { ip = LOOPBACK, user, groups } = {} }: DescribedRequest): Promise<Person> {
  if (groups !== undefined) return { ...(user === undefined ? {} : { user }), groups }
  const asked = people.ask(ip, user)
  if (asked !== null) await asked
  return people.find(ip, user)
}

function headOf(described: DescribedRequest, unexplainedLimit: number): Head {
  const url = URL.parse(described.url)
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    throw new SluiceError('admin.invalid', 'url is no http or https URL', 'Write it in full: https://host/path.', {
      faults: [{ path: 'url', message: 'must be an absolute http or https URL' }],
    })
  }
  const given: ReadonlyArray<readonly [string, string]> = Array.isArray(described.headers)
    ? described.headers.map(([name, value]): [string, string] => [name, value])
    : Object.entries(described.headers ?? {})
  const flat: string[] = ['Host', url.host]
  let framed = false
  for (const [name, value] of given) {
    const lower = name.toLowerCase()
    if (lower === 'host' || lower.startsWith(':')) continue
    if (lower === 'content-length' || lower === 'transfer-encoding') framed = true
    flat.push(name, value)
  }
  const size = described.size ?? (described.body === undefined ? undefined : Buffer.byteLength(described.body))
  // Left out, the size is unknown, not zero.
  if (!framed && size !== undefined) flat.push('Content-Length', String(size))
  else if (!framed && /^(?:POST|PUT|PATCH)$/.test(described.method)) flat.push('Transfer-Encoding', 'chunked')
  try {
    return readHead(
      { method: described.method, url: url.pathname + url.search, rawHeaders: flat, httpVersionMajor: 1, httpVersionMinor: 1 },
      url.protocol === 'https:' ? 'https' : 'http', false, unexplainedLimit,
    )
  } catch (error) {
    if (!(error instanceof RefusedError)) throw error
    const message = `The described request would be refused: ${error.detail}`
    throw new SluiceError('admin.invalid', message, 'Describe a well-formed request.', { cause: error })
  }
}
