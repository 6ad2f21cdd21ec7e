/** How a password is kept: an scrypt hash (RFC 7914) in the PHC string form, `$scrypt$ln=15,r=8,p=1$salt$hash`. */

/** Cost (N = 2^ln): 15 takes some 60 ms and 32 MiB, 17 some 250 ms and 128 MiB. Less is guessed too fast, more is a burden. */
export const MIN_LN = 15
export const MAX_LN = 17
/** Block size and parallelism, fixed: with them, ln alone says what a check costs. */
export const BLOCK = 8
export const LANES = 1

export interface PasswordHash {
  readonly ln: number
  readonly salt: Buffer
  readonly hash: Buffer
}

const FORM = /^\$scrypt\$ln=([0-9]{1,2}),r=8,p=1\$([A-Za-z0-9+/]{22,86})\$([A-Za-z0-9+/]{43,86})$/

/** Null for what is no such hash, or one of another cost. */
export function parsePasswordHash(text: string): PasswordHash | null {
  const match = FORM.exec(text)
  const ln = Number(match?.[1])
  const salt = Buffer.from(match?.[2] ?? '', 'base64')
  const hash = Buffer.from(match?.[3] ?? '', 'base64')
  return match === null || !(ln >= MIN_LN && ln <= MAX_LN) ? null : { ln, salt, hash }
}

export function formatPasswordHash({ ln, salt, hash }: PasswordHash): string {
  return `$scrypt$ln=${ln},r=${BLOCK},p=${LANES}$${unpadded(salt)}$${unpadded(hash)}`
}

function unpadded(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '')
}
