import { SluiceError } from '../errors.ts'
import { compile } from '../evaluate.ts'
import type { Policy } from '../policy.ts'
import { putPolicy } from '../store/put-policy.ts'
import { Turns } from '../store/turns.ts'
import { catchUp } from './catch-up.ts'
import type { AdminPorts } from './ports.ts'

/** How often a change is made anew when other nodes come between. */
const ATTEMPTS = 20

/** The policy as it is now, with the revision that the store holds. */
export interface Stored {
  readonly policy: Policy
  readonly revision: number
}

/** What decides, under the number in the store, so that a stored policy that cannot be used (`state().fault`) can be replaced. */
export function storedPolicy({ snapshot }: Pick<AdminPorts, 'snapshot'>): Stored {
  const { source, revision } = snapshot.current()
  return { policy: source, revision: Math.max(snapshot.state().storedRevision, revision) }
}

type Change = (policy: Policy) => Policy

/**
 * Changes the policy that is there, whatever others store meanwhile: then it is read, and `change` asked, again. `change` is pure,
 * throws where what it is about is not (any more) as its author has seen it, and answers the same policy where nothing is to be stored.
 */
export function policyChanger({ store, snapshot, log }: AdminPorts) {
  // Within one node there is no need to find out that another came between.
  const turns = new Turns()
  return (by: { readonly author: string; readonly from: string }, change: Change): Promise<Stored> => turns.take(async () => {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      await catchUp(snapshot, log)
      const { policy, revision } = storedPolicy({ snapshot })
      const next = change(policy)
      if (next === policy) return { policy, revision }
      compile(next, 0)
      try {
        const stored = await putPolicy(store, next, { ...by, expected: revision })
        log('info', `Policy revision ${stored.revision} was stored by ${JSON.stringify(by.author)}`)
        await catchUp(snapshot, log)
        return { policy: next, revision: stored.revision }
      } catch (error) {
        if (!(error instanceof SluiceError) || error.code !== 'policy.stale') throw error
      }
    }
    throw new SluiceError('store.locked', 'The policy is being changed by others all the time.', 'Try again.')
  })
}
