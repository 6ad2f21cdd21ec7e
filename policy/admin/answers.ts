/** What a route answers, as its schemas: they are its types and its place in `/openapi.json` at once. */
import Type from 'typebox'
import type { TSchema } from 'typebox'
import { ERROR_CODES } from '../errors.ts'
import type { ErrorCode } from '../errors.ts'
import { statusOf, titleOf } from './errors.ts'

export interface AnswerOptions {
  /** Header fields of the answer and what they tell. */
  readonly headers?: Readonly<Record<string, string>>
}

interface Answer<T extends TSchema> {
  readonly description: string
  readonly headers?: Readonly<Record<string, TSchema>>
  readonly content: { readonly 'application/json': { readonly schema: T } }
}

/** An answer in JSON. */
export function json<T extends TSchema>(schema: T, description: string, { headers }: AnswerOptions = {}): Answer<T> {
  return { description, ...fields(headers), content: { 'application/json': { schema } } }
}

/** An answer in JSON, or as a text of another media type where the client asks for it. */
export function jsonOr<T extends TSchema, Type extends string, U extends TSchema>(
  schema: T, type: Type, other: U, description: string, { headers }: AnswerOptions = {},
): Answer<T> & { readonly content: Readonly<Record<Type, { readonly schema: U }>> } {
  // A computed key is typed as any text.
  const content = { 'application/json': { schema }, [type]: { schema: other } } as
    Answer<T>['content'] & Record<Type, { readonly schema: U }>
  return { description, ...fields(headers), content }
}

/** An answer without a body: 204, 304. */
export function nothing(description: string, { headers }: AnswerOptions = {}) {
  return Type.Unsafe<undefined>(Type.Null({ description, ...fields(headers) }))
}

function fields(headers: Readonly<Record<string, string>> | undefined): { headers?: Readonly<Record<string, TSchema>> } {
  if (headers === undefined) return {}
  return { headers: Object.fromEntries(Object.entries(headers).map(([name, description]) => [name, Type.String({ description })])) }
}

export const ETAG = { ETag: 'The version that was answered; send it as If-Match to change this one only.' }

/** RFC 9457, as `errors.ts` writes it. */
const ProblemSchema = Type.Object({
  type: Type.String({ description: 'urn:sluice:error: and the code' }),
  title: Type.String(),
  status: Type.Integer({ minimum: 400, maximum: 599 }),
  detail: Type.String({ description: 'What is wrong, and what to do about it.' }),
  code: Type.Enum([...ERROR_CODES], { description: 'Stable; for programs.' }),
  errors: Type.Array(Type.Object({
    path: Type.String({ description: 'The faulty place: rules/1/when/size, say, or a header field.' }),
    message: Type.String(),
  })),
}, { additionalProperties: false, title: 'Problem' })

/** The problems that a route may answer, by their status. */
export function problems(codes: readonly ErrorCode[], unread: boolean): Record<string, object> {
  const byStatus = new Map<number, ErrorCode[]>()
  for (const code of new Set(codes)) byStatus.set(statusOf(code), [...byStatus.get(statusOf(code)) ?? [], code])
  if (unread) byStatus.set(415, ['admin.invalid'])
  return Object.fromEntries([...byStatus].map(([status, told]) => [status, {
    description: status === 415 ? 'A media type that is not read here' : told.map(titleOf).join('; '),
    ...status === 429 && fields({ 'Retry-After': 'Seconds to wait.' }),
    content: { 'application/problem+json': { schema: Type.Intersect([ProblemSchema, Type.Object({ code: Type.Enum(told) })]) } },
  }]))
}
