import { withoutHead } from '../source-head.ts'
import type { Policy } from '../policy.ts'
import { carryInThread } from './carry-in-thread.ts'
import type { PolicyMeta, Revision, Store } from './store.ts'

/**
 * `store.putPolicy`, with the YAML that people go on reading: as it was written where `meta.source` tells; as the restored revision
 * has it; else as the revision before has it, with what has changed set in it.
 */
export async function putPolicy(store: Pick<Store, 'putPolicy' | 'revision'>, policy: Policy, meta: PolicyMeta): Promise<Revision> {
  const source = meta.source === undefined ? await sourceOf(store, policy, meta) : withoutHead(meta.source)
  return store.putPolicy(policy, { ...meta, ...source !== undefined && { source } })
}

async function sourceOf(store: Pick<Store, 'revision'>, policy: Policy, { expected, restores }: PolicyMeta): Promise<string | undefined> {
  const restored = restores === undefined ? undefined : (await store.revision(restores))?.source
  const before = restored ?? (expected === 0 ? undefined : (await store.revision(expected))?.source)
  return before === undefined ? undefined : carryInThread(before, policy)
}
