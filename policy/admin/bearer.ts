/** How a token is written in `Authorization` (RFC 6750 §2.1): one grammar for who sends one and who configures one. */

const TOKEN = '(?=.{1,512}$)[A-Za-z0-9._~+/-]+=*'
const SENT = new RegExp(`^Bearer +(${TOKEN})$`, 'i')
const WHOLE = new RegExp(`^${TOKEN}$`)

/** Completes the sentence "must be …". */
export const TOKEN_FORM = '1 to 512 letters, digits and . _ ~ + / -, with = only at the end'

/** The token that an `Authorization` header carries, undefined where it carries none. */
export function bearerToken(authorization: string): string | undefined {
  return SENT.exec(authorization)?.[1]
}

/** Whether a text can be sent as a token, and so ever open the API. */
export function isToken(text: string): boolean {
  return WHOLE.test(text)
}

/** A JSON Web Token in compact form (RFC 7519 §3): three parts, the first an object in base64url. Tokens of Sluice have no dots. */
const JWT = /^eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*$/
/** Identity providers put groups in; Node takes 16 KiB of header in all. */
const JWT_MAX = 8_192

export function isJwt(text: string): boolean {
  return text.length <= JWT_MAX && JWT.test(text)
}

/** The JSON Web Token that an `Authorization` header carries, undefined where it carries none. */
export function bearerJwt(authorization: string): string | undefined {
  const sent = /^Bearer +(\S+)$/i.exec(authorization)?.[1]
  return sent !== undefined && isJwt(sent) ? sent : undefined
}
