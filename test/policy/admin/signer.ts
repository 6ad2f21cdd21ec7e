/** Keys of an identity provider in a test, and the tokens that it signs. */
import { generateKeyPairSync } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { SignJWT } from 'jose'
import type { JWTHeaderParameters } from 'jose'

/** A claim that is undefined is left out. */
type Claims = Readonly<Record<string, unknown>>

export const ISSUER = 'https://idp.example/realms/one'
export const AUDIENCE = 'sluice'

type Alg = 'RS256' | 'PS256' | 'ES256' | 'ES384' | 'EdDSA' | 'HS256'

export interface Signer {
  readonly jwk: Record<string, unknown>
  readonly publicKey: KeyObject
  sign(claims?: Claims, header?: Partial<JWTHeaderParameters>): Promise<string>
}

/** `kid` and `alg` as the key set tells them. */
export function makeSigner(kid: string, alg: Exclude<Alg, 'HS256'> = 'RS256'): Signer {
  const { privateKey, publicKey } = pairFor(alg)
  return {
    jwk: { ...publicKey.export({ format: 'jwk' }), kid, alg, use: 'sig' },
    publicKey,
    sign: (claims, header) => signWith(privateKey, claims, { alg, kid, ...header }),
  }
}

function pairFor(alg: Exclude<Alg, 'HS256'>): { privateKey: KeyObject; publicKey: KeyObject } {
  if (alg === 'EdDSA') return generateKeyPairSync('ed25519')
  if (alg === 'ES256' || alg === 'ES384') return generateKeyPairSync('ec', { namedCurve: alg === 'ES256' ? 'P-256' : 'P-384' })
  return generateKeyPairSync('rsa', { modulusLength: 2048 })
}

/** A good token, changed as the test wants. */
export function signWith(key: KeyObject | Uint8Array, claims: Claims = {}, header: Partial<JWTHeaderParameters> = {}): Promise<string> {
  const now = Math.floor(Date.now() / 1_000)
  const whole = { iss: ISSUER, aud: AUDIENCE, sub: 'ann', iat: now, exp: now + 300, roles: ['sluice-admins'], ...claims }
  const payload = Object.fromEntries(Object.entries(whole).filter(([, value]) => value !== undefined))
  return new SignJWT(payload).setProtectedHeader({ alg: 'RS256', ...header }).sign(key)
}
