/** TLS towards origins: whom to trust, what to speak, and nothing sent before both are settled. */
import net from 'node:net'
import tls from 'node:tls'
import { readFileSync } from 'node:fs'
import { CertificateRefusal, faultOf } from './certificate-fault.ts'
import { RefusedError } from './errors.ts'

const HANDSHAKE_TIMEOUT_MS = 10_000

// ECDHE and AEAD only; SECLEVEL=2 refuses RSA and DH below 2048 bits and SHA-1 signatures (NIST SP 800-52r2 §3.3).
const CIPHERS =
  'TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:' +
  'ECDHE+AESGCM:ECDHE+CHACHA20:@SECLEVEL=2'

/** Whom to trust and what to speak towards any origin; `caFiles`: PEM files with further roots. */
export function outgoingContext(caFiles: readonly string[]): tls.SecureContext {
  return tls.createSecureContext({
    ca: [...tls.getCACertificates('default'), ...caFiles.map((file) => readFileSync(file, 'utf8'))],
    minVersion: 'TLSv1.2',
    ciphers: CIPHERS,
  })
}

/**
 * Opens TLS towards an origin. Resolves only when the chain and the name are verified: nothing is ever written to an
 * origin that did not prove who it is. `rejectUnauthorized` is explicit, so that no environment variable weakens it.
 */
export function secure(socket: net.Socket, host: string, secureContext: tls.SecureContext): Promise<tls.TLSSocket> {
  return new Promise((resolve, reject) => {
    const secured = tls.connect({
      socket,
      servername: net.isIP(host) === 0 ? host : '',
      secureContext,
      rejectUnauthorized: true,
      ALPNProtocols: ['http/1.1'],
      checkServerIdentity,
    })
    const timer = setTimeout(() => {
      secured.destroy()
      reject(new RefusedError('upstream.timeout', `no TLS handshake with ${host} in ${HANDSHAKE_TIMEOUT_MS} ms`))
    }, HANDSHAKE_TIMEOUT_MS)
    const failed = (error: Error): void => {
      clearTimeout(timer)
      socket.destroy()
      reject(isTransport(error) ? new RefusedError('upstream.broken', describe(error), error) : new CertificateRefusal(faultOf(error), describe(error), error))
    }
    secured.once('error', failed)
    secured.once('secureConnect', () => {
      clearTimeout(timer)
      secured.removeListener('error', failed)
      resolve(secured)
    })
  })
}

/** Only subjectAltName counts; the common name has not since RFC 9525 §2 (and RFC 2818 before it). */
function checkServerIdentity(host: string, certificate: tls.PeerCertificate): Error | undefined {
  if (certificate.subjectaltname === undefined || certificate.subjectaltname === '') {
    return new CertificateRefusal('no-host', 'no subjectAltName')
  }
  return tls.checkServerIdentity(host, certificate)
}

function isTransport(error: Error): boolean {
  const code = 'code' in error ? String(error.code) : ''
  return code === 'ECONNRESET' || code === 'EPIPE' || code === 'ETIMEDOUT'
}

function describe(error: Error): string {
  const code = 'code' in error ? String(error.code) : error.name
  return `${code}: ${error.message}`.slice(0, 300)
}
