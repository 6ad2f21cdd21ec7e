import { X509Certificate } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { CertificateError } from './errors.ts'
import { refuseKnownKey } from './known-keys.ts'

const BLOCK = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g
/** RFC 5280 §6.1 sets none; no real hierarchy is deeper. */
const MAX_DEPTH = 10

/** Every certificate of a PEM text, in its order. `where` names the source in the error (`ca.unreadable`). */
export function parseCertificates(pem: string, where: string): X509Certificate[] {
  const blocks = pem.match(BLOCK) ?? []
  try {
    if (blocks.length === 0) throw new Error('no PEM certificate in it')
    return blocks.map(block => new X509Certificate(block))
  } catch (cause) {
    throw new CertificateError('ca.unreadable', `${where} holds no readable certificate`,
      'Give a PEM file with the issuing CA first and its intermediates after it', { cause })
  }
}

/**
 * The issuing CA (the certificate of `key`), then who issued it, and so on up; certificates outside that line are left
 * out. Throws `ca.mismatch` when no certificate belongs to the key, `ca.not-a-ca` when one in the line may not sign,
 * `ca.key-public` when the key of one is published.
 */
export function orderChain(certificates: readonly X509Certificate[], key: KeyObject, where: string): X509Certificate[] {
  const issuing = certificates.find(certificate => certificate.checkPrivateKey(key))
  if (issuing === undefined) {
    throw new CertificateError('ca.mismatch', `The key does not belong to the certificate in ${where}`,
      'Restore the pair that belongs together, or move both files away to have a new authority made')
  }
  const chain = [issuing]
  let top: X509Certificate | undefined = issuing
  while (top !== undefined && !isSelfSigned(top) && chain.length < MAX_DEPTH) {
    const below: X509Certificate = top
    top = certificates.find(other =>
      !chain.includes(other) && below.checkIssued(other) && below.verify(other.publicKey))
    if (top !== undefined) chain.push(top)
  }
  const refused = chain.find(certificate => !certificate.ca)
  if (refused !== undefined) throw notACa(refused, where)
  for (const { publicKey } of chain) refuseKnownKey(publicKey, where)
  return chain
}

export const isSelfSigned = (certificate: X509Certificate): boolean =>
  certificate.checkIssued(certificate) && certificate.verify(certificate.publicKey)

export const notACa = (certificate: X509Certificate, where: string): CertificateError =>
  new CertificateError('ca.not-a-ca', `${oneLine(certificate)} in ${where} may not sign certificates`,
    'Use a certificate with basicConstraints CA:TRUE and keyUsage keyCertSign')

/** Throws `ca.expired`, with `remedy`, or `ca.not-yet-valid` when one of the chain is not valid at `at`. */
export function checkDates(chain: readonly X509Certificate[], at: Date, where: string, remedy: string): void {
  for (const certificate of chain) {
    if (certificate.validToDate <= at) {
      throw new CertificateError('ca.expired',
        `${oneLine(certificate)} in ${where} expired on ${certificate.validToDate.toISOString()}`, remedy)
    }
    if (certificate.validFromDate > at) {
      throw new CertificateError('ca.not-yet-valid',
        `${oneLine(certificate)} in ${where} is valid only from ${certificate.validFromDate.toISOString()}`,
        'Check the clock of this machine')
    }
  }
}

export const pemOf = (certificates: readonly X509Certificate[]): string =>
  certificates.map(certificate => certificate.toString()).join('')

/** The first eight hex digits of the certificate's SHA-256 fingerprint, lower case: names its kept files. */
export const shortFingerprint = (certificate: X509Certificate): string =>
  certificate.fingerprint256.replaceAll(':', '').slice(0, 8).toLowerCase()

const oneLine = (certificate: X509Certificate): string => JSON.stringify(certificate.subject.replaceAll('\n', ', '))
