/** Conditional requests (RFC 9110 §13.1): what a client has seen, and whether it is still so. */
import type { FastifyReply, FastifyRequest } from 'fastify'
import { SluiceError } from '../errors.ts'
import type { ErrorCode } from '../errors.ts'

type Field = 'If-Match' | 'If-None-Match'

/** Entity tags of a field; `*` stands for any. */
export type Tags = '*' | readonly string[]

const LIST = /^(?:[ \t]*(?:W\/)?"[!#-~\x80-\xff]*"[ \t]*(?:,|$))+$/
const TAG = /(?:W\/)?"[!#-~\x80-\xff]*"/g

/** The tags of a field, null where it was not sent. Throws `admin.invalid` for what is no list of tags. */
export function readTags({ headers }: Pick<FastifyRequest, 'headers'>, field: Field): Tags | null {
  const sent = headers[field === 'If-Match' ? 'if-match' : 'if-none-match']
  if (sent === undefined) return null
  if (sent.trim() === '*') return '*'
  if (LIST.test(sent)) return sent.match(TAG) ?? []
  throw new SluiceError('admin.invalid', `${field} is no list of entity tags in quotes.`, 'Send an ETag as it was answered.',
    { faults: [{ path: field, message: 'must be an ETag as it was answered, or *' }] })
}

/** The tags of If-Match, which has to be sent: `policy.precondition-required` (428) without it. */
export function requireMatch(request: Pick<FastifyRequest, 'headers'>, what: string): Tags {
  const tags = readTags(request, 'If-Match')
  if (tags !== null) return tags
  throw new SluiceError('policy.precondition-required', `${what} is changed only with If-Match.`,
    'Send If-Match with the ETag that was answered, or * for whatever there is.', { faults: [{ path: 'If-Match', message: 'is missing' }] })
}

/** Whether If-Match names the tag; weak tags never match here (RFC 9110 §8.8.3.2). */
export function matches(tags: Tags, etag: string): boolean {
  return tags === '*' || tags.includes(etag)
}

/** Throws the error of a tag that is not (any more) the one that was sent. */
export function stale(code: ErrorCode, what: string): SluiceError {
  return new SluiceError(code, `${what} is not as it was when it was read.`, 'Read it again, and send the change with the new ETag.',
    { faults: [{ path: 'If-Match', message: 'is not the ETag that it has now' }] })
}

/** Answers 304 where If-None-Match names what is there; whether it did. The tag is on the answer either way. */
export function notModified(request: FastifyRequest, reply: FastifyReply, etag: string): boolean {
  reply.header('etag', etag)
  const tags = readTags(request, 'If-None-Match')
  if (tags === null || !(tags === '*' || tags.some((tag) => tag.replace(/^W\//, '') === etag))) return false
  reply.code(304)
  return true
}
