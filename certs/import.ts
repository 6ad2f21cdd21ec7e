import type { KeyObject, X509Certificate } from 'node:crypto'
import { openAuthority } from './authority.ts'
import type { Authority } from './authority.ts'
import { checkDates, notACa, orderChain, parseCertificates } from './chain.ts'
import { CertificateError } from './errors.ts'
import { readCaFacts } from './extensions.ts'
import { ensureDirectory } from './files.ts'
import { removeNext } from './next.ts'
import { readPair, storePair } from './pair.ts'
import { openPkcs12 } from './pkcs12.ts'
import { parseKey } from './private-key.ts'
import type { KeyPlace } from './private-key.ts'

export interface ImportOptions extends KeyPlace {
  /** PEM texts; `certificate` holds the issuing CA and its intermediates, and may hold the root. */
  readonly pem?: { readonly certificate: string; readonly key: string; readonly passphrase?: string }
  /** A PKCS#12 file (.p12, .pfx) with key and chain. */
  readonly pkcs12?: { readonly data: Buffer; readonly passphrase: string }
  /** Put it in place of an existing authority, which is kept beside it. */
  readonly replace?: boolean
  readonly now?: () => Date
}

/**
 * Takes over an organisation's own issuing CA, RSA (2048 bits or more) or EC. Everything is checked before anything
 * is written. Throws `ca.unreadable`, `ca.passphrase`, `ca.mismatch`, `ca.not-a-ca`, `ca.key-refused`, `ca.key-public`, `ca.expired`,
 * and `ca.exists` where there is an authority already and `replace` is not set.
 */
export async function importAuthority(options: ImportOptions): Promise<Authority> {
  const { dir, passphrase = null, now = () => new Date() } = options
  const { key, certificates, where } = readSource(options)
  const chain = orderChain(certificates, key, where)
  const powerless = chain.find(certificate => !readCaFacts(certificate.raw).signsCertificates)
  if (powerless !== undefined) throw notACa(powerless, where)
  checkDates(chain, now(), where, 'Have its owner issue a newer one and import that')

  await ensureDirectory(dir)
  const current = await readPair(options)
  if (current !== null && options.replace !== true) {
    throw new CertificateError('ca.exists', `${dir} already holds a certificate authority`,
      'Import with --replace to keep the old one beside the new one')
  }
  if (current !== null && current.chain === null) {
    throw new CertificateError('ca.unreadable', `${dir} holds a key without its certificate`,
      'Open the authority once, or move the key away, then import again')
  }
  await storePair(options, { key, chain }, current)
  // A successor of the authority that was replaced must not take the place of the organisation's.
  await removeNext(dir)
  return await openAuthority({ dir, passphrase, constrain: 'none', domains: [], now })
}

function readSource(options: ImportOptions): { key: KeyObject; certificates: X509Certificate[]; where: string } {
  if (options.pkcs12 !== undefined) {
    const where = 'the PKCS#12 file'
    const { keyPem, certificatesPem } = openPkcs12(options.pkcs12.data, options.pkcs12.passphrase)
    return { key: parseKey(keyPem, where), certificates: parseCertificates(certificatesPem, where), where }
  }
  if (options.pem !== undefined) {
    const { certificate, key, passphrase } = options.pem
    return {
      key: parseKey(key, 'the key file', passphrase),
      certificates: parseCertificates(certificate, 'the certificate file'),
      where: 'the certificate file',
    }
  }
  throw new CertificateError('ca.unreadable', 'There is nothing to import',
    'Give a certificate and key in PEM, or a PKCS#12 file')
}
