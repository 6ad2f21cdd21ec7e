import { standingException } from '../../policy/exception-list.ts'
import { currentControls } from '../../policy/snapshot.ts'
import type { Snapshot } from '../../policy/snapshot.ts'
import { steadyNow } from '../../policy/steady-clock.ts'
import { ask } from '../../policy/store/change-exceptions.ts'
import type { Exception, Store } from '../../policy/store/store.ts'
import type { Offer } from './offers.ts'

/** What the person of an offer has asked for before, while it is not decided, or was granted; by what this node knows. */
export function standingIn(snapshot: Snapshot): (offer: Offer) => Exception | undefined {
  return (offer) => standingException(snapshot.current().controls.exceptions, { ...whomOf(offer), rule: offer.rule, provider: offer.provider }, steadyNow())
}

function whomOf({ user, ip }: Offer): { user: string } | { ip: string } {
  return user === undefined ? { ip } : { user }
}

/** Stores what the person of an offer asks for; the audit log names the user, where one is known, and the address. */
export function askIn({ store, snapshot }: { readonly store: Store; readonly snapshot: Snapshot }): (offer: Offer, reason: string) => Promise<void> {
  return async (offer, reason) => {
    const { event, ip, user, rule, provider } = offer
    await ask({ store, read: currentControls(snapshot) }, { ...whomOf(offer), rule, provider, reason, event }, { author: user === undefined ? `address:${ip}` : `user:${user}`, from: ip })
  }
}
