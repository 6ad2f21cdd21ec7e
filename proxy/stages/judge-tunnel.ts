/** A tunnel that is not opened and leads where cloud storage is, by the rules for the activity `tunnel`. Pure. */
import type { CompiledPolicy } from '../../policy/evaluate.ts'
import type { Client } from '../../policy/operation.ts'
import { Outcome } from '../../policy/outcome.ts'
import type { HeaderView, ProviderModule } from '../../policy/providers/provider.ts'
import { judgeUnread } from './judge.ts'
import type { Judgement, View } from './judge.ts'

const UNSEEN: HeaderView = { get: () => undefined }

/** Judges the beginning of a tunnel; `Meter` judges it again as bytes pass. `at`: milliseconds since 1970; `steady`: the same for what was given for a time. */
export function judgeTunnel(view: View, module: ProviderModule, host: string, client: Client, at: number, steady = at): Judgement {
  const head = { method: 'CONNECT', host, path: '', query: '', headers: UNSEEN, contentLength: null }
  const operation = { provider: module.providerOf(host), activity: 'tunnel', step: 'single', size: { bytes: 0, is: 'at-least' } } as const
  return judgeUnread({ ...view, policy: rulesAlone(view.policy) }, module, head, client, { operation, reasons: [], peek: 0 }, at, steady)
}

const known = new WeakMap<CompiledPolicy, CompiledPolicy>()

/** Only rules end a tunnel: what a policy says of all else is said of requests, and most of what is passed blind is none to storage. */
function rulesAlone(policy: CompiledPolicy): CompiledPolicy {
  if (policy.default.action !== 'block') return policy
  const before = known.get(policy)
  if (before !== undefined) return before
  const mild = { ...policy, default: new Outcome('log', null, policy.revision, 'default') }
  known.set(policy, mild)
  return mild
}
