import Type from 'typebox'
import type { Static } from 'typebox'
import { ACTIONS, ACTIVITIES, CLIENT_CLASSES, HOWS, REASONS, STANDINGS, STEPS } from '../operation.ts'
import type { Attribution, ClientClass, Decision, Operation, Provider } from '../operation.ts'
import { ACCOUNTS } from '../providers/index.ts'
import type { TraceStep } from '../trace.ts'

/** The beginning of a body that a description may bring, in characters. */
export const DESCRIBED_BODY_MAX = 65_536
const HEADERS_MAX = 1_000

const header = Type.String({ maxLength: 65_536, description: 'a text of up to 65,536 characters' })
const closed = { additionalProperties: false }

/** A request in words, for `POST /v1/decisions`. */
export const DescribedRequestSchema = Type.Object({
  method: Type.String({ minLength: 1, maxLength: 32, pattern: '^[!#$%&\'*+.^_`|~0-9A-Za-z-]+$', description: 'an HTTP method' }),
  url: Type.String({ minLength: 1, maxLength: 16_384, description: 'an absolute URL of up to 16,384 characters' }),
  headers: Type.Union([
    Type.Array(Type.Tuple([header, header]), { maxItems: HEADERS_MAX }),
    Type.Record(Type.String(), header, { maxProperties: HEADERS_MAX }),
  ], { description: `a list of up to ${HEADERS_MAX} [name, value] pairs, or an object of name: value` }),
  size: Type.Optional(Type.Integer({
    minimum: 0, maximum: Number.MAX_SAFE_INTEGER,
    description: 'the length of the body in bytes (left out: what Content-Length says, else unknown)',
  })),
  body: Type.Optional(Type.String({
    maxLength: DESCRIBED_BODY_MAX, description: 'the beginning of the body as text, up to 65,536 characters',
  })),
  client: Type.Optional(Type.Object({
    ip: Type.Optional(Type.String({ minLength: 1, maxLength: 64, description: 'an IP address' })),
    user: Type.Optional(Type.String({ minLength: 1, maxLength: 256, description: 'a user name of up to 256 characters' })),
    groups: Type.Optional(Type.Array(Type.String({ minLength: 1, maxLength: 256, description: 'a group name of up to 256 characters' }), {
      maxItems: 2_000, description: 'a list of up to 2,000 groups (left out: those that the proxy knows of)',
    })),
  }, { ...closed, description: 'an object of ip, user and groups' })),
}, { ...closed, description: 'an object of method, url, headers and, if wanted, size, body, client', title: 'DescribedRequest' })

export type DescribedRequest = Static<typeof DescribedRequestSchema>

/** What the proxy would make of the request. `operation` and `tenant` are null for what is not cloud storage. */
export interface Explanation {
  readonly operation: Pick<Operation, 'provider' | 'activity' | 'step' | 'size' | 'fileName'> | null
  readonly tenant: Pick<Attribution, 'account' | 'id' | 'standing' | 'how'> | null
  readonly client: { readonly class: ClientClass }
  readonly decision: Decision
  readonly trace: readonly TraceStep[]
}

const text = Type.String()
const action = Type.Enum([...ACTIONS])

/** An `Explanation`, as it is answered. */
export const ExplanationSchema = Type.Object({
  operation: Type.Union([Type.Object({
    provider: Type.Unsafe<Provider>(text), activity: Type.Enum([...ACTIVITIES]), step: Type.Enum([...STEPS]),
    size: Type.Object({ bytes: Type.Integer(), is: Type.Enum(['exact', 'at-least', 'unknown']) }),
    fileName: Type.Optional(text),
  }), Type.Null()], { description: 'null for what is not cloud storage' }),
  tenant: Type.Union([Type.Object({
    account: Type.Enum([...ACCOUNTS]), id: Type.Union([text, Type.Null()]), standing: Type.Enum([...STANDINGS]), how: Type.Enum([...HOWS]),
  }), Type.Null()], { description: 'null for what is not cloud storage' }),
  client: Type.Object({ class: Type.Enum([...CLIENT_CLASSES]) }),
  decision: Type.Object({
    action, ruleId: Type.Union([text, Type.Null()], { description: 'null where no rule ended the reading' }),
    revision: Type.Integer(), reasons: Type.Array(Type.Enum([...REASONS])), message: Type.Optional(text),
    noted: Type.Optional(Type.Array(text)),
    monitored: Type.Optional(Type.Array(Type.Object({ ruleId: text, action }))),
  }, { title: 'Decision' }),
  trace: Type.Array(Type.Object({
    ruleId: text, outcome: Type.Enum(['matched', 'not-matched', 'open', 'disabled', 'monitor', 'not-reached']),
    failed: Type.Optional(Type.Unsafe<NonNullable<TraceStep['failed']>>(text)),
  }), { description: 'Every rule, in order.' }),
}, { title: 'Explanation' })
