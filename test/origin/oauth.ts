import { CONSUMER_TOKEN } from './access.ts'
import type { AccountSystem } from './accounts.ts'
import type { Exchange } from './exchange.ts'
import { answerGrant } from './grants.ts'
import type { JsonObject } from './json.ts'
import { keySet } from './signed-tokens.ts'
import type { StandIn } from './stand-in.ts'

const LIFETIME_SECONDS = 14_400

/** What a consumer account's refresh tokens at Microsoft begin with. */
export const CONSUMER_GRANT = 'M.FAKE'

/** https://login.microsoftonline.com/common/v2.0/.well-known/openid-configuration names the first as its `jwks_uri`. */
const KEYS = /^\/[^/]+\/discovery\/(?:v2\.0\/)?keys$/

/**
 * Answers a token request: by the named account's grant, or by a token in the form of RFC 6749 §5.1 that names nobody.
 * Dropbox' package for Node puts its parameters into the query.
 */
export async function answerTokenRequest(exchange: Exchange, system: AccountSystem, directory?: string): Promise<void> {
  const body = (await exchange.readBytes()).toString('utf8')
  const form = body === '' ? exchange.query : new URLSearchParams(body)
  if (await answerGrant(exchange, system, form, directory)) return
  const isConsumer = form.get('refresh_token')?.startsWith(CONSUMER_GRANT) === true
  const tid = exchange.record.host === 'login.microsoftonline.com' ? directory : undefined
  await exchange.json(200, { ...token(tid), ...(isConsumer ? { access_token: CONSUMER_TOKEN } : {}) })
}

/** `tid` makes the access token look like a (never signed) Microsoft JWT. */
function token(tid?: string): JsonObject {
  const part = (value: JsonObject): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const access = tid === undefined ? 'FAKE-TOKEN' : `${part({ typ: 'JWT', alg: 'none' })}.${part({ tid })}.FAKE`
  return { access_token: access, token_type: 'bearer', expires_in: LIFETIME_SECONDS, refresh_token: 'FAKE' }
}

/** The sign-in and token hosts: every grant that names nobody is given, every page is a page. */
export function oauth(): StandIn {
  const handle = async (exchange: Exchange): Promise<void> => {
    const { host, method, path } = exchange.record
    if (method !== 'POST') {
      if (host === 'login.microsoftonline.com' && KEYS.test(path)) return exchange.json(200, keySet('microsoft'))
      const page = `<!doctype html><title>Sign in</title><p>Sign in at ${host}</p>\n`
      return exchange.send(200, { 'content-type': 'text/html; charset=utf-8' }, page)
    }
    if (!/token/.test(path)) return exchange.json(404, { error: 'invalid_request' })
    if (host === 'login.microsoftonline.com') return answerTokenRequest(exchange, 'microsoft', path.split('/')[1])
    if (host !== 'login.live.com') return answerTokenRequest(exchange, 'google')
    await answerTokenRequest(exchange, 'microsoft', 'consumers')
  }
  return {
    hosts: ['oauth2.googleapis.com', 'accounts.google.com', 'login.microsoftonline.com', 'login.live.com'],
    carriesContent: () => false,
    handle,
    stored: () => [],
    reset: () => undefined,
  }
}
