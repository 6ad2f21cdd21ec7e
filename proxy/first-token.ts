/** The admin token of a first start: given by configuration, or made and shown once. */
import { CONFIGURED, hashToken, isUsable, mintToken } from '../policy/admin/tokens.ts'
import type { Store, StoredToken } from '../policy/store/store.ts'

/** The token that the configuration gives. It is never stored: taking it out of the configuration revokes it. */
export function configuredTokens(given: string | null, now: Date): readonly StoredToken[] {
  if (given === null) return []
  return [{ id: CONFIGURED, hash: hashToken(given), role: 'admin', label: 'from the configuration', createdAt: now.toISOString() }]
}

/** Makes an admin token where the store has none that has not ended. Answers the secret to show once, or null when there is nothing new. */
export async function makeFirstToken(store: Store, now: Date): Promise<string | null> {
  const tokens = await store.tokens()
  if (tokens.some((token) => token.role === 'admin' && isUsable(token, now.getTime()))) return null
  const { secret, stored } = mintToken('admin', 'first start', now)
  await store.putToken(stored, { author: 'sluice', from: 'sluice' })
  return secret
}
