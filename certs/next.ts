import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { orderChain, parseCertificates, pemOf } from './chain.ts'
import { CertificateError } from './errors.ts'
import { PRIVATE_FILE, createExclusively, readFileOrNull, replaceFile } from './files.ts'
import type { Pair } from './pair.ts'
import { readStoredKey, storedKey } from './private-key.ts'
import type { KeyPlace } from './private-key.ts'

/**
 * The prepared successor, key and certificate in one file, `next.pem` (0600): it is there whole or not at all, and
 * nothing signs with it until it is switched to.
 */
export const nextPath = (dir: string): string => join(dir, 'next.pem')

/** Null where none is prepared. Throws `ca.unreadable`, `ca.permissions`, `ca.passphrase`, `ca.mismatch`, `ca.key-refused`, `ca.key-public`. */
export async function readNext(place: KeyPlace): Promise<Pair | null> {
  const path = nextPath(place.dir)
  const text = await readFileOrNull(path, { private: true })
  if (text === null) return null
  const key = readStoredKey(text, path, place)
  return { key, chain: orderChain(parseCertificates(text, path), key, path) }
}

/** Stores it in place of `before`; false when another process prepared one first. */
export async function writeNext(place: KeyPlace, pair: Pair, before: Pair | null): Promise<boolean> {
  const text = storedKey(pair.key, place) + pemOf(pair.chain)
  if (before === null) return await createExclusively(nextPath(place.dir), text, PRIVATE_FILE)
  await replaceFile(nextPath(place.dir), text, PRIVATE_FILE)
  return true
}

export const removeNext = (dir: string): Promise<void> => rm(nextPath(dir), { force: true })

/** What clients will have to trust, PEM. Null also where the file cannot be used: only a renewal needs it, no start. */
export async function nextAnchor(place: KeyPlace): Promise<string | null> {
  try {
    const anchor = (await readNext(place))?.chain.at(-1)
    return anchor === undefined ? null : pemOf([anchor])
  } catch (error) {
    if (error instanceof CertificateError) return null
    throw error
  }
}
