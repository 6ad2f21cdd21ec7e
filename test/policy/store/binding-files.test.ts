import { readdir, rename } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { BindingFiles } from '../../../policy/store/binding-files.ts'
import type { BindingRecord } from '../../../policy/store/binding-record.ts'

const HOUR = 3_600_000
const record: BindingRecord = { account: 'box', tenants: ['123'], mayAllow: true, how: 'learned', at: 1 }
const digest = (n: number): string => `${(n % 7).toString(16).padStart(2, '0')}${n.toString(16).padStart(30, '0')}`

async function names(dir: string): Promise<string[]> {
  return (await readdir(dir, { recursive: true })).filter((name) => name.endsWith('.json')).sort()
}

t.test('their number is bounded: those that end first go, and those that are over', async (t) => {
  let now = 1_000_000
  const dir = t.testdir()
  const files = new BindingFiles(dir, { max: 80, now: () => now })
  await files.open()
  await files.write(digest(1_000), record, 10 * HOUR)
  for (let n = 0; n < 200; n++) {
    now += 1_000
    await files.write(digest(n), record, HOUR)
    const count = (await names(dir)).length
    if (count > 80) t.fail(`${count} files after ${n + 1} bindings`)
  }
  t.equal(await files.read(digest(0)), null)
  t.match(await files.read(digest(199)), record)
  t.match(await files.read(digest(1_000)), record, 'the one with a long time stayed')
  now += 2 * HOUR
  await new BindingFiles(dir, { max: 80, now: () => now }).open()
  t.equal((await names(dir)).length, 1)
})

t.test('the last write wins where the clock was set back, and leaves one file', async (t) => {
  let now = 1_700_000_000_000
  const dir = t.testdir()
  const [one, two] = [new BindingFiles(dir, { now: () => now }), new BindingFiles(dir, { now: () => now })]
  await one.open()
  await one.write(digest(1), record, 2 * HOUR)
  now -= HOUR
  await two.write(digest(1), { ...record, tenants: ['456'] }, HOUR)
  t.match(await one.read(digest(1)), { tenants: ['456'] })
  t.equal((await names(dir)).length, 1)
})

t.test('what an earlier writer left behind does not count again when the last one is over', async (t) => {
  let now = 1_700_000_000_000
  const dir = t.testdir()
  const files = new BindingFiles(dir, { now: () => now })
  await files.open()
  await files.write(digest(1), record, 9 * HOUR)
  const [early = ''] = await names(dir)
  await rename(join(dir, early), join(dir, 'kept'))
  await files.write(digest(1), { ...record, tenants: ['456'] }, HOUR)
  // As if its writer had been killed between writing the new and removing the old.
  await rename(join(dir, 'kept'), join(dir, early.replace(/-\d+-(\d+)-/, '-5-$1-')))
  t.match(await files.read(digest(1)), { tenants: ['456'] })
  now += HOUR + 1_000
  t.equal(await files.read(digest(1)), null)
})
