import forge from 'node-forge'
import * as der from './der.ts'
import { CertificateError } from './errors.ts'

const { pki, pkcs12 } = forge
type Bag = forge.pkcs12.Bag

/**
 * Opens a PKCS#12 file: the private key as PKCS#8 PEM and every certificate as PEM, in the file's order.
 * forge decrypts; it knows RSA only, and of an EC key or certificate hands on the plain ASN.1, which is what is wanted.
 * Throws `ca.passphrase` and `ca.unreadable`.
 */
export function openPkcs12(data: Buffer, passphrase: string): { keyPem: string; certificatesPem: string } {
  const bags = decrypt(data, passphrase).safeContents.flatMap(content => content.safeBags)
  const keys = bags.filter(bag => bag.type === pki.oids.pkcs8ShroudedKeyBag || bag.type === pki.oids.keyBag)
  const certificates = bags.filter(bag => bag.type === pki.oids.certBag)
  const [keyBag] = keys
  if (keyBag === undefined || keys.length > 1 || certificates.length === 0) {
    throw new CertificateError('ca.unreadable',
      `The PKCS#12 file holds ${keys.length} private keys and ${certificates.length} certificates`,
      'Export the CA with exactly one private key and its certificate chain')
  }
  return {
    keyPem: der.toPem('PRIVATE KEY', keyDer(keyBag)),
    certificatesPem: certificates.map(bag => der.toPem('CERTIFICATE', certificateDer(bag))).join(''),
  }
}

function decrypt(data: Buffer, passphrase: string): forge.pkcs12.Pkcs12Pfx {
  try {
    return pkcs12.pkcs12FromAsn1(der.decode(data), true, passphrase)
  } catch (cause) {
    // forge tells a wrong passphrase by these words alone.
    if (cause instanceof Error && /password|MAC could not be verified/i.test(cause.message)) {
      throw new CertificateError('ca.passphrase', 'The passphrase does not open the PKCS#12 file',
        'Give the passphrase of the file', { cause })
    }
    throw new CertificateError('ca.unreadable', 'The PKCS#12 file cannot be read',
      'Export it again as PKCS#12 with AES-256 (OpenSSL 3 and Windows do so by default)', { cause })
  }
}

// The typings call these fields optional; forge sets the one it does not fill to null.
const keyDer = (bag: Bag): Buffer =>
  bag.key ? der.encode(pki.wrapRsaPrivateKey(pki.privateKeyToAsn1(bag.key))) : der.encode(bag.asn1)
const certificateDer = (bag: Bag): Buffer =>
  bag.cert ? der.encode(pki.certificateToAsn1(bag.cert)) : der.encode(bag.asn1)
