/** Rows T: TLS towards origins. */
import type { Mutation } from './mutation.ts'
import { patch } from './mutation.ts'

const TLS = 'proxy/origin-tls.ts'

/** Takes what OpenSSL says of a chain into the own hands, and lets these faults pass. */
function believing(id: string, faults: string, ...expect: readonly string[]): Mutation {
  return {
    id,
    edits: [
      { file: TLS, find: 'rejectUnauthorized: true,', replace: 'rejectUnauthorized: false,' },
      {
        file: TLS,
        find: '  if (staple !== null && saysRevoked',
        replace: `  const fault = secured.authorizationError as unknown as Error | string | null
  const faultText = fault === null ? '' : typeof fault === 'string' ? fault : Object.assign(fault).code + ' ' + fault.message
  if (faultText !== '' && !/${faults}/.test(faultText)) return new CertificateRefusal('untrusted', faultText)
  if (staple !== null && saysRevoked`,
      },
    ],
    ...expect.length === 0 ? {} : { expect },
  }
}

const NOT_PROVEN = ['an origin that does not prove who it is gets not one byte of a request', 'every chain and handshake that proves nothing']

export const UPSTREAM_MUTATIONS: readonly Mutation[] = [
  believing('T1', 'CERT_HAS_EXPIRED|CERT_NOT_YET_VALID', ...NOT_PROVEN, 'a certificate that is not valid yet, or not any more'),
  patch('T2', TLS, 'return tls.checkServerIdentity(host, certificate)', 'return undefined', ...NOT_PROVEN),
  believing('T3', 'SELF_SIGNED|UNABLE_TO|CERT_SIGNATURE|CERT_UNTRUSTED', ...NOT_PROVEN),
  patch('T8', TLS, "return new CertificateRefusal('no-host', 'no subjectAltName')", 'return undefined', ...NOT_PROVEN),
]
