import { CertificateError } from './errors.ts'
import { PRIVATE_FILE, keptKeys, readFileOrNull, replaceFile } from './files.ts'
import { nextPath } from './next.ts'
import { keyPath } from './pair.ts'
import { isEncrypted, parseKey, storedKey } from './private-key.ts'

/**
 * Encrypts every private key of `dir` that is stored in the clear: the authority's, kept ones, and a prepared successor's.
 * Answers the files it replaced, each whole, so that an interrupted run is finished by the next. All are read before the
 * first is replaced. Throws `ca.missing` where there is no key, `ca.passphrase` where one is encrypted under another passphrase.
 */
export async function encryptKeys(dir: string, passphrase: string): Promise<string[]> {
  const paths = [...await keptKeys(dir), nextPath(dir), keyPath(dir)]
  const replacements: { path: string; text: string }[] = []
  let found = 0
  for (const path of paths) {
    const text = await readFileOrNull(path, { private: true })
    if (text === null) continue
    found += 1
    const key = parseKey(text, path, passphrase)
    if (!isEncrypted(text)) replacements.push({ path, text: text.replace(PRIVATE_KEY, () => storedKey(key, { dir, passphrase })) })
  }
  if (found === 0) {
    throw new CertificateError('ca.missing', `There is no private key in ${dir} to encrypt`,
      'Start Sluice once or run `sluice ca show`, which make an authority, encrypted where a passphrase is configured')
  }
  for (const { path, text } of replacements) await replaceFile(path, text, PRIVATE_FILE)
  return replacements.map(({ path }) => path)
}

// Certificates behind the key, as in the successor's file, stay.
const PRIVATE_KEY = /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?-----END [A-Z ]*PRIVATE KEY-----\r?\n?/
