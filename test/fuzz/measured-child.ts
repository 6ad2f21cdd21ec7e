/**
 * Imported into a Sluice process before anything else (`--import`): counts its coverage from the first line, and tells coverage,
 * memory and what went wrong to the process that has started it.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { getHeapStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { startCoverage } from './coverage.ts'
import type { ScriptCoverage } from './coverage.ts'

export type Asked = 'coverage' | 'memory' | 'faults'

export interface Told {
  readonly coverage: readonly ScriptCoverage[]
  /** Bytes of the heap and outside of it that are in use after a collection. */
  readonly memory: number
  /** Warnings and exceptions that nobody caught, since the last time it was asked. */
  readonly faults: readonly string[]
}

Error.stackTraceLimit = 40
setFlagsFromString('--expose-gc')
const collectGarbage: unknown = runInNewContext('gc')
const take = startCoverage()
const faults: string[] = []

process.on('warning', warning => faults.push(warning.stack ?? warning.message))
process.on('uncaughtExceptionMonitor', error => faults.push(error.stack ?? error.message))
process.on('disconnect', () => process.exit())
process.on('message', (asked: Asked) => {
  void answers[asked]().then(told => process.send?.(told))
})

const answers: { readonly [asked in Asked]: () => Promise<Told[asked]> } = {
  coverage: take,
  faults: async () => faults.splice(0),
  memory: async () => {
    // What finalisers free comes with the turns after.
    for (let i = 0; i < 3; i++) {
      if (typeof collectGarbage === 'function') collectGarbage()
      await sleep(1)
    }
    const { used_heap_size: heap, external_memory: external } = getHeapStatistics()
    return heap + external
  },
}
