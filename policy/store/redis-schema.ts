import type { Redis } from 'ioredis'
import { chained, headText } from './audit-entry.ts'
import { KEYS } from './keys.ts'
import { checkSchema, SCHEMA, upgradeChange } from './schema.ts'
import { MARK } from './scripts.ts'

/**
 * Finds out whether this program may use what a server holds, and marks a store that has no mark (not with `isLook`). Rejects with
 * `store.newer` or `store.corrupt`, or as ioredis does.
 */
export async function greet(redis: Redis, isLook: boolean): Promise<void> {
  const mark = await redis.get(KEYS.schema)
  checkSchema(mark === null ? undefined : Number(mark), KEYS.schema)
  if (mark !== null || isLook) return
  const entry = chained(null, upgradeChange())
  const args = ['', entry.seq, JSON.stringify(entry), headText(entry), SCHEMA]
  checkSchema(Number(await redis.eval(MARK.lua, MARK.keys.length, ...MARK.keys, ...args)), KEYS.schema)
}
