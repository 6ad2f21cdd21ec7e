import { openAuthority } from './authority.ts'
import type { Authority, AuthorityOptions } from './authority.ts'
import { CertificateError } from './errors.ts'
import { readCaFacts } from './extensions.ts'
import { ensureDirectory } from './files.ts'
import { readPair, storePair } from './pair.ts'
import { generateKey, isOwnRoot, makeRoot } from './root.ts'

/**
 * Makes a successor with a new key, for the old domains and the new ones, and answers it; the old pair is kept beside
 * it and its certificate stays in `previous`. Where there is no authority yet, one is made. A running process goes on
 * with the old authority until it opens the directory again, so that clients can be told to trust the new one first.
 * Throws `ca.imported` for an authority that Sluice did not make.
 */
export async function renewAuthority(options: AuthorityOptions): Promise<Authority> {
  const { dir, now = () => new Date() } = options
  await ensureDirectory(dir)
  const current = await readPair(dir)
  const issuing = current?.chain?.[0]
  if (current === null || current.chain === null || issuing === undefined) return await openAuthority(options)
  if (!isOwnRoot(issuing)) {
    throw new CertificateError('ca.imported', `The certificate authority in ${dir} was not made by Sluice`,
      'Have its owner issue a successor, then import that with replace')
  }
  const { permitted } = readCaFacts(issuing.raw)
  const key = generateKey()
  const root = makeRoot(key, { ...options, domains: [...permitted ?? [], ...options.domains] }, now())
  await storePair(dir, { key, chain: [root] }, current)
  return await openAuthority(options)
}
