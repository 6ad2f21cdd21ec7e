/**
 * What a refused client is told: in the provider's own error form, so that the program it comes from shows the text
 * and does not retry; a page for a person's browser; problem details (RFC 9457) for everyone else.
 */
import { REFUSALS, retryAfterOf } from './errors.ts'
import type { RefusalCode } from './errors.ts'
import { PAGE_POLICY, refusalPage } from './refusal-page.ts'
import type { Language } from './refusal-words.ts'
import { FORMS, problem } from './refusal-forms.ts'
import type { FormBody } from './refusal-forms.ts'
import type { HeaderView } from '../policy/providers/provider.ts'
import type { Account } from '../policy/operation.ts'

export interface Answer {
  readonly status: number
  /** Flat: `[name, value, …]`. */
  readonly headers: readonly string[]
  readonly body: Buffer
}

export interface RefusalText {
  readonly organisation: string | null
  readonly contact: string | null
  /** A `data:` URL. */
  readonly logo: string | null
  /** Of the page; programs are told in English, or in a rule's own words. */
  readonly language: Language | 'auto'
}

export interface Refused {
  readonly code: RefusalCode
  /** The rule's message, or more of what happened, in place of the catalogue's text. */
  readonly message: string | undefined
  readonly ruleId: string | null
  readonly eventId: string
  /** Where the person can ask for an exception; left out: nowhere. */
  readonly askAt?: string
  /** How the client can prove who it is; left out: that is not asked. */
  readonly challenge?: string
  /** Whose error form to speak; null: no provider's. */
  readonly form: Account | null
  /** Where the request went; empty before its head was read. */
  readonly host: string
  readonly path: string
  readonly method: string
  readonly headers: HeaderView | null
  /** Whether the origin of a cross-origin page is one of the catalogue's hosts. */
  readonly isProviderOrigin: (origin: string) => boolean
  readonly now: Date
}

/** RFC 9209 §2.3: registered error types, where one says more than that the request was denied. */
const PROXY_ERRORS: { readonly [code in RefusalCode]?: string } = {
  'upstream.name': 'dns_error',
  'upstream.connect': 'connection_refused',
  'upstream.timeout': 'connection_timeout',
  'upstream.certificate': 'tls_certificate_error',
  'upstream.broken': 'connection_terminated',
  'upstream.parent': 'destination_unavailable',
  'request.malformed': 'http_request_error',
  'proxy.loop': 'proxy_loop_detected',
  'proxy.internal': 'proxy_internal_error',
}

export function composeRefusal(refused: Refused, text: RefusalText): Answer {
  const entry = REFUSALS[refused.code]
  const preflight = isPreflight(refused)
  const cors = corsHeaders(refused, preflight)
  if (preflight && cors.length > 0) return { status: 204, headers: [...cors, 'Cache-Control', 'no-store'], body: Buffer.alloc(0) }
  const said = refused.message ?? entry.text
  const message = `${said} (event ${refused.eventId})${asking(refused)}`
  const retryAfter = retryAfterOf(refused.code)
  const { type, body, headers = [] } = form(refused, entry.status, said, message, text)
  return {
    status: entry.status,
    headers: [
      'Content-Type', type,
      'Cache-Control', 'no-store',
      'X-Content-Type-Options', 'nosniff',
      // RFC 9209: tells a person with developer tools who answered and why.
      'Proxy-Status', `sluice; error=${PROXY_ERRORS[refused.code] ?? 'http_request_denied'}; details="${refused.code}"`,
      'Sluice-Event', refused.eventId,
      ...headers,
      ...(retryAfter === null ? [] : ['Retry-After', String(retryAfter)]),
      // RFC 9110 §15.5.8: the answer must say how to authenticate.
      ...(refused.challenge === undefined ? [] : ['Proxy-Authenticate', refused.challenge]),
      ...(type.startsWith('text/html') ? ['Content-Security-Policy', PAGE_POLICY] : []),
      ...cors,
    ],
    body: Buffer.from(body, 'utf8'),
  }
}

/** What texts go on with. */
function asking({ askAt }: Refused): string {
  return askAt === undefined ? '' : `; you can ask for an exception at ${askAt}`
}

function form(refused: Refused, status: number, said: string, message: string, text: RefusalText): FormBody {
  if (isNavigation(refused)) return { type: 'text/html; charset=utf-8', body: refusalPage(refused, status, text) }
  const { code, ruleId, eventId, askAt, host, path, now } = refused
  const inForm = refused.form === null ? undefined : FORMS[refused.form]
  return (inForm ?? problem)({ code, status, said, message, ruleId, eventId, ...askAt === undefined ? {} : { askAt }, host, path, now })
}

/** A person's browser opening a page, as against a script in a page fetching something. */
function isNavigation(refused: Refused): boolean {
  const { headers } = refused
  if (headers === null || headers.get('authorization') !== undefined) return false
  const mode = headers.get('sec-fetch-mode')
  if (mode !== undefined) return mode === 'navigate'
  return (headers.get('accept') ?? '').includes('text/html') && headers.get('x-requested-with') === undefined
}

function isPreflight(refused: Refused): boolean {
  return refused.method === 'OPTIONS' && refused.headers?.get('access-control-request-method') !== undefined
}

/** CORS fields that let a provider's own page read the refusal (Fetch standard, CORS protocol). */
function corsHeaders(refused: Refused, preflight: boolean): string[] {
  const origin = refused.headers?.get('origin')
  if (origin === undefined || !/^https:\/\/[a-z0-9.-]+(:[0-9]+)?$/i.test(origin) || !refused.isProviderOrigin(origin)) return []
  const out = ['Access-Control-Allow-Origin', origin, 'Access-Control-Allow-Credentials', 'true', 'Vary', 'Origin']
  if (!preflight) return [...out, 'Access-Control-Expose-Headers', 'Sluice-Event, Proxy-Status']
  const method = refused.headers?.get('access-control-request-method') ?? ''
  const names = refused.headers?.get('access-control-request-headers') ?? ''
  if (/^[A-Za-z]{1,32}$/.test(method)) out.push('Access-Control-Allow-Methods', method)
  if (names !== '' && /^[A-Za-z0-9, _-]{1,4096}$/.test(names)) out.push('Access-Control-Allow-Headers', names)
  return out
}
