/** Administrators who sign in at an identity provider: its JSON Web Tokens as bearer tokens of the API. */
import { decodeJwt, decodeProtectedHeader, errors, jwtVerify } from 'jose'
import type { JWTPayload, JWTVerifyGetKey } from 'jose'
import { SluiceError } from '../errors.ts'
import type { Actor } from './actor.ts'
import { OIDC_ROLES } from './oidc-settings.ts'
import type { OidcSettings } from './oidc-settings.ts'

/**
 * What a token turned out to be. `unfit`: signed by the issuer, but not for this, so that whoever sends it guesses nothing.
 * `why` is for the log; it repeats nothing of the token.
 */
export type SignIn =
  | { readonly is: 'known'; readonly actor: Actor }
  | { readonly is: 'invalid' | 'unfit' | 'expired' | 'without-role'; readonly why: string }

/** RFC 8725 §3.1 and §3.2: only these, all asymmetric; `none` and HMAC are not among them. */
const ALGORITHMS = [
  'RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519',
] as const
/** RFC 8725 §3.11: a token of another kind (a logout, a security event) must not pass as one for access (RFC 9068 §2.1). */
const TYPES: readonly string[] = ['jwt', 'at+jwt', 'application/at+jwt', 'application/jwt']
const TOLERANCE_S = 30
/** OpenID Connect Core 1.0 §2: a subject has at most 255 characters. Nothing in it may break a line of a log. */
const SUBJECT = /^[^\p{C}\p{Zl}\p{Zp}]{1,255}$/u

/** Answers who a token is from; rejects only where the keys cannot be had. */
export type Oidc = (token: string) => Promise<SignIn>

/** `now`: milliseconds since 1970. */
export function createOidc(settings: Omit<OidcSettings, 'jwksUri' | 'keySetFile'>, keys: JWTVerifyGetKey, now: () => number = Date.now): Oidc {
  return async (token) => {
    try {
      // Before any key is looked for: what is not of this issuer makes nobody ask it.
      const { typ } = decodeProtectedHeader(token)
      if (typ !== undefined && !TYPES.includes(typ.toLowerCase())) return { is: 'invalid', why: 'its typ is of no token for access' }
      if (decodeJwt(token).iss !== settings.issuer) return { is: 'invalid', why: 'it is of another issuer' }
      const { payload } = await jwtVerify(token, keys, {
        issuer: settings.issuer, audience: settings.audience, algorithms: [...ALGORITHMS],
        requiredClaims: ['exp'], clockTolerance: TOLERANCE_S, currentDate: new Date(now()),
      })
      return read(payload, settings, now() / 1_000)
    } catch (error) {
      if (error instanceof SluiceError) throw error
      // jose looks at the signature before it looks at the claims.
      if (error instanceof errors.JWTExpired) return { is: 'expired', why: 'it has expired' }
      if (error instanceof errors.JWTClaimValidationFailed) return { is: 'unfit', why: error.message }
      return { is: 'invalid', why: error instanceof errors.JOSEError ? error.message : 'it cannot be read' }
    }
  }
}

function read(payload: JWTPayload, { rolesClaim, subjectClaim, roles }: Pick<OidcSettings, 'rolesClaim' | 'subjectClaim' | 'roles'>, now: number): SignIn {
  const { iat, exp = 0 } = payload
  if (iat !== undefined && (iat > now + TOLERANCE_S || iat > exp || iat < 0)) return { is: 'unfit', why: 'its iat cannot be' }
  const subject = claim(payload, subjectClaim)
  if (typeof subject !== 'string' || !SUBJECT.test(subject)) return { is: 'unfit', why: `its ${subjectClaim} names nobody` }
  const given = textsOf(claim(payload, rolesClaim))
  const role = OIDC_ROLES.find((one) => roles[one].some((value) => given.includes(value)))
  if (role === undefined) return { is: 'without-role', why: `its ${rolesClaim} gives no role` }
  return {
    is: 'known',
    actor: { id: subject, label: subject, role, author: `oidc:${subject}`, expiresAt: new Date(Math.min(exp, DATE_MAX_S) * 1_000).toISOString() },
  }
}

/** The last that can be told in four digits of a year. */
const DATE_MAX_S = 253_402_300_799

/** A claim by its own name (which may have dots in it, as URLs do), else by its path. */
function claim(payload: object, name: string): unknown {
  return own(payload, name) ?? name.split('.').reduce<unknown>(own, payload)
}

function own(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name) ? Reflect.get(value, name) : undefined
}

/** A list of texts, or one text with spaces between, as `scope` is written. */
function textsOf(value: unknown): readonly string[] {
  if (typeof value === 'string') return value.split(' ')
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : []
}
