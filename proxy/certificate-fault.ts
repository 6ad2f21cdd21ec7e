/** Why an origin did not prove who it is: from the many words of TLS to the few that a person and a metric are told. */
import type { CertificateFault } from '../dashboards/metrics.ts'
import { REFUSALS, RefusedError } from './errors.ts'

/** One sentence each, for whoever is refused. */
const SENTENCES: { readonly [fault in CertificateFault]: string } = {
  expired: 'Its certificate has expired.',
  'not-yet-valid': 'Its certificate is not valid yet.',
  untrusted: 'Its certificate is by nobody who is trusted here.',
  host: 'Its certificate is for another host.',
  'no-host': 'Its certificate names no host.',
  usage: 'Its certificate, or one above it, is for another use.',
  weak: 'Its certificate, or one above it, is too weak to prove anything.',
  revoked: 'Its certificate, or one above it, was revoked.',
  'revocation-unknown': 'Nobody says whether its certificate was revoked.',
  lifetime: 'Its certificate is valid for longer than any public one may be.',
  pin: 'Its certificate is not one of those that are expected.',
  protocol: 'It offers no TLS that is safe.',
  other: 'Its certificate cannot be verified.',
}

/** By the names that Node gives to what OpenSSL found (`X509_V_ERR_…`). */
const FAULTS: { readonly [code: string]: CertificateFault | undefined } = {
  CERT_HAS_EXPIRED: 'expired',
  CERT_NOT_YET_VALID: 'not-yet-valid',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'untrusted',
  SELF_SIGNED_CERT_IN_CHAIN: 'untrusted',
  UNABLE_TO_GET_ISSUER_CERT: 'untrusted',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'untrusted',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'untrusted',
  CERT_SIGNATURE_FAILURE: 'untrusted',
  CERT_UNTRUSTED: 'untrusted',
  ERR_TLS_CERT_ALTNAME_INVALID: 'host',
  HOSTNAME_MISMATCH: 'host',
  INVALID_PURPOSE: 'usage',
  INVALID_CA: 'usage',
  PATH_LENGTH_EXCEEDED: 'usage',
  CERT_REVOKED: 'revoked',
  UNABLE_TO_GET_CRL: 'revocation-unknown',
  CRL_HAS_EXPIRED: 'revocation-unknown',
  CRL_NOT_YET_VALID: 'revocation-unknown',
  CRL_SIGNATURE_FAILURE: 'revocation-unknown',
}

/** What Node names UNSPECIFIED only has OpenSSL's text. */
const TEXTS: readonly (readonly [RegExp, CertificateFault])[] = [
  [/too weak/, 'weak'],
  [/subtree violation/, 'host'],
]

/** An origin that is not believed. `fault` and its sentence are for everybody, `detail` is for the log. */
export class CertificateRefusal extends RefusedError {
  readonly fault: CertificateFault

  constructor(fault: CertificateFault, detail: string, cause?: unknown) {
    super('upstream.certificate', detail, cause)
    this.fault = fault
  }

  /** What the client is told in place of the catalogue's text. */
  get told(): string {
    return `${REFUSALS[this.code].text} ${SENTENCES[this.fault]}`
  }
}

/** What an error of a TLS handshake says of the origin. */
export function faultOf(error: Error): CertificateFault {
  if (error instanceof CertificateRefusal) return error.fault
  const code = 'code' in error ? String(error.code) : ''
  const known = FAULTS[code]
  if (known !== undefined) return known
  if (code.startsWith('ERR_SSL_')) return 'protocol'
  return TEXTS.find(([text]) => text.test(error.message))?.[1] ?? 'other'
}
