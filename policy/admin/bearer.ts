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
