import type { Exchange } from './exchange.ts'
import type { JsonObject } from './json.ts'
import type { StandIn } from './stand-in.ts'

const LIFETIME_SECONDS = 14_400

/** What a consumer account's refresh tokens begin with, and its access tokens, which are no JWT. */
export const CONSUMER_GRANT = 'M.FAKE'
export const CONSUMER_TOKEN = 'EwFAKE'

/** A token answer in RFC 6749 §5.1 form. `tid` makes the access token look like a (never signed) Microsoft JWT. */
export function token(tid?: string): JsonObject {
  const part = (value: JsonObject): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const access = tid === undefined ? 'FAKE-TOKEN' : `${part({ typ: 'JWT', alg: 'none' })}.${part({ tid })}.FAKE`
  return { access_token: access, token_type: 'bearer', expires_in: LIFETIME_SECONDS, refresh_token: 'FAKE' }
}

/** The sign-in and token hosts: every grant is given, every page is a page. */
export function oauth(): StandIn {
  const handle = async (exchange: Exchange): Promise<void> => {
    const { host, method, path } = exchange.record
    if (method !== 'POST') {
      const page = `<!doctype html><title>Sign in</title><p>Sign in at ${host}</p>\n`
      return exchange.send(200, { 'content-type': 'text/html; charset=utf-8' }, page)
    }
    if (!/token/.test(path)) return exchange.json(404, { error: 'invalid_request' })
    const tid = host === 'login.microsoftonline.com' ? path.split('/')[1] : undefined
    const grant = new URLSearchParams((await exchange.readBytes()).toString('utf8')).get('refresh_token')
    if (grant?.startsWith(CONSUMER_GRANT) === true) return exchange.json(200, { ...token(), access_token: CONSUMER_TOKEN })
    await exchange.json(200, token(tid))
  }
  return {
    hosts: ['oauth2.googleapis.com', 'accounts.google.com', 'login.microsoftonline.com', 'login.live.com'],
    carriesContent: () => false,
    handle,
    stored: () => [],
    reset: () => undefined,
  }
}
