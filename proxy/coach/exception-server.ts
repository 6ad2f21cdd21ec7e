/** `/exception` on the proxy port: whoever was refused by a rule with `coach` asks for an exception here. */
import type http from 'node:http'
import { LRUCache } from 'lru-cache'
import { atMost } from '../../policy/at-most.ts'
import { SluiceError, sentence } from '../../policy/errors.ts'
import { sameCaller } from '../../policy/same-caller.ts'
import type { Exception } from '../../policy/store/store.ts'
import { unmap } from '../host-port.ts'
import type { Offer, Offers } from './offers.ts'
import { askedPage, formPage, grantedPage, REASON_MAX, sayingPage } from './pages.ts'

export interface ExceptionParts {
  readonly offers: Pick<Offers, 'find'>
  /** Stores what is asked for. Rejects with `exception.conflict` where it cannot be asked for now, or `store.*`. */
  readonly ask: (offer: Offer, reason: string) => Promise<void>
  /** What was asked for by the same person before, while it is not decided, or granted. */
  readonly standing: (offer: Offer) => Exception | undefined
  readonly log: (level: 'info' | 'error', message: string) => void
}

/** 500 characters of four bytes each, percent-encoded, and the event. */
const BODY_MAX = 8_192
const BODY_MS = 10_000
/** Of one address within the window; nobody has more reasons than these. */
const TRIES_MAX = 20
const WINDOW_MS = 10 * 60_000
const ADDRESSES_MAX = 10_000

export class ExceptionServer {
  readonly #parts: ExceptionParts
  readonly #tries = new LRUCache<string, number>({ ...atMost(ADDRESSES_MAX), ttl: WINDOW_MS, noUpdateTTL: true })

  constructor(parts: ExceptionParts) {
    this.#parts = parts
  }

  /**
   * Answers a request for the page; `authority` is where its client took the proxy to be (null: by a name that is none of the proxy's),
   * `query` what stands behind the question mark.
   */
  serve(request: http.IncomingMessage, response: http.ServerResponse, authority: string | null, query: string): void {
    this.#answer(request, authority, query).then(
      ({ status, page, headers }) => send(request, response, status, page, headers),
      (error: unknown) => {
        this.#parts.log('error', `An exception could not be asked for: ${error instanceof Error ? error.message : String(error)}`)
        send(request, response, 500, sayingPage('Something went wrong', 'Try again later.'))
      },
    )
  }

  async #answer(request: http.IncomingMessage, authority: string | null, query: string): Promise<Answer> {
    const ip = unmap(request.socket.remoteAddress ?? '')
    if (request.method === 'GET' || request.method === 'HEAD') {
      request.resume()
      const offer = this.#parts.offers.find(new URLSearchParams(query).get('event') ?? '', ip)
      return offer === undefined ? UNKNOWN : { status: 200, page: pageOf(offer, this.#parts.standing(offer)) }
    }
    if (request.method !== 'POST') {
      request.resume()
      return { status: 405, page: sayingPage('Not allowed', 'Only GET, HEAD and POST are answered here.'), headers: { Allow: 'GET, HEAD, POST' } }
    }
    if (isCrossSite(request, authority)) {
      request.resume()
      return { status: 403, page: sayingPage('Not allowed', 'This was sent by a page of another site. Open the link in the refusal instead.') }
    }
    const body = await readBody(request)
    if (body === null) return { status: 413, page: sayingPage('Too long', `A reason has up to ${REASON_MAX} characters.`), headers: { Connection: 'close' } }
    return this.#take(ip, new URLSearchParams(body))
  }

  async #take(ip: string, form: URLSearchParams): Promise<Answer> {
    const tries = (this.#tries.get(sameCaller(ip)) ?? 0) + 1
    this.#tries.set(sameCaller(ip), tries)
    if (tries > TRIES_MAX) {
      return { status: 429, page: sayingPage('Too often', 'Wait some minutes and try again.'), headers: { 'Retry-After': WINDOW_MS / 1_000 } }
    }
    const offer = this.#parts.offers.find(form.get('event') ?? '', ip)
    if (offer === undefined) return UNKNOWN
    const reason = oneLine(form.get('reason') ?? '')
    if (reason === '' || [...reason].length > REASON_MAX) {
      return { status: 422, page: formPage(offer, `Say why, in 1 to ${REASON_MAX} characters.`) }
    }
    try {
      await this.#parts.ask(offer, reason)
    } catch (error) {
      if (!(error instanceof SluiceError)) throw error
      const { code, message, remedy } = error
      if (code === 'exception.conflict') return { status: 409, page: sayingPage('Nothing to ask', `${sentence(message)} ${sentence(remedy)}`) }
      this.#parts.log('error', `An exception could not be asked for: ${message}`)
      return { status: 503, page: formPage(offer, 'It cannot be stored at the moment. Try again later.') }
    }
    return { status: 200, page: askedPage(offer) }
  }
}

interface Answer {
  readonly status: number
  readonly page: string
  readonly headers?: http.OutgoingHttpHeaders
}

function pageOf(offer: Offer, standing: Exception | undefined): string {
  if (standing === undefined) return formPage(offer)
  return standing.state === 'asked' ? askedPage(offer) : grantedPage(offer, standing.until ?? '')
}

const UNKNOWN: Answer = {
  status: 404,
  page: sayingPage('There is nothing to ask for here',
    'Nothing that was blocked for you is known under this event: it is too long ago, or another proxy blocked it. Do it again and open the new link.'),
}

/**
 * A browser says where a form was sent from. Only the event's id lets anybody ask, so that this is a second lock; programs send
 * neither field. Under a name of somebody else's that leads here (DNS rebinding) his page would be of the same site.
 */
function isCrossSite({ headers }: http.IncomingMessage, authority: string | null): boolean {
  if (authority === null) return true
  const site = headers['sec-fetch-site']
  if (site !== undefined && site !== 'same-origin') return true
  const { origin } = headers
  return origin !== undefined && URL.parse(origin)?.host !== authority.toLowerCase()
}

/** Null: it is too long, or does not come. */
function readBody(request: http.IncomingMessage): Promise<string | null> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    let length = 0
    const done = (body: string | null): void => {
      clearTimeout(timer)
      request.removeAllListeners('data')
      request.resume()
      resolve(body)
    }
    const timer = setTimeout(() => done(null), BODY_MS)
    request.on('data', (chunk: Buffer) => {
      length += chunk.length
      if (length > BODY_MAX) done(null)
      else chunks.push(chunk)
    })
    request.once('end', () => done(Buffer.concat(chunks).toString('utf8')))
    request.once('close', () => done(null))
  })
}

/**
 * A text of several lines as one, without control characters, which would tear logs and lists, and without those that turn
 * the direction of what stands behind them (Unicode TR 36 §3.1): whoever decides reads what was written.
 */
function oneLine(text: string): string {
  return text.toWellFormed().replace(/[\p{Cc}\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]+/gu, ' ').trim()
}

function send(request: http.IncomingMessage, response: http.ServerResponse, status: number, page: string, headers: http.OutgoingHttpHeaders = {}): void {
  response.writeHead(status, {
    ...headers,
    'Content-Type': 'text/html; charset=utf-8',
    'Content-Length': Buffer.byteLength(page),
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    // The event in the address is a secret; `no-referrer` would make browsers hide where the form comes from, too.
    'Referrer-Policy': 'same-origin',
    'Content-Security-Policy': "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
  })
  response.end(request.method === 'HEAD' ? undefined : page)
}
