import { X509Certificate, createPublicKey, generateKeyPairSync } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { assembleCertificate, commonName } from './certificate.ts'
import { isSelfSigned } from './chain.ts'
import * as extensions from './extensions.ts'
import { minimalDomains } from './names.ts'

const DAY = 86_400_000
/**
 * Ten years: a root reaches every device by hand or by management, and when it runs out everything stops at once.
 * What a long life would risk is bounded by the name constraint instead.
 */
const LIFETIME = 3653 * DAY
/** Clients whose clock is a little behind. */
const BACKDATE = DAY
const NAME = 'Sluice CA '

export interface RootOptions {
  /** `catalogue`: may sign only within `domains`; `none`: for any name. */
  readonly constrain: 'catalogue' | 'none'
  /** DNS domains, each permitting itself and everything below. */
  readonly domains: readonly string[]
}

/** P-256 (RFC 5480): what every client accepts, and quick to sign with. */
export const generateKey = (): KeyObject => generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey

/**
 * The self-signed CA certificate for a key. Its name comes from the key, so that making it again gives the same.
 * Throws `ca.no-domains` and `ca.name-refused` for domains it cannot be constrained to.
 */
export function makeRoot(key: KeyObject, options: RootOptions, now: Date): X509Certificate {
  const publicKey = createPublicKey(key).export({ type: 'spki', format: 'der' })
  const keyId = extensions.keyIdOf(publicKey)
  const name = commonName(NAME + keyId.toString('hex', 0, 4))
  return new X509Certificate(assembleCertificate({
    issuer: name,
    subject: name,
    notBefore: new Date(now.getTime() - BACKDATE),
    notAfter: new Date(now.getTime() + LIFETIME),
    publicKey,
    extensions: [
      extensions.caWithoutSubordinates(),
      extensions.keyUsageCa(),
      extensions.serverAuthOnly(),
      extensions.subjectKeyId(keyId),
      extensions.authorityKeyId(keyId),
      ...options.constrain === 'catalogue' ? [extensions.nameConstraints(minimalDomains(options.domains))] : [],
    ],
  }, key))
}

/** Made by `makeRoot`, as against imported. */
export const isOwnRoot = (certificate: X509Certificate): boolean =>
  certificate.subject.startsWith(`CN=${NAME}`) && isSelfSigned(certificate)
