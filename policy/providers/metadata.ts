/**
 * Metadata as a channel: a call that renames, shares or lists needs a few words. More than `intercept.unexplainedBody`
 * is an upload, unless all of the body was looked into and what makes it long is a list that the call is known to take.
 */
import type { Activity } from '../operation.ts'
import { isObject, readJson } from './json.ts'
import type { Recognition, RequestHead } from './provider.ts'
import { explain, isEncoded, PEEK_LIMIT, unexplained, unexplainedLimit } from './reading.ts'
import { exactly } from './size.ts'

/** The beginning of a body. `complete` when it is all of it. */
export interface BodyStart {
  readonly bytes: Buffer
  readonly complete: boolean
}

function isMetadata(activity: Activity): boolean {
  return activity === 'list' || activity === 'change' || activity === 'delete' || activity === 'share'
}

/** A path of 4,096 characters is the longest that an entry of such a list names. */
const ENTRY_LIMIT = 4096

/**
 * Explains the body of a metadata call, with or without its beginning in hand. `lists` names the members of its JSON
 * that may be long (`entries`): of short items only. Anything but metadata is left to `explain`.
 */
export function explainMetadata(
  head: RequestHead, first: Recognition, lists: ReadonlySet<string>, body?: BodyStart,
): Recognition {
  if (!isMetadata(first.operation.activity)) return explain(head, first)
  const limit = unexplainedLimit(head)
  // As most are; under a coding or not, so short a body is no channel.
  if (head.contentLength !== null && head.contentLength <= limit) return first
  if (isEncoded(head)) return explain(head, first)
  const length = head.contentLength ?? (body?.complete === true ? body.bytes.length : null)
  if (length !== null && length <= limit) return first
  if (length !== null && length > PEEK_LIMIT) return unexplained(first, exactly(length))
  if (body === undefined) {
    return length === null ? { ...first, peek: PEEK_LIMIT, unexplainedOver: limit } : { ...unexplained(first, exactly(length)), peek: PEEK_LIMIT }
  }
  if (!body.complete || length === null) return explain(head, { ...first, peek: 0 })
  return isListed(body.bytes, lists, limit) ? { ...first, peek: 0 } : unexplained(first, exactly(length))
}

/** Whether a body is JSON, and short but for known lists. White space between their items does not count as theirs. */
function isListed(body: Buffer, lists: ReadonlySet<string>, limit: number): boolean {
  const value = readJson(body.toString('utf8'))
  if (!isObject(value)) return false
  let rest = body.length
  for (const [name, list] of Object.entries(value)) {
    if (!lists.has(name) || !Array.isArray(list)) continue
    for (const item of list) {
      const bytes = Buffer.byteLength(JSON.stringify(item))
      if (bytes > ENTRY_LIMIT) return false
      rest -= bytes
    }
  }
  return rest <= limit
}

/** For rows whose body is a few words, whatever their activity: more than the limit is content by another name. */
export function explainBrief(head: RequestHead, first: Recognition): Recognition {
  const { activity } = first.operation
  const read = explain(head, { ...first, operation: { ...first.operation, activity: 'other' } })
  return read.operation.activity === 'upload' ? read : { ...read, operation: { ...read.operation, activity } }
}
