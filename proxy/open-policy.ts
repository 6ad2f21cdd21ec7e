import { join } from 'node:path'
import { loadBuiltin } from '../policy/builtin.ts'
import { openSnapshot } from '../policy/snapshot.ts'
import type { Snapshot } from '../policy/snapshot.ts'
import type { Log as StoreLog } from '../policy/store/log.ts'
import { openStore } from '../policy/store/open.ts'
import type { Store } from '../policy/store/store.ts'
import type { Config } from './config.ts'

/** The store may be down at a start: then the snapshot on disk serves, or nothing starts (DESIGN.md §8). */
export async function openPolicy(config: Config, storeLog: StoreLog, onChange: () => void): Promise<{ store: Store; snapshot: Snapshot }> {
  const isRedis = !config.store.url.startsWith('embedded:')
  // A start that fails says why once, as its error; what the store said on the way is told only where it goes on.
  let told: Array<Parameters<StoreLog>> | null = []
  const log: StoreLog = (level, message) => {
    if (told === null) storeLog(level, message)
    else told.push([level, message])
  }
  const store = await openStore(config.store.url, { log, whenDown: isRedis ? 'retry' : 'reject' })
  try {
    const snapshot = await openSnapshot({
      store,
      fallback: loadBuiltin('default'),
      cacheFile: isRedis ? join(config.certs.dir, '..', 'snapshot.json') : null,
      required: config.store.required,
      strict: loadBuiltin('strict'),
      late: config.policy.late,
      onChange,
      log,
    })
    for (const [level, message] of told) storeLog(level, message)
    told = null
    return { store, snapshot }
  } catch (error) {
    await store.close()
    throw error
  }
}
