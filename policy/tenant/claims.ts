import { isObject, readJson, textMember } from '../providers/json.ts'
import type { Account } from '../operation.ts'
import { isGuid } from './guid.ts'
import { PERSONAL } from './personal.ts'

/** The directory in which Microsoft's consumer accounts live (Microsoft identity platform, "ID token claims"). */
const CONSUMER_DIRECTORY = '9188040d-6c67-4c5b-b112-36a304b66dad'
const DOMAIN = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)+$/
/** The whole of a token of RFC 7519 in its compact form; the signature may be empty (`alg: none`). */
const JWT = /^[A-Za-z0-9_-]+\.([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]*$/
/** How the opaque tokens of Microsoft's consumer accounts begin. Directories give out JWTs. */
const CONSUMER_TOKEN = /^Ew[A-Z]/

/** Tokens whose claims are remembered: programs send theirs with each request, and to read one takes longer than to decide. */
const REMEMBERED = 10_000
const NOTHING = Symbol('names no tenant')
const known = new Map<string, string | typeof NOTHING>()

/** The same by the token's digest, which tells it from all others. What is remembered holds no credential. */
export function rememberedClaim(account: Account, token: string, digest: string): string | undefined {
  const before = known.get(digest)
  if (before !== undefined) return before === NOTHING ? undefined : before
  const claimed = claimedTenant(account, token)
  if (known.size >= REMEMBERED) known.clear()
  known.set(digest, claimed ?? NOTHING)
  return claimed
}

/**
 * The tenant that a token names by itself, lower case. Nothing of it is checked: whoever sends the request can write
 * anything here. Microsoft: `tid`, or the domain of `upn` (Microsoft identity platform, "Access token claims
 * reference"); Google: `hd`.
 */
export function claimedTenant(account: Account, token: string): string | undefined {
  if (account !== 'microsoft' && account !== 'google') return undefined
  const body = JWT.exec(token)?.[1]
  if (body === undefined) return account === 'microsoft' && CONSUMER_TOKEN.test(token) ? PERSONAL : undefined
  const claims = readJson(Buffer.from(body, 'base64url').toString('utf8'))
  if (!isObject(claims)) return undefined
  return account === 'google' ? domainOf(textMember(claims, 'hd')) : directoryOf(claims)
}

/** The tenant that the claims of a Microsoft token name. */
function directoryOf(claims: Readonly<Record<string, unknown>>): string | undefined {
  const tid = textMember(claims, 'tid')?.toLowerCase()
  if (tid === CONSUMER_DIRECTORY) return PERSONAL
  if (tid !== undefined) return isGuid(tid) ? tid : undefined
  const upn = textMember(claims, 'upn')
  // A guest's name belongs to the directory that he is from, not to the one that made the token.
  return upn === undefined || /#ext#/i.test(upn) ? undefined : domainOf(upn.slice(upn.lastIndexOf('@') + 1))
}

function domainOf(text: string | undefined): string | undefined {
  const domain = text?.toLowerCase()
  return domain !== undefined && domain.length <= 253 && DOMAIN.test(domain) ? domain : undefined
}
