import { hash, randomBytes } from 'node:crypto'
import type { Log } from '../store/log.ts'
import type { Role, Store, StoredToken } from '../store/store.ts'
import { SluiceError } from '../errors.ts'

const SECRET_BYTES = 32
const ID_BYTES = 6

/** A new admin token. `secret` is shown to its owner once; only `stored` may be kept. */
export function mintToken(role: Role, label: string, now = new Date()): { secret: string; stored: StoredToken } {
  const secret = `slc_${randomBytes(SECRET_BYTES).toString('base64url')}`
  const id = randomBytes(ID_BYTES).toString('hex')
  return { secret, stored: { id, hash: hashToken(secret), role, label, createdAt: now.toISOString() } }
}

/** SHA-256 in hex. Enough for a secret of 256 random bits; a slow hash is for what people can remember. */
export function hashToken(secret: string): string {
  return hash('sha256', secret, 'hex')
}

/**
 * The tokens that open the API: `fixed` ones (from the configuration) and the store's. While the store is away its
 * last list goes on, so that an administrator can look at a node that has lost it.
 */
export function tokenSource(store: Store, fixed: readonly StoredToken[], log: Log): () => Promise<readonly StoredToken[]> {
  let last: readonly StoredToken[] | undefined
  return async () => {
    try {
      last = await store.tokens()
    } catch (error) {
      if (!(error instanceof SluiceError) || (last === undefined && fixed.length === 0)) throw error
      log('warn', `Admin tokens as last read: ${error.message}`)
    }
    return [...fixed, ...last ?? []]
  }
}
