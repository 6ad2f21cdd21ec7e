import { existsSync } from 'node:fs'
import t from 'tap'
import { measureMemory } from '../bench/memory-run.ts'
import { startOriginProcess } from '../bench/processes.ts'

const MIB = 1024 * 1024
const BYTES = 128 * MIB
const RATE = 16_000_000

const skip = !existsSync('/proc/self/status') && 'only Linux tells a process\'s resident memory in /proc'

t.test('resident memory stays flat while a fast side waits for a slow one', { skip }, async t => {
  const origin = await startOriginProcess()
  t.teardown(() => origin.close())
  for (const direction of ['up', 'down'] as const) {
    for (const http of ['1.1', '2'] as const) {
      await t.test(`${direction}load over HTTP/${http}`, async t => {
        const { growth, seconds } = await measureMemory(origin, { direction, http, bytes: BYTES, rate: RATE })
        t.ok(growth < 64 * MIB, `grew by ${(growth / MIB).toFixed(1)} MiB`)
        t.ok(seconds > BYTES / RATE / 2, `took ${seconds.toFixed(1)} s: the slow side was slow`)
      })
    }
  }
})
