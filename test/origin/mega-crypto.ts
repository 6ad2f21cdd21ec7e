import { constants, createCipheriv, createDecipheriv, createHash, generateKeyPairSync, pbkdf2Sync, publicEncrypt, randomBytes } from 'node:crypto'
import type { Decipheriv } from 'node:crypto'
import { isObject } from './json.ts'
import { Refusal } from './refusal.ts'

/** The one account that the stand-in knows. */
export const MEGA = { user: 'fay@contoso.example', password: 'FAKE-password' }

const KEY_BYTES = 16
const SID_BYTES = 43
const RSA_BYTES = 128
const ROUNDS = 100_000
const NO_IV = Buffer.alloc(16)

/** The master key under a key from the password, and the RSA key: its private half under the master key. */
interface AccountKeys { readonly k: string; readonly privk: string; readonly pubk: string }

/** An account's secrets, and the login that hands them to whoever has the password. */
export class MegaAccount {
  readonly salt = randomBytes(KEY_BYTES).toString('base64url')
  readonly masterKey = createHash('sha256').update('FAKE master key').digest().subarray(0, KEY_BYTES)
  #sid: string | undefined
  #keys: AccountKeys | undefined

  /** What the account's owner is told about it (`ug`), once someone has logged in. */
  get keys(): AccountKeys | undefined {
    return this.#keys
  }

  /** Whether requests with this session id are the account's. */
  knows(sid: string | null): boolean {
    return this.#sid !== undefined && sid === this.#sid
  }

  /**
   * The answer to a login of version 2 (https://mega.io/SecurityWhitepaper.pdf, §3): the master key under a key from the
   * password, the RSA key under the master key, and the session id under the RSA key. null: the password is another.
   */
  login(userHash: string): { k: string; privk: string; csid: string } | null {
    const derived = pbkdf2Sync(MEGA.password, Buffer.from(this.salt, 'base64url'), ROUNDS, 2 * KEY_BYTES, 'sha512')
    if (userHash !== derived.subarray(KEY_BYTES).toString('base64url')) return null
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: RSA_BYTES * 8 })
    const { p = '', q = '', d = '', qi = '', n = '', e = '' } = privateKey.export({ format: 'jwk' })
    // MEGA writes the coefficient as the inverse of p modulo q, JWK as that of q modulo p.
    const key = Buffer.concat([q, p, d, qi].map(part => mpi(Buffer.from(part, 'base64url'))))
    const sid = Buffer.concat([Buffer.of(1), randomBytes(SID_BYTES - 1)])
    const padded = Buffer.concat([Buffer.of(0), sid, Buffer.alloc(RSA_BYTES - 1 - SID_BYTES)])
    const csid = publicEncrypt({ key: publicKey, padding: constants.RSA_NO_PADDING }, padded)
    this.#sid = sid.toString('base64url')
    this.#keys = {
      k: ecb(derived.subarray(0, KEY_BYTES), this.masterKey).toString('base64url'),
      privk: ecb(this.masterKey, pad(key)).toString('base64url'),
      pubk: Buffer.concat([n, e].map(part => mpi(Buffer.from(part, 'base64url')))).toString('base64url'),
    }
    return { k: this.#keys.k, privk: this.#keys.privk, csid: mpi(csid).toString('base64url') }
  }

  /** A file's or folder's key, out of what the client wrote: 32 bytes or 16, under the master key. */
  keyOf(written: string): Buffer {
    const bytes = Buffer.from(written, 'base64url')
    if (bytes.length !== KEY_BYTES && bytes.length !== 2 * KEY_BYTES) throw new Refusal(400, 'EARGS', 'a key has 16 or 32 bytes')
    const decipher = createDecipheriv('aes-128-ecb', this.masterKey, null).setAutoPadding(false)
    return Buffer.concat([decipher.update(bytes), decipher.final()])
  }
}

/** The name in a node's attributes: `MEGA{"n":…}` under the node's key. */
export function nameOf(attributes: string, key: Buffer): string {
  const bytes = Buffer.from(attributes, 'base64url')
  if (bytes.length === 0 || bytes.length % KEY_BYTES !== 0) throw new Refusal(400, 'EARGS', 'the attributes are no whole blocks')
  const decipher = createDecipheriv('aes-128-cbc', contentKey(key), NO_IV).setAutoPadding(false)
  const text = Buffer.concat([decipher.update(bytes), decipher.final()]).toString('utf8').replace(/\0+$/, '')
  const value: unknown = text.startsWith('MEGA{') ? JSON.parse(text.slice(4)) : undefined
  if (!isObject(value) || typeof value.n !== 'string') throw new Refusal(400, 'EARGS', 'the attributes hold no name')
  return value.n
}

/** Deciphers a file's content from its beginning. */
export function contentDecipher(key: Buffer): Decipheriv {
  return createDecipheriv('aes-128-ctr', contentKey(key), Buffer.concat([key.subarray(KEY_BYTES, KEY_BYTES + 8), Buffer.alloc(8)]))
}

/** Of a file's 32 bytes the halves are folded; a folder has 16. */
function contentKey(key: Buffer): Buffer {
  return key.length === KEY_BYTES ? key : Buffer.from(key.subarray(0, KEY_BYTES).map((byte, i) => byte ^ (key[i + KEY_BYTES] ?? 0)))
}

/** A number as its length in bits (two bytes) and its bytes. */
function mpi(bytes: Buffer): Buffer {
  const first = bytes.findIndex(byte => byte !== 0)
  const number = bytes.subarray(Math.max(first, 0))
  const bits = number.length * 8 - Math.clz32(number[0] ?? 0) + 24
  return Buffer.concat([Buffer.of(bits >> 8, bits & 255), number])
}

function ecb(key: Buffer, bytes: Buffer): Buffer {
  const cipher = createCipheriv('aes-128-ecb', key, null).setAutoPadding(false)
  return Buffer.concat([cipher.update(bytes), cipher.final()])
}

function pad(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((KEY_BYTES - bytes.length % KEY_BYTES) % KEY_BYTES)])
}
