/** An answer as the relay reads it: heads, then a body by its framing, as `proxy/relay/origin-leg.ts` puts them together. */
import { RefusedError } from '../../../proxy/errors.ts'
import { mayTrailAnswer } from '../../../proxy/forward-headers.ts'
import { readAnswerHead } from '../../../proxy/relay/answer-head.ts'
import { BodyReader } from '../../../proxy/relay/body-reader.ts'
import { HeadFinder } from '../../../proxy/relay/head-finder.ts'
import type { ReadAnswer } from './node-answer.ts'

const MOST_HEAD = 64 * 1024
const faulty = (detail: string): RefusedError => new RefusedError('upstream.broken', detail)

export interface RelayReading {
  readonly answer: ReadAnswer | 'refused'
  /** What was wrong with it, in the relay's words; empty: nothing, as far as it came. */
  readonly fault: string
}

/** `pieces`: all that an origin says before it closes. Throws what is no `RefusedError`. */
export function readByRelay(pieces: readonly Buffer[], method: string): RelayReading {
  const reading = new Reading(method)
  try {
    for (const piece of pieces) reading.take(piece)
  } catch (error) {
    if (!(error instanceof RefusedError) || error.code !== 'upstream.broken') throw error
    reading.fault = error.detail
  }
  return { answer: reading.result(), fault: reading.fault }
}

class Reading {
  fault = ''
  readonly #method: string
  readonly #finder = new HeadFinder(MOST_HEAD, { tooLarge: () => faulty('too large'), malformed: faulty })
  readonly #content: Buffer[] = []
  #head: ReturnType<typeof readAnswerHead> | null = null
  #body: BodyReader | null = null

  constructor(method: string) {
    this.#method = method
  }

  take(piece: Buffer): void {
    let rest = piece
    while (this.#body === null) {
      const found = this.#finder.take(rest)
      if (found === null) return
      this.#begin(readAnswerHead(found.bytes, this.#method))
      rest = found.rest
    }
    if (!this.#body.isEnded) this.#body.scan(rest, 0)
  }

  #begin(head: ReturnType<typeof readAnswerHead>): void {
    if (head.status === 101) throw faulty('another protocol')
    if (head.status < 200) return
    this.#head = head
    this.#body = new BodyReader(head.framing, head.contentLength, faulty, mayTrailAnswer)
    this.#body.reader = (bytes) => this.#content.push(bytes)
  }

  result(): ReadAnswer | 'refused' {
    const head = this.#head
    if (head === null) return 'refused'
    return {
      status: head.status, httpVersion: head.httpVersion, rawHeaders: head.rawHeaders, body: Buffer.concat(this.#content).toString('latin1'),
      isWhole: this.fault === '' && (head.framing === 'close' || this.#body?.isEnded === true), keepsAlive: head.keepsAlive,
    }
  }
}
