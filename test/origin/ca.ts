import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import type { SecureContext } from 'node:tls'
import forge from 'node-forge'

const { asn1, pki } = forge
/** ecdsa-with-SHA256, RFC 5758 §3.2; its parameters are absent. */
const ECDSA_SHA256 = '1.2.840.10045.4.3.2'
const DAY = 86_400_000

export interface TestCa {
  /** The root certificate, PEM. */
  readonly pem: string
  /** A TLS context with a leaf for this one host name; made on demand and kept. */
  readonly contextFor: (host: string) => SecureContext
  /** The leaf certificate for a host, PEM: what a spliced client must see. */
  readonly leafPem: (host: string) => string
}

/** Makes a P-256 root and, on demand, leaves that it signs. All leaves share one key: this CA is for tests only. */
export function makeTestCa(): TestCa {
  const root = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const leaf = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const leafKey = leaf.privateKey.export({ type: 'pkcs8', format: 'pem' })
  const issuer = 'Stand-in providers test CA'
  const rootKeyId = keyId(root.publicKey)
  const pem = certificate({ subject: issuer, issuer, publicKey: root.publicKey, signer: root.privateKey, days: 30 }, [
    { name: 'basicConstraints', cA: true, critical: true },
    { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    subjectKeyIdentifier(rootKeyId),
  ])
  const leaves = new Map<string, { pem: string; context: SecureContext }>()
  const leafFor = (host: string): { pem: string; context: SecureContext } => {
    const kept = leaves.get(host)
    if (kept !== undefined) return kept
    const cert = certificate({ subject: host, issuer, publicKey: leaf.publicKey, signer: root.privateKey, days: 7 }, [
      { name: 'basicConstraints', cA: false, critical: true },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      { name: 'subjectAltName', altNames: [{ type: 2, value: host }] },
      subjectKeyIdentifier(keyId(leaf.publicKey)),
      { name: 'authorityKeyIdentifier', keyIdentifier: rootKeyId.toString('latin1') },
    ])
    const made = { pem: cert, context: createSecureContext({ key: leafKey, cert, minVersion: 'TLSv1.2' }) }
    leaves.set(host, made)
    return made
  }
  return { pem, contextFor: host => leafFor(host).context, leafPem: host => leafFor(host).pem }
}

interface Names {
  readonly subject: string
  readonly issuer: string
  readonly publicKey: KeyObject
  readonly signer: KeyObject
  readonly days: number
}

/** forge assembles, node:crypto signs: forge has no EC keys, so the key and the algorithm are put into its structure. */
function certificate(names: Names, extensions: object[]): string {
  const cert = pki.createCertificate()
  cert.publicKey = pki.setRsaPublicKey(new forge.jsbn.BigInteger('3'), new forge.jsbn.BigInteger('3'))
  cert.serialNumber = '01' + randomBytes(15).toString('hex')
  cert.validity.notBefore = new Date(Date.now() - DAY)
  cert.validity.notAfter = new Date(Date.now() + names.days * DAY)
  cert.setSubject([{ name: 'commonName', value: names.subject }])
  cert.setIssuer([{ name: 'commonName', value: names.issuer }])
  cert.setExtensions(extensions)
  cert.siginfo.algorithmOid = ECDSA_SHA256
  cert.signatureOid = ECDSA_SHA256
  cert.signature = ''
  const unsigned = pki.certificateToAsn1(cert).value[0]
  const tbs = typeof unsigned === 'string' ? undefined : unsigned
  if (tbs === undefined || !Array.isArray(tbs.value)) throw new Error('test CA: the certificate is not a sequence')
  // TBSCertificate, RFC 5280 §4.1: version, serial, signature, issuer, validity, subject, subjectPublicKeyInfo
  tbs.value[2] = algorithm()
  tbs.value[6] = asn1.fromDer(names.publicKey.export({ type: 'spki', format: 'der' }).toString('latin1'))
  const signature = sign('sha256', Buffer.from(asn1.toDer(tbs).getBytes(), 'latin1'), names.signer)
  const whole = asn1.create(asn1.Class.UNIVERSAL, asn1.Type.SEQUENCE, true, [
    tbs,
    algorithm(),
    asn1.create(asn1.Class.UNIVERSAL, asn1.Type.BITSTRING, false, '\0' + signature.toString('latin1')),
  ])
  const body = Buffer.from(asn1.toDer(whole).getBytes(), 'latin1').toString('base64').replace(/.{1,64}/g, '$&\n')
  return `-----BEGIN CERTIFICATE-----\n${body}-----END CERTIFICATE-----\n`
}

function algorithm(): forge.asn1.Asn1 {
  const oid = asn1.create(asn1.Class.UNIVERSAL, asn1.Type.OID, false, asn1.oidToDer(ECDSA_SHA256).getBytes())
  return asn1.create(asn1.Class.UNIVERSAL, asn1.Type.SEQUENCE, true, [oid])
}

/** Given as DER (an OCTET STRING of 20 bytes): by name, forge would hash the key that it thinks the certificate has. */
function subjectKeyIdentifier(id: Buffer): object {
  return { id: '2.5.29.14', value: '\x04\x14' + id.toString('latin1') }
}

function keyId(key: KeyObject): Buffer {
  return createHash('sha1').update(key.export({ type: 'spki', format: 'der' })).digest()
}
