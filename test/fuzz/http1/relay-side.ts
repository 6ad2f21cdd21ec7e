/** The relay's reader: heads, then bodies by their framing, request after request, as `proxy/relay/client-connection.ts` puts them together. */
import { RefusedError } from '../../../proxy/errors.ts'
import { mayTrailRequest } from '../../../proxy/forward-headers.ts'
import type { Head } from '../../../proxy/head.ts'
import type { RequestHeadBytes } from '../../../proxy/relay/request-head.ts'
import type { End, Taken } from './taken.ts'

/** The parts of the reader; those of a loosened grammar come from elsewhere. */
export interface Grammar {
  readonly BodyReader: typeof import('../../../proxy/relay/body-reader.ts').BodyReader
  readonly HeadFinder: typeof import('../../../proxy/relay/head-finder.ts').HeadFinder
  readonly readHead: typeof import('../../../proxy/head.ts').readHead
  readonly readRequestHead: typeof import('../../../proxy/relay/request-head.ts').readRequestHead
}

export interface RelayRequest extends Taken {
  readonly came: RequestHeadBytes
  readonly head: Head
}

export interface RelayReading {
  readonly requests: readonly RelayRequest[]
  readonly end: End
}

const MOST_HEAD = 64 * 1024
/** RFC 9112 §9.6. */
const CLOSES = /(?:^|,)[\t ]*close[\t ]*(?:,|$)/i

/** `pieces`: the bytes of a connection as they come. Throws what is no `RefusedError`. */
export function readByRelay(grammar: Grammar, pieces: readonly Buffer[]): RelayReading {
  const reader = new RelaySide(grammar)
  try {
    for (const piece of pieces) {
      reader.take(piece)
      if (reader.end !== 'more') break
    }
  } catch (error) {
    if (!(error instanceof RefusedError)) throw error
    reader.end = 'refused'
  }
  return { requests: reader.requests.map(asTaken), end: reader.end }
}

/** A request that is being read. */
interface Reading {
  readonly came: RequestHeadBytes
  readonly head: Head
  readonly content: Buffer[]
  readonly body: InstanceType<Grammar['BodyReader']>
}

function asTaken({ came, head, content, body }: Reading): RelayRequest {
  const { method, url, rawHeaders } = came
  return { method, url, rawHeaders, came, head, body: Buffer.concat(content), isComplete: body.isEnded }
}

class RelaySide {
  readonly requests: Reading[] = []
  end: End = 'more'
  readonly #grammar: Grammar
  readonly #finder: InstanceType<Grammar['HeadFinder']>
  #current: Reading | null = null

  constructor(grammar: Grammar) {
    this.#grammar = grammar
    this.#finder = new grammar.HeadFinder(MOST_HEAD, { tooLarge: () => new RefusedError('request.too-large-header', ''), malformed: faulty })
  }

  take(piece: Buffer): void {
    let rest = piece
    while (rest.length > 0 && this.end === 'more') {
      if (this.#current === null) rest = this.#takeHead(rest)
      else rest = rest.subarray(this.#current.body.scan(rest, 0))
      if (this.#current?.body.isEnded === true) this.#settle(this.#current.head)
    }
  }

  #takeHead(piece: Buffer): Buffer {
    const found = this.#finder.take(piece)
    if (found === null) return NOTHING
    const came = this.#grammar.readRequestHead(found.bytes)
    if (came === 'handed-on') {
      this.end = 'handed-on'
      return NOTHING
    }
    const head = this.#grammar.readHead(came, 'https', false)
    const content: Buffer[] = []
    const body = new this.#grammar.BodyReader(head.framing === 'unknown' ? 'chunked' : head.framing, head.contentLength, faulty, mayTrailRequest)
    body.reader = (bytes) => content.push(bytes)
    this.#current = { came, head, content, body }
    this.requests.push(this.#current)
    return found.rest
  }

  #settle(head: Head): void {
    this.#current = null
    if (CLOSES.test(head.headers.get('connection') ?? '')) this.end = 'closed'
  }
}

const NOTHING = Buffer.alloc(0)

function faulty(detail: string): RefusedError {
  return new RefusedError('request.malformed', detail)
}
