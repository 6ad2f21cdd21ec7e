/** Hashes and checks passwords, in the thread pool: a check takes a hundred milliseconds of a core. */
import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto'
import { BLOCK, LANES, MIN_LN } from '../../policy/people/password-hash.ts'
import type { PasswordHash } from '../../policy/people/password-hash.ts'

const SALT_BYTES = 16
const HASH_BYTES = 32

export async function hashPassword(password: string, ln = MIN_LN): Promise<PasswordHash> {
  const salt = randomBytes(SALT_BYTES)
  return { ln, salt, hash: await derive(password, salt, ln, HASH_BYTES) }
}

export async function isPassword(password: string, { ln, salt, hash }: PasswordHash): Promise<boolean> {
  return timingSafeEqual(await derive(password, salt, ln, hash.length), hash)
}

/** What nobody's password is checked against, so that an unknown user costs what a known one does. */
export function decoy(ln: number): PasswordHash {
  return { ln, salt: randomBytes(SALT_BYTES), hash: randomBytes(HASH_BYTES) }
}

function derive(password: string, salt: Buffer, ln: number, length: number): Promise<Buffer> {
  const cost = { N: 2 ** ln, r: BLOCK, p: LANES, maxmem: 2 * 128 * 2 ** ln * BLOCK }
  return new Promise((resolve, reject) => {
    scrypt(password.normalize('NFC'), salt, length, cost, (error, key) => {
      if (error === null) resolve(key)
      else reject(error)
    })
  })
}
