/**
 * Everything that Sluice itself answers a client with, in one catalogue: code, status, public text, remedy.
 * The code is stable: it is metric label, event field and API value. Texts are for people behind the proxy.
 */

export interface Refusal {
  readonly status: number
  /** One sentence for the person or program that is refused. */
  readonly text: string
  /** What to do about it. */
  readonly remedy: string
  /** Seconds after which it is worth another try, where that can be told. */
  readonly retryAfter?: number
}

const ADMIN = 'Ask the people who run this proxy.'

export const REFUSALS = {
  'policy.blocked': { status: 403, text: 'This upload is blocked by policy.', remedy: ADMIN },
  'recogniser.failed': { status: 403, text: 'This request could not be understood and is blocked.', remedy: ADMIN },
  'restriction.empty': {
    status: 403, text: 'No organisation is allowed at this service yet.', remedy: 'An admin can add one that its restriction can name.',
  },
  'client.not-allowed': { status: 403, text: 'This address may not use the proxy.', remedy: 'An admin can add it to proxy.clients.' },
  'client.unauthenticated': {
    status: 407, text: 'This proxy wants to know who you are.', remedy: 'Sign in by the way that it asks for: user name and password, or a Kerberos ticket.',
  },
  'client.too-many-connections': {
    status: 429, text: 'Too many connections are open from this address.', remedy: 'Close some, or ask an admin about proxy.limits.', retryAfter: 10,
  },
  'client.too-many-tunnels': {
    status: 429, text: 'You have too many connections open.', remedy: 'Close some, or ask an admin about proxy.limits.', retryAfter: 10,
  },
  'client.too-many-requests': {
    status: 429, text: 'You have too many requests under way.', remedy: 'Wait for some, or ask an admin about proxy.limits.', retryAfter: 10,
  },
  'client.unverified': { status: 503, text: 'Who you are cannot be checked at the moment.', remedy: 'Try again later.' },
  'client.too-many-attempts': { status: 429, text: 'Too many sign-ins are being checked.', remedy: 'Try again in a moment.' },
  'request.malformed': { status: 400, text: 'The request is not well formed.', remedy: 'Correct the program that sent it.' },
  'request.too-large-header': { status: 431, text: 'The request has too many or too large header fields.', remedy: 'Send fewer cookies or headers.' },
  'request.expectation': { status: 417, text: 'The expectation cannot be met.', remedy: 'Send no other Expect than 100-continue.' },
  'request.timeout': { status: 408, text: 'The request body stopped arriving.', remedy: 'Try again on a better connection.' },
  'identity.mismatch': { status: 400, text: 'The connection was opened for another host than the request names.', remedy: 'Open a connection of its own for each host.' },
  'identity.misdirected': { status: 421, text: 'The connection was opened for another host than the request names.', remedy: 'Open a connection of its own for each host.' },
  'destination.port': { status: 403, text: 'This port may not be reached through the proxy.', remedy: 'Use port 443 or 80.' },
  'destination.address': { status: 403, text: 'This address may not be reached through the proxy.', remedy: 'An admin can name private networks in upstream.allow.' },
  'tunnel.opaque': { status: 403, text: 'What this tunnel carries cannot be recognised and is blocked.', remedy: 'An admin can change intercept.opaque.' },
  'tunnel.pinned': {
    status: 403, text: 'The program that uses this host lets nobody see what it sends, and is blocked.',
    remedy: 'Use the web page, or ask an admin to change intercept.pinned.',
  },
  'tunnel.front': {
    status: 403, text: 'This name is served where cloud storage is, and what its tunnel carries cannot be seen.', remedy: 'An admin can change intercept.front.',
  },
  'tunnel.plain-http': { status: 400, text: 'Plain HTTP was sent to a host that is reached over TLS only.', remedy: 'Use https.' },
  'upstream.name': { status: 502, text: 'The host name could not be resolved.', remedy: 'Check the name.' },
  'upstream.connect': { status: 502, text: 'The host could not be reached.', remedy: 'Try again later.' },
  'upstream.timeout': { status: 504, text: 'The host did not answer in time.', remedy: 'Try again later.' },
  'upstream.certificate': { status: 502, text: 'The host did not prove who it is, so nothing was sent to it.', remedy: ADMIN },
  'upstream.broken': { status: 502, text: 'The host ended the connection before it answered.', remedy: 'Try again later.' },
  'upstream.parent': { status: 502, text: 'The parent proxy refused the connection.', remedy: ADMIN },
  'proxy.loop': { status: 508, text: 'The request leads back to this proxy.', remedy: 'An admin can look at upstream.parent, and where the name leads.' },
  'proxy.draining': { status: 503, text: 'The proxy is stopping.', remedy: 'Try again in a moment.' },
  'proxy.overloaded': { status: 503, text: 'The proxy is short of memory.', remedy: 'Try again in a moment.', retryAfter: 10 },
  'proxy.too-many-connections': { status: 503, text: 'The proxy has too many connections open.', remedy: 'Try again later.', retryAfter: 30 },
  'proxy.too-many-tunnels': { status: 503, text: 'The proxy has too many connections open.', remedy: 'Try again later.', retryAfter: 30 },
  'proxy.too-many-requests': { status: 503, text: 'The proxy has too many requests under way.', remedy: 'Try again later.', retryAfter: 30 },
  'proxy.internal': { status: 500, text: 'The proxy failed.', remedy: ADMIN },
} as const satisfies Record<string, Refusal>

export type RefusalCode = keyof typeof REFUSALS
export const REFUSAL_CODES = Object.keys(REFUSALS) as readonly RefusalCode[]

/** RFC 9110 §10.2.3, in seconds; null: nobody can tell. */
export function retryAfterOf(code: RefusalCode): number | null {
  const entry: Refusal = REFUSALS[code]
  return entry.retryAfter ?? null
}

/** A refusal on its way to the client. `detail` is for the log and event, never for the client. */
export class RefusedError extends Error {
  override readonly name = 'RefusedError'
  readonly code: RefusalCode
  readonly detail: string

  constructor(code: RefusalCode, detail = '', cause?: unknown) {
    super(REFUSALS[code].text, cause === undefined ? undefined : { cause })
    this.code = code
    this.detail = detail
  }
}

/** A client that has not proven who it is: whoever finds so says how it can (RFC 9110 §15.5.8). */
export class UnauthenticatedError extends RefusedError {
  /** For Proxy-Authenticate. */
  readonly challenge: string
  /** The client has shown nothing yet, as browsers do on each connection until they are asked: no refusal of anybody. */
  readonly isQuestion: boolean

  constructor(challenge: string, detail: string, isQuestion = false) {
    super('client.unauthenticated', detail)
    this.challenge = challenge
    this.isQuestion = isQuestion
  }
}
