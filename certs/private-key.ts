import { createPrivateKey } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { signatureAlgorithm } from './certificate.ts'
import { CertificateError } from './errors.ts'
import { refuseKnownKey } from './known-keys.ts'

/** Where an authority is kept. With a passphrase its private keys are encrypted there (PKCS#8, AES-256, PBKDF2), without one in the clear. */
export interface KeyPlace {
  readonly dir: string
  readonly passphrase?: string | null
}

/** A private key as it is written to disk, PEM. */
export function storedKey(key: KeyObject, { passphrase = null }: KeyPlace): string {
  return key.export({ type: 'pkcs8', format: 'pem', ...passphrase === null ? {} : { cipher: 'aes-256-cbc', passphrase } }).toString()
}

/**
 * Reads a key that Sluice stored. Throws `ca.passphrase` also where a passphrase is given for a key in the clear: whoever
 * configured one believes that the key is worthless without it. Else as `parseKey`.
 */
export function readStoredKey(pem: string, path: string, { passphrase = null }: KeyPlace): KeyObject {
  if (isEncrypted(pem)) {
    if (passphrase !== null) return parseKey(pem, path, passphrase)
    throw new CertificateError('ca.passphrase', `The key in ${path} is encrypted and no passphrase is configured`,
      'Set certs.passphraseFile or SLUICE_CERTS_PASSPHRASE')
  }
  const key = parseKey(pem, path)
  if (passphrase === null) return key
  throw new CertificateError('ca.passphrase', `The key in ${path} is not encrypted, although a passphrase is configured`,
    'Run: sluice ca encrypt')
}

/** Whether the private key in this PEM text is encrypted (RFC 7468 §11, RFC 1421 for older ones). */
export function isEncrypted(pem: string): boolean {
  return /-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m.test(pem)
}

/** Reads a PEM private key. Throws `ca.unreadable`, `ca.passphrase`, `ca.key-refused`, `ca.key-public`, without the text. */
export function parseKey(pem: string, where: string, passphrase?: string): KeyObject {
  let key: KeyObject
  try {
    key = createPrivateKey({ key: pem, format: 'pem', ...passphrase === undefined ? {} : { passphrase } })
  } catch (cause) {
    if (pem.includes('ENCRYPTED')) {
      throw new CertificateError('ca.passphrase', `The key in ${where} is encrypted and the passphrase does not open it`,
        'Give the passphrase of the key', { cause })
    }
    throw new CertificateError('ca.unreadable', `${where} holds no readable private key`,
      'Give a PEM private key (PKCS#8)', { cause })
  }
  signatureAlgorithm(key)
  refuseKnownKey(key, where)
  return key
}
