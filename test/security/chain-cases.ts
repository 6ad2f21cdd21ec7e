/** Every chain and every handshake that an origin may not get a request by, each with what is told of it. */
import type { SecureContextOptions } from 'node:tls'
import forge from 'node-forge'
import { issue } from './chains.ts'
import type { Issued, Wanted } from './chains.ts'

export interface ChainCase extends SecureContextOptions {
  readonly name: string
  /** What the person who asked is told. */
  readonly told: RegExp
}

/** Names that only hold below `allowed` (RFC 5280 §4.2.1.10), which node-forge cannot write by itself. */
function nameConstraints(allowed: string): object {
  const { asn1 } = forge
  const context = (type: number, constructed: boolean, value: string | forge.asn1.Asn1[]): forge.asn1.Asn1 =>
    asn1.create(asn1.Class.CONTEXT_SPECIFIC, type, constructed, value)
  const sequence = (...items: forge.asn1.Asn1[]): forge.asn1.Asn1 => asn1.create(asn1.Class.UNIVERSAL, asn1.Type.SEQUENCE, true, items)
  return { id: '2.5.29.30', critical: true, value: asn1.toDer(sequence(context(0, true, [sequence(context(2, false, allowed))]))).getBytes() }
}

export function chainCases(root: Issued, host: string): readonly ChainCase[] {
  const by = root
  const leaf = (more: Partial<Wanted>): SecureContextOptions => {
    const { cert, key } = issue({ name: host, names: [host], by, ...more })
    return { cert, key }
  }
  /** Below an authority that the root signed. */
  const below = (between: Partial<Wanted>, more: Partial<Wanted> = {}): SecureContextOptions => {
    const middle = issue({ name: 'An authority between', by, ca: true, ...between })
    const { cert, key } = issue({ name: host, names: [host], by: middle, ...more })
    return { cert: cert + middle.cert, key }
  }
  const good = leaf({})
  const weak = { ...good, ciphers: 'ALL:@SECLEVEL=0' }
  const stranger = issue({ name: 'A stranger', ca: true })
  const namesake = issue({ name: 'The root of the test', ca: true, bits: 2049 })
  return [
    { name: 'expired', told: /expired/, ...leaf({ to: -1 }) },
    { name: 'not valid yet', told: /not valid yet/, ...leaf({ from: 1 }) },
    { name: 'self-signed', told: /nobody who is trusted/, ...issue({ name: host, names: [host] }) },
    { name: 'by a root that is not trusted', told: /nobody who is trusted/, ...leaf({ by: stranger }) },
    { name: 'by a root that is not trusted, and sent along', told: /nobody who is trusted/,
      cert: issue({ name: host, names: [host], by: stranger }).cert + stranger.cert, key: issue({ name: host }).key },
    { name: 'by a namesake of the root', told: /nobody who is trusted/, ...leaf({ by: namesake }) },
    { name: 'with a signature that is not the root\'s', told: /nobody who is trusted/,
      ...leaf({ by: { certificate: root.certificate, privateKey: stranger.privateKey } }) },
    { name: 'for another host', told: /another host/, ...leaf({ names: ['other.example'] }) },
    { name: 'for a host below', told: /another host/, ...leaf({ names: [`www.${host}`] }) },
    { name: 'for a whole top-level domain', told: /another host/, ...leaf({ names: ['*.com'] }) },
    { name: 'with its name in the subject only', told: /names no host/, ...leaf({ names: [] }) },
    { name: 'for clients only', told: /another use/, ...leaf({ usage: 'clientAuth' }) },
    { name: 'with RSA of 1024 bits', told: /weak/, ...leaf({ bits: 1024 }), ciphers: weak.ciphers },
    { name: 'signed with SHA-1', told: /weak/, ...leaf({ digest: 'sha1' }), ciphers: weak.ciphers },
    { name: 'signed with MD5', told: /weak/, ...leaf({ digest: 'md5' }), ciphers: weak.ciphers },
    { name: 'below an authority that has expired', told: /expired/, ...below({ to: -1 }) },
    { name: 'below an authority with RSA of 1024 bits', told: /weak/, ...below({ bits: 1024 }), ciphers: weak.ciphers },
    { name: 'below an authority signed with SHA-1', told: /weak/, ...below({ digest: 'sha1' }), ciphers: weak.ciphers },
    { name: 'below what is no authority', told: /another use/, ...below({ ca: false }) },
    { name: 'below an authority for other names', told: /another host/, ...below({ more: [nameConstraints('example.org')] }) },
    { name: 'without the authority between', told: /nobody who is trusted/,
      ...leaf({ by: issue({ name: 'An authority between', by, ca: true }) }) },
    { name: 'TLS 1.0 only', told: /no TLS that is safe/, ...weak, minVersion: 'TLSv1', maxVersion: 'TLSv1' },
    { name: 'TLS 1.1 only', told: /no TLS that is safe/, ...weak, minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1' },
    { name: 'a key exchange without forward secrecy', told: /no TLS that is safe/, ...weak, maxVersion: 'TLSv1.2', ciphers: 'AES128-GCM-SHA256:@SECLEVEL=0' },
    { name: 'a finite-field key exchange of 1024 bits', told: /no TLS that is safe/, ...weak, maxVersion: 'TLSv1.2', ciphers: 'DHE-RSA-AES128-GCM-SHA256:@SECLEVEL=0', dhparam: DH_1024 },
    { name: 'a cipher that does not authenticate', told: /no TLS that is safe/, ...weak, maxVersion: 'TLSv1.2', ciphers: 'ECDHE-RSA-AES128-SHA:@SECLEVEL=0' },
    { name: 'a cipher that does not encrypt', told: /no TLS that is safe/, ...weak, maxVersion: 'TLSv1.2', ciphers: 'ECDHE-RSA-NULL-SHA:@SECLEVEL=0' },
    { name: 'no certificate at all', told: /no TLS that is safe/, maxVersion: 'TLSv1.2', ciphers: 'AECDH-AES128-SHA:@SECLEVEL=0' },
    { name: 'a handshake signed with SHA-1', told: /no TLS that is safe/, ...weak, maxVersion: 'TLSv1.2', sigalgs: 'RSA+SHA1' },
  ]
}

/** RFC 2409 §6.2 (Oakley group 2): 1024 bits. */
const DH_1024 = `-----BEGIN DH PARAMETERS-----
MIGHAoGBAP//////////yQ/aoiFowjTExmKLgNwc0SkCTgiKZ8x0Agu+pjsTmyJR
Sgh5jjQE3e+VGbPNOkMbMCsKbfJfFDdP4TVtbVHCReSFtXZiXn7G9ExC6aY37WsL
/1y29Aa37e44a/taiZ+lrp8kEXxLH+ZJKGZR7OZTgf//////////AgEC
-----END DH PARAMETERS-----
`
