import { Worker } from 'node:worker_threads'
import { carryComments } from '../carry-comments.ts'
import type { Policy } from '../policy.ts'

export interface CarryTask {
  readonly source: string
  readonly policy: Policy
}

/** A source of this many characters, some 300 rules, takes about as long as a thread takes to start. */
const LONG = 32_768
/** What 10,000 rules need, and a bound for what a source could be made to need. */
const MEMORY = { maxOldGenerationSizeMb: 1_024, maxYoungGenerationSizeMb: 32 }

/** `carryComments`; for a long source in a thread of its own, because it takes seconds for thousands of rules and the traffic must go on. */
export async function carryInThread(source: string, policy: Policy): Promise<string> {
  if (source.length < LONG) return carryComments(source, policy)
  const worker = new Worker(new URL('./carry-worker.ts', import.meta.url), {
    workerData: { source, policy } satisfies CarryTask, resourceLimits: MEMORY, execArgv: [], env: {},
  })
  try {
    return await new Promise((resolve, reject) => {
      worker.once('message', resolve)
      worker.once('error', reject)
      worker.once('exit', () => reject(new Error('The comments could not be carried over: the thread ended')))
    })
  } finally {
    await worker.terminate()
  }
}
