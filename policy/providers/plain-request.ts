/** Requests that every origin reads alike: only from these is it concluded whose a place or a credential is. */
import { isObject, readJson } from './json.ts'
import type { BodyPart, RequestHead, StartResponse } from './provider.ts'
import { percentDecode } from './text.ts'
import { isEncoded, overridesOf } from './reading.ts'

/** Escaped slashes, dots and semicolons, repeated slashes, parameters of segments: what origins read in several ways. */
const UNCLEAR = /[;\\]|\/\/|%(?:2e|2f|3b|5c)/i

/** The path, undefined where origin and Sluice could differ about it or about the method. */
export function plainPath(head: RequestHead): string | undefined {
  return overridesOf(head) !== undefined || UNCLEAR.test(head.path) ? undefined : head.path
}

/**
 * Whether a query has no parameters but these, as they are spelt. Any other may have an answer written in another way
 * (`alt=media`, `$compute`), or name another credential than the request's own (`access_token`, `authorization`).
 */
export function hasOnly(query: string, names: ReadonlySet<string>): boolean {
  if (query === '') return true
  if (query.includes(';')) return false
  return query.split('&').every(part => part === '' || names.has(percentDecode(part.split('=', 1)[0] ?? '')))
}

/** The object that an answer of status 200 or 201 is; undefined for a part of one (206) and for what is no JSON. */
export function answerOf({ status, header, body }: StartResponse): unknown {
  if ((status !== 200 && status !== 201) || body === null) return undefined
  // Dropbox answered with `text/javascript` once.
  if (!/^(?:application\/json|text\/javascript)\s*(?:;|$)/i.test(header('content-type') ?? '')) return undefined
  const value = readJson(body.toString('utf8'))
  return isObject(value) ? value : undefined
}

/** The JSON object that a request's whole body is; undefined where it was not seen, or could be read in another way. */
export function requestJson(head: RequestHead, body: BodyPart | null): unknown {
  if (body === null || !body.complete || isEncoded(head) || !isUtf8(head.headers.get('content-type') ?? '')) return undefined
  const value = readJson(body.bytes.toString('utf8'))
  return isObject(value) ? value : undefined
}

/** `dropbox-cors-hack` is what browsers send to Dropbox for want of a better one. */
export function isUtf8(contentType: string): boolean {
  const charset = /charset\s*=\s*"?([^\s;",]*)/i.exec(contentType)?.[1]?.toLowerCase()
  return charset === undefined || charset === 'utf-8' || charset === 'utf8' || charset === 'us-ascii' || charset === 'dropbox-cors-hack'
}
