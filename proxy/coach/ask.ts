import { currentControls } from '../../policy/snapshot.ts'
import type { Snapshot } from '../../policy/snapshot.ts'
import { ask } from '../../policy/store/change-exceptions.ts'
import type { Store } from '../../policy/store/store.ts'
import type { Offer } from './offers.ts'

/** Stores what the person of an offer asks for; the audit log names the user, where one is known, and the address. */
export function askIn({ store, snapshot }: { readonly store: Store; readonly snapshot: Snapshot }): (offer: Offer, reason: string) => Promise<void> {
  return async ({ event, ip, user, rule, provider }, reason) => {
    const whom = user === undefined ? { ip } : { user }
    await ask({ store, read: currentControls(snapshot) }, { ...whom, rule, provider, reason, event }, { author: user === undefined ? `address:${ip}` : `user:${user}`, from: ip })
  }
}
