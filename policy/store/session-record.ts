import Type from 'typebox'
import { Compile } from 'typebox/compile'
import { TRUSTS } from '../tenant/question.ts'
import type { Trust } from '../tenant/question.ts'
import { BINDING_DIGEST } from './binding-record.ts'

/** What is known of one upload session. */
export interface SessionRecord {
  /** The most bytes of content that it has reached. */
  readonly bytes: number
  /** Bytes that were forwarded in it, repeated ones too. Read: the sum over all nodes; written: what is to be added to it. */
  readonly sent: number
  /** The whole upload's size, as its start declared it. */
  readonly size?: number
  readonly fileName?: string
  readonly contentType?: string
  /** The tenant that the start went to. */
  readonly tenantId?: string
  /** What that is worth; left out where nothing was known. */
  readonly tenantIs?: Trust
  /** The digest of the credential that started it. */
  readonly credential?: string
  /** Milliseconds since 1970; 0: its start was not seen. */
  readonly startedAt: number
  /** Milliseconds since 1970. */
  readonly updatedAt: number
  /** Of `sent`, what the store holds of each writer; only where it was read and the store keeps it. */
  readonly by?: ReadonlyMap<string, number>
}

/** A session's key in the store: the beginning of a SHA-256, so that no id of a provider is kept. */
export const SESSION_DIGEST = /^[0-9a-f]{32}$/

const count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })
const text = (maxLength: number) => Type.Optional(Type.String({ minLength: 1, maxLength }))
const check = Compile(Type.Object({
  bytes: count,
  sent: Type.Optional(count),
  size: Type.Optional(count),
  // The bounds of what recognisers give out.
  fileName: text(1024),
  contentType: text(128),
  tenantId: text(256),
  tenantIs: Type.Optional(Type.Enum([...TRUSTS])),
  credential: Type.Optional(Type.String({ pattern: BINDING_DIGEST.source })),
  startedAt: count,
  updatedAt: count,
}))

/** Null for what is no record: a session can be lost, and costs less than a store that refuses to work. */
export function parseSession(value: unknown): SessionRecord | null {
  if (!check.Check(value)) return null
  const { bytes, sent = 0, size, fileName, contentType, tenantId, tenantIs, credential, startedAt, updatedAt } = value
  return {
    bytes, sent, startedAt, updatedAt,
    ...(size === undefined ? {} : { size }),
    ...(fileName === undefined ? {} : { fileName }),
    ...(contentType === undefined ? {} : { contentType }),
    ...(tenantId === undefined ? {} : { tenantId }),
    ...(tenantIs === undefined ? {} : { tenantIs }),
    ...(credential === undefined ? {} : { credential }),
  }
}

/** Two nodes' views of one session: the most bytes count, what each sent adds up, and what the newer does not tell stays. */
export function mergeSessions(before: SessionRecord | undefined | null, next: SessionRecord): SessionRecord {
  if (before === undefined || before === null) return next
  return {
    ...before, ...next,
    bytes: Math.max(before.bytes, next.bytes),
    sent: Math.min(before.sent + next.sent, Number.MAX_SAFE_INTEGER),
    startedAt: before.startedAt === 0 ? next.startedAt : before.startedAt,
    updatedAt: Math.max(before.updatedAt, next.updatedAt),
  }
}
