import { hash, randomBytes } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import { atMost } from '../at-most.ts'
import type { Log } from '../store/log.ts'
import type { Role, Store, StoredToken } from '../store/store.ts'
import { SluiceError } from '../errors.ts'
import { Sparing } from '../sparing.ts'

const SECRET_BYTES = 32
const ID_BYTES = 6

/** The id of the token that the configuration gives. It is in no store. */
export const CONFIGURED = 'configured'

/** One line, so that a label cannot pass for a line of a log. */
export const LABEL_MAX = 100
export const LABEL_PATTERN = '^[^\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029\\u202a-\\u202e\\u2066-\\u2069]*$'

/** A new admin token. `secret` is shown to its owner once; only `stored` may be kept. `expiresAt`: ISO 8601, UTC. */
export function mintToken(role: Role, label: string, now = new Date(), expiresAt?: string): { secret: string; stored: StoredToken } {
  const secret = `slc_${randomBytes(SECRET_BYTES).toString('base64url')}`
  const id = randomBytes(ID_BYTES).toString('hex')
  return { secret, stored: { id, hash: hashToken(secret), role, label, createdAt: now.toISOString(), ...expiresAt !== undefined && { expiresAt } } }
}

/** SHA-256 in hex. Enough for a secret of 256 random bits; a slow hash is for what people can remember. */
export function hashToken(secret: string): string {
  return hash('sha256', secret, 'hex')
}

/** Whether it has not ended. What is no time has: nobody can say until when it was meant. `now`: milliseconds since 1970. */
export function isUsable({ expiresAt }: StoredToken, now: number): boolean {
  return expiresAt === undefined || Date.parse(expiresAt) > now
}

/** A use is noted so often at most, so that reading does not become writing. */
const NOTED_EVERY_MS = 60_000
const NOTED_MAX = 10_000
const WARN_EVERY_MS = 60_000

/**
 * Notes in the store when tokens were used. Nobody waits for it, and a store that is away is told of once until it is back.
 * The result takes the id of a token and the time, milliseconds since 1970.
 */
export function noteUses(store: Pick<Store, 'usedToken'>, log: Log): (id: string, now: number) => void {
  const noted = new LRUCache<string, number>(atMost(NOTED_MAX))
  let isFailing = false
  const note = async (id: string, now: number): Promise<void> => {
    try {
      await store.usedToken(id, now)
      isFailing = false
    } catch (error) {
      if (!isFailing) log('warn', `When tokens are used cannot be noted: ${error instanceof Error ? error.message : String(error)}`)
      isFailing = true
    }
  }
  return (id, now) => {
    if (id === CONFIGURED || now - (noted.get(id) ?? Number.NEGATIVE_INFINITY) < NOTED_EVERY_MS) return
    noted.set(id, now)
    void note(id, now)
  }
}

/**
 * The tokens that open the API: `fixed` ones (from the configuration) and the store's. While the store is away its
 * last list goes on, so that an administrator can look at a node that has lost it.
 */
export function tokenSource(store: Store, fixed: readonly StoredToken[], log: Log): () => Promise<readonly StoredToken[]> {
  let last: readonly StoredToken[] | undefined
  const sparing = new Sparing(WARN_EVERY_MS)
  return async () => {
    try {
      last = await store.tokens()
    } catch (error) {
      if (!(error instanceof SluiceError) || (last === undefined && fixed.length === 0)) throw error
      // Once a minute: whoever calls with any secret comes here.
      if (sparing.note(performance.now()) > 0) log('warn', `Admin tokens as last read: ${error.message}`)
    }
    return [...fixed, ...last ?? []]
  }
}
