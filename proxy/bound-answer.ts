/** Holds an origin to an answer that has an end, before its body: informational ones are counted, and no field of a head is lost. */
import type http from 'node:http'
import { RefusedError } from './errors.ts'

/** WebDAV's 102 comes every few seconds while an answer is in the making; others send one or two (RFC 9110 §15.2). */
export const MOST_INFORMATIONAL = 200

/** `informed` is told of each informational answer, `failed` once an origin has gone on for too long. */
export function boundAnswer(upstream: http.ClientRequest, informed: (answer: http.InformationEvent) => void, failed: (error: RefusedError) => void): void {
  // Node drops fields past the thousandth without a word; the size of a head is bounded all the same.
  upstream.maxHeadersCount = 0
  let count = 0
  upstream.on('information', (answer) => {
    count += 1
    informed(answer)
    if (count === MOST_INFORMATIONAL) failed(new RefusedError('upstream.broken', 'informational answers without end'))
  })
}
