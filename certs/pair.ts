import type { KeyObject, X509Certificate } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { orderChain, parseCertificates, pemOf, shortFingerprint } from './chain.ts'
import { CertificateError } from './errors.ts'
import {
  PRIVATE_FILE, PUBLIC_FILE, createExclusively, keptCertificates, readFileOrNull, replaceFile,
} from './files.ts'
import { readStoredKey, storedKey } from './private-key.ts'
import type { KeyPlace } from './private-key.ts'

/**
 * The authority's two files, `ca.key` and `ca.crt`, and the kept pairs beside them, `ca-<fingerprint>.{key,crt}`.
 *
 * Two files cannot be replaced in one step. So every pair is first kept whole under its own name, then `ca.key` is
 * switched, then `ca.crt`: whoever finds a key whose certificate is missing or another's, after a crash or in the
 * middle of a switch, finishes it from the kept certificate of that key.
 */
export interface Pair {
  readonly key: KeyObject
  /** The issuing CA first. */
  readonly chain: readonly X509Certificate[]
}

export const keyPath = (dir: string): string => join(dir, 'ca.key')
export const certificatePath = (dir: string): string => join(dir, 'ca.crt')

/**
 * What is on disk: null for nothing, a null chain for a key whose certificate was never written.
 * Throws `ca.unreadable`, `ca.permissions`, `ca.passphrase`, `ca.mismatch`, `ca.not-a-ca`, `ca.key-refused`, `ca.key-public`.
 */
export async function readPair(place: KeyPlace): Promise<Pair | { readonly key: KeyObject; readonly chain: null } | null> {
  const { dir } = place
  // The certificate first: it is written last, so that where there is one the key is there too.
  const certificates = await readFileOrNull(certificatePath(dir), { private: false })
  const keyPem = await readFileOrNull(keyPath(dir), { private: true })
  if (keyPem === null) {
    if (certificates === null) return null
    throw new CertificateError('ca.unreadable', `${certificatePath(dir)} is there but ${keyPath(dir)} is missing`,
      'Restore the key, or move the certificate away to have a new authority made')
  }
  const key = readStoredKey(keyPem, keyPath(dir), place)
  if (certificates !== null) {
    const parsed = parseCertificates(certificates, certificatePath(dir))
    if (parsed.some(certificate => certificate.checkPrivateKey(key))) {
      return { key, chain: orderChain(parsed, key, certificatePath(dir)) }
    }
  }
  const kept = await findKept(dir, key)
  if (kept !== null) {
    await replaceFile(certificatePath(dir), pemOf(kept), PUBLIC_FILE)
    return { key, chain: kept }
  }
  if (certificates === null) return { key, chain: null }
  return { key, chain: orderChain(parseCertificates(certificates, certificatePath(dir)), key, certificatePath(dir)) }
}

/** Stores a pair where there is none, or in place of `current`, which is kept. Throws `ca.exists` when one came first. */
export async function storePair(place: KeyPlace, pair: Pair, current: Pair | null): Promise<void> {
  const { dir } = place
  if (current !== null) await keep(place, current)
  await keep(place, pair)
  if (current !== null) {
    await replaceFile(keyPath(dir), storedKey(pair.key, place), PRIVATE_FILE)
  } else if (!await createExclusively(keyPath(dir), storedKey(pair.key, place), PRIVATE_FILE)) {
    const base = keptBase(dir, pair.chain)
    await Promise.all([rm(`${base}.key`, { force: true }), rm(`${base}.crt`, { force: true })])
    throw new CertificateError('ca.exists', `${dir} already holds a certificate authority`,
      'Import with --replace to keep the old one beside the new one')
  }
  await replaceFile(certificatePath(dir), pemOf(pair.chain), PUBLIC_FILE)
}

/** What clients had to trust for the kept pairs, where it is not `current`'s own and still valid: PEM, one each. */
export async function keptAnchors(dir: string, current: readonly X509Certificate[], at: Date): Promise<string[]> {
  const trusted = current.at(-1)?.fingerprint256
  const anchors = await Promise.all((await keptCertificates(dir)).map(async path => {
    const text = await readFileOrNull(path, { private: false })
    const anchor = text === null ? undefined : parseCertificates(text, path).at(-1)
    const wanted = anchor !== undefined && anchor.validToDate > at && anchor.fingerprint256 !== trusted
    return wanted ? pemOf([anchor]) : null
  }))
  return [...new Set(anchors.filter(anchor => anchor !== null))]
}

async function findKept(dir: string, key: KeyObject): Promise<X509Certificate[] | null> {
  for (const path of await keptCertificates(dir)) {
    const text = await readFileOrNull(path, { private: false })
    const certificates = text === null ? [] : parseCertificates(text, path)
    if (certificates[0]?.checkPrivateKey(key) === true) return orderChain(certificates, key, path)
  }
  return null
}

async function keep(place: KeyPlace, pair: Pair): Promise<void> {
  const base = keptBase(place.dir, pair.chain)
  await replaceFile(`${base}.key`, storedKey(pair.key, place), PRIVATE_FILE)
  await replaceFile(`${base}.crt`, pemOf(pair.chain), PUBLIC_FILE)
}

function keptBase(dir: string, chain: readonly X509Certificate[]): string {
  const [issuing] = chain
  if (issuing === undefined) throw new TypeError('a pair has a certificate')
  return join(dir, `ca-${shortFingerprint(issuing)}`)
}
