/** A request's head as HTTP/2 brings it, held to the grammar of the relay, and as HTTP/1.1 goes on with it. */
import type { IncomingHttpHeaders } from 'node:http2'
import type { Field } from '../../policy/restrictions.ts'
import type { Asked } from '../exchange.ts'
import { RefusedError } from '../errors.ts'
import { requestHeaders } from '../forward-headers.ts'
import type { Head, RawRequest } from '../head.ts'
import { isTarget, KNOWN_METHODS } from './request-head.ts'

export interface StreamHead extends Asked, RawRequest {
  readonly method: string
  readonly httpVersionMajor: 2
}

/** `rawHeaders`: flat, as Node gives them. */
export function readStreamHead(headers: IncomingHttpHeaders, rawHeaders: readonly string[]): StreamHead {
  return { method: headers[':method'] ?? '', url: headers[':path'], rawHeaders, httpVersion: '2.0', httpVersionMajor: 2, httpVersionMinor: 0 }
}

/** A name as HTTP/2 writes it (RFC 9113 §8.2.1), and a value (RFC 9110 §5.5), as latin1. */
const NAME = /^:?[!#$%&'*+\-.^_`|~0-9a-z]+$/
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/

/** Nothing may pass that would be a line of its own in HTTP/1.1: nghttp2 sees to it, and this for the case that it does not. Throws `RefusedError`. */
export function checkStreamHead({ method, url = '', rawHeaders }: StreamHead): void {
  if (!KNOWN_METHODS.has(method)) throw malformed('a method that is not known')
  if (!isTarget(url)) throw malformed('a character that no target has')
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    if (!NAME.test(rawHeaders[i] ?? '')) throw malformed('a field whose name is none')
    if (!VALUE.test(rawHeaders[i + 1] ?? '')) throw malformed('a field whose value holds a control character')
  }
}

/** For the origin; see `composeRequestHead`. */
export function composeStreamHead(came: StreamHead, head: Head, restrictions: readonly Field[], via: string): Buffer {
  const fields = requestHeaders(came.rawHeaders, head, restrictions, via)
  let text = `${head.method} ${head.target.full} HTTP/1.1\r\n`
  for (let i = 0; i + 1 < fields.length; i += 2) text += `${fields[i] ?? ''}: ${fields[i + 1] ?? ''}\r\n`
  return Buffer.from(`${text}\r\n`, 'latin1')
}

function malformed(detail: string): RefusedError {
  return new RefusedError('request.malformed', detail)
}
