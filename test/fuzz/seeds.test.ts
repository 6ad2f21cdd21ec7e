/** Every kept seed, once: what a run of the fuzzer has found stays found. */
import { readdirSync, statSync } from 'node:fs'
import t from 'tap'
import type { Test } from 'tap'
import { MAX_SEEDS, readInputs, readSeeds, seedFile } from './seeds.ts'
import type { Target } from './target.ts'

const TARGETS = new URL('targets/', import.meta.url)

t.test('every kept seed holds what its target promises', async t => {
  for (const file of readdirSync(TARGETS).sort()) await t.test(file.slice(0, -3), t => replay(t, file))
})

async function replay(t: Test, file: string): Promise<void> {
  const { target } = await import(new URL(file, TARGETS).href) as { target: Target }
  const seeds = readInputs(seedFile(target.name))
  t.equal(target.name, file.slice(0, -3), 'a target is named as its file')
  t.ok(seeds.length > 0, 'it has seeds')
  t.ok(seeds.reduce((sum, { length }) => sum + length, 0) <= MAX_SEEDS, 'they are few')
  t.ok(statSync(seedFile(target.name)).size < 3 * MAX_SEEDS)
  const opened = await target.open()
  t.teardown(() => opened.close?.())
  for (const bytes of readSeeds(target.name)) await opened.run(bytes)
  await opened.settle?.()
}
