/** Answers of token endpoints (RFC 6749 §5.1, OpenID Connect Core 1.0 §3.1.3.3), as far as they tell whose the token is. */
import { isObject, member, readJson, textMember } from './json.ts'
import type { JsonObject } from './json.ts'

/** Tokens above this length are not looked into (characters; Entra's are 2,000 to 8,000). */
const TOKEN_LIMIT = 16 * 1024
/** What a token may consist of (RFC 6750 §2.1, `b64token`; consumer tokens of Microsoft have more, but never a space). */
const TOKEN = /^[\x21-\x7e]+$/

export interface Issued {
  readonly token: string
  readonly seconds: number
}

/** The access token that an answer gives out; `usual`: its life in seconds where the answer does not tell it. */
export function issuedIn(answer: unknown, usual: number): readonly [Issued] | undefined {
  const token = textMember(answer, 'access_token')
  if (token === undefined || token.length > TOKEN_LIMIT || !TOKEN.test(token)) return undefined
  // Entra's version 1 writes the number as text.
  const told = Number(member(answer, 'expires_in') ?? usual)
  return [{ token, seconds: Number.isSafeInteger(told) && told > 0 ? told : usual }]
}

/**
 * The claims of a JWT (RFC 7519). The signature is not looked at: what they are worth depends on where the token comes
 * from. Undefined for anything else, an encrypted one included.
 */
export function claimsIn(token: string | undefined): JsonObject | undefined {
  if (token === undefined || token.length > TOKEN_LIMIT) return undefined
  const payload = /^[\w-]+\.([\w-]+)\.[\w-]*$/.exec(token)?.[1]
  const claims = payload === undefined ? undefined : readJson(Buffer.from(payload, 'base64url').toString('utf8'))
  return isObject(claims) ? claims : undefined
}

/** The one bearer token of a request (RFC 6750 §2.1). */
export function bearerIn(authorization: string | undefined): string | undefined {
  return authorization === undefined || authorization.length > TOKEN_LIMIT ? undefined : /^bearer +([^\s,]+)$/i.exec(authorization)?.[1]
}
