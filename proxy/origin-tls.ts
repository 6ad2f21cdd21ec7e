/** TLS towards origins: whom to trust, what to speak, and nothing sent before both are settled. */
import net from 'node:net'
import tls from 'node:tls'
import type { PeerCertificate } from 'node:tls'
import { X509Certificate } from 'node:crypto'
import { SluiceError } from '../policy/errors.ts'
import { CertificateRefusal, faultOf } from './certificate-fault.ts'
import { livesTooLong, ownRoots } from './certificate-life.ts'
import { RefusedError } from './errors.ts'
import { saysRevoked } from './ocsp-staple.ts'
import type { OriginSession, SessionsWith } from './origin-sessions.ts'
import { holdsPin } from './pins.ts'
import type { Pins } from './pins.ts'
import { readWhole } from './read-text.ts'

const HANDSHAKE_TIMEOUT_MS = 10_000

// ECDHE and AEAD only; SECLEVEL=2 refuses RSA and DH below 2048 bits and SHA-1 signatures (NIST SP 800-52r2 §3.3).
export const CIPHERS =
  'TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:' +
  'ECDHE+AESGCM:ECDHE+CHACHA20:@SECLEVEL=2'

/** Half a million revocations are below it. */
const FILE_MIB = 64

export interface TrustFiles {
  /** PEM files with further roots. */
  readonly caFiles: readonly string[]
  /** PEM files with revocation lists. */
  readonly crlFiles: readonly string[]
  readonly pins: Pins
}

export interface Trust {
  readonly context: tls.SecureContext
  readonly pins: Pins
  /** Roots whose certificates may live as long as they like (SHA-256 fingerprints). */
  readonly own: ReadonlySet<string>
}

/** Whom to trust, by the files as they are now. Throws `config.unreadable` or `config.invalid` for `upstream.ca` and `upstream.crl`. */
export function readTrust({ caFiles, crlFiles, pins }: TrustFiles): Trust {
  const roots = caFiles.flatMap(readRoots)
  return { context: outgoingContext(roots, crlFiles), pins, own: ownRoots(roots) }
}

/**
 * Whom to trust and what to speak towards any origin. With a revocation list, OpenSSL wants a valid one of every
 * authority in a chain, its root's own included: an origin without them is refused.
 */
function outgoingContext(roots: readonly string[], crlFiles: readonly string[]): tls.SecureContext {
  return tls.createSecureContext({
    ca: [...tls.getCACertificates('default'), ...roots],
    minVersion: 'TLSv1.2',
    ciphers: CIPHERS,
    ...crlFiles.length === 0 ? {} : { crl: crlFiles.flatMap(readLists) },
  })
}

/** What Node cannot read of a text it leaves out, and nobody would know until an origin is refused. */
function readRoots(file: string): readonly string[] {
  return blocksOf(file, 'upstream.ca', 'CERTIFICATE', (pem) => new X509Certificate(pem)) ?? noneIn(file, 'upstream.ca', 'certificate', 'openssl x509')
}

/** Node takes one list a text. */
function readLists(file: string): readonly string[] {
  return blocksOf(file, 'upstream.crl', 'X509 CRL', (crl) => tls.createSecureContext({ crl })) ?? noneIn(file, 'upstream.crl', 'revocation list', 'openssl crl')
}

/** The blocks of a PEM file, all of which `parse` takes; null where there are none, or one is broken. */
function blocksOf(file: string, key: string, type: string, parse: (pem: string) => unknown): readonly string[] | null {
  const blocks = readWhole(file, key, FILE_MIB).match(new RegExp(`-----BEGIN ${type}-----[^-]+-----END ${type}-----`, 'g'))
  try {
    blocks?.forEach((block) => parse(block))
    return blocks
  } catch {
    return null
  }
}

function noneIn(file: string, key: string, what: string, program: string): never {
  throw new SluiceError('config.invalid', `${key}: ${file} holds no ${what}, or a broken one`,
    `Give a file in PEM; ${program} -inform DER -in FILE writes one`, { faults: [{ path: key, message: `must be files in PEM with a ${what}` }] })
}

/**
 * Opens TLS towards an origin. Resolves only when chain, name, pins, lifetime and stapled status are verified: nothing is ever
 * written to an origin that did not prove who it is. `rejectUnauthorized` is explicit, so that no environment variable weakens it.
 * `sessions`: of the same client with the same origin, all begun under the same trust. What resumes one of them has proven that it is
 * whom the session was begun with; everything else is a full handshake, whose certificate is given to `believed`.
 */
export function secure(
  socket: net.Socket, host: string, trust: Trust, sessions: SessionsWith | null = null, believed: (certificate: PeerCertificate) => void = () => undefined,
): Promise<tls.TLSSocket> {
  return new Promise((resolve, reject) => {
    const before = sessions?.take() ?? null
    // Node makes it once, to have its name checked; made again, it takes a tenth of a millisecond each time.
    let shown: PeerCertificate | null = null
    const secured = tls.connect({
      socket,
      servername: net.isIP(host) === 0 ? host : '',
      secureContext: trust.context,
      rejectUnauthorized: true,
      ALPNProtocols: ['http/1.1'],
      checkServerIdentity: (name, certificate) => {
        shown = certificate
        return checkServerIdentity(name, certificate)
      },
      requestOCSP: true,
      ...before === null ? {} : { session: before.session },
    })
    let staple: Buffer | null = null
    secured.once('OCSPResponse', (response: Buffer | null) => { staple = response })
    const keep = sessions === null ? () => undefined : keeper(secured, sessions)
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
      const resumed = secured.isSessionReused() ? before : null
      const certificate = resumed === null ? shown ?? secured.getPeerCertificate() : null
      // What a connection is made with lives as long as it does.
      shown = null
      const objection = certificate === null ? null : objectionTo(secured, certificate, host, trust, staple)
      if (objection !== null) {
        secured.destroy()
        reject(objection)
        return
      }
      secured.removeListener('error', failed)
      keep(resumed, certificate)
      if (certificate !== null) believed(certificate)
      resolve(secured)
    })
  })
}

/** Gathers the sessions of a connection; they are kept from when the answer is called, which is once it is believed. */
function keeper(secured: tls.TLSSocket, sessions: SessionsWith): (resumed: OriginSession | null, certificate: PeerCertificate | null) => void {
  // With TLS 1.2 they come before the handshake is done.
  const early: Buffer[] = []
  let keep = (session: Buffer): void => { early.push(session) }
  secured.on('session', (session: Buffer) => keep(session))
  return (resumed, certificate) => {
    // One that was resumed is no younger for it.
    const proven = resumed ?? { provenAt: performance.now(), notAfter: Date.parse(certificate?.valid_to ?? '') }
    keep = (session) => sessions.keep({ ...proven, session })
    early.forEach(keep)
    // TLS 1.2 uses one again and again.
    if (resumed !== null && early.length === 0 && secured.getProtocol() === 'TLSv1.2') sessions.keep(resumed)
  }
}

/** What speaks against an origin whose chain and name are verified. */
function objectionTo(
  secured: tls.TLSSocket, certificate: PeerCertificate, host: string, trust: Trust, staple: Buffer | null,
): CertificateRefusal | null {
  if (staple !== null && saysRevoked(staple, certificate.serialNumber)) {
    return new CertificateRefusal('revoked', 'the stapled status is revoked')
  }
  const pins = trust.pins.get(host)
  if (pins !== undefined && !holdsPin(secured.getPeerCertificate(true), pins)) {
    return new CertificateRefusal('pin', 'no certificate of the chain has a key of upstream.pins')
  }
  if (livesTooLong(secured, certificate, trust.own)) {
    return new CertificateRefusal('lifetime', 'valid for longer than a certificate of a public authority may be')
  }
  return null
}

/** Only subjectAltName counts; the common name has not since RFC 9525 §2 (and RFC 2818 before it). */
function checkServerIdentity(host: string, certificate: PeerCertificate): Error | undefined {
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
