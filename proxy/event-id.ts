import { randomFillSync } from 'node:crypto'

const BYTES = 12
// Random bytes are dear to ask for and cheap to have more of.
const pool = Buffer.allocUnsafeSlow(BYTES * 512)
let next = pool.length

/** An event's id: 96 random bits as 16 characters of base64url. Nobody can guess one, and no two are the same. */
export function newEventId(): string {
  if (next === pool.length) {
    randomFillSync(pool)
    next = 0
  }
  return pool.toString('base64url', next, next += BYTES)
}
