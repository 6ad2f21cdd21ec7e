import type { RequestHead } from '../providers/provider.ts'
import { queryValues } from '../providers/query.ts'

/**
 * What a request shows of who sends it, as far as account systems tell by it: a bearer token (RFC 6750), in its header
 * or in the query. `several`: two that differ, of which the provider may follow either.
 */
export type Credential =
  | { readonly is: 'none' }
  | { readonly is: 'one'; readonly token: string }
  | { readonly is: 'several' }

const NONE: Credential = { is: 'none' }
const SEVERAL: Credential = { is: 'several' }

/** Tokens above this length are not looked at (characters; Entra's are 2 to 8 KiB). */
const TOKEN_LIMIT = 16 * 1024
/** The token68 of RFC 9110 §11.2, and `:`, `|` and `!`, which some providers' tokens have in them. */
const BEARER = /^(?:bearer|oauth)[ \t]+([A-Za-z0-9._~+/:|!*-]+=*)[ \t]*$/i
/** Where queries carry tokens: RFC 6750 §2.3, Google's older name, Dropbox's parameter for browsers. */
const PARAMETERS = ['access_token', 'oauth_token', 'authorization'] as const

export function readCredential({ headers, query }: RequestHead): Credential {
  const header = headers.get('authorization')
  const told = header === undefined ? undefined : tokenOf(header)
  // Two headers come joined: none of them can be told from the other any more.
  if (told === null) return SEVERAL
  const isAlone = query === '' || !mayTell(query)
  // As nearly all come.
  if (isAlone && told !== undefined) return oneOf(told)
  const more = isAlone ? [] : PARAMETERS.flatMap(name => queryValues(query, name)).filter(value => value !== '')
  const tokens = new Set(more.map(value => tokenOf(value) ?? value))
  // Beside a header that is not read here, the provider may follow that one.
  if (header !== undefined && told === undefined && tokens.size > 0) return SEVERAL
  if (told !== undefined) tokens.add(told)
  if (tokens.size > 1) return SEVERAL
  const [token] = tokens
  return token === undefined ? NONE : oneOf(token)
}

function oneOf(token: string): Credential {
  return token.length > TOKEN_LIMIT ? NONE : { is: 'one', token }
}

/** Undefined where it is no bearer token; null where it is more than one. */
function tokenOf(value: string): string | undefined | null {
  const token = value.length > TOKEN_LIMIT + 16 ? undefined : BEARER.exec(value)?.[1]
  if (token !== undefined) return token
  return /(?:^|,)\s*(?:bearer|oauth)\s.*,/is.test(value) || /,\s*(?:bearer|oauth)\s/is.test(value) ? null : undefined
}

function mayTell(query: string): boolean {
  return /token|authorization|%/i.test(query)
}
