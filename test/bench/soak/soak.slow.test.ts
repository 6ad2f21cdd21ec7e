/** A short soak with few clients: what `npm run bench:soak` asks but flat memory, which takes minutes to be seen. */
import t from 'tap'
import { soak } from './run.ts'

t.test('good and bad clients at once: every decision is right, every byte accounted for, every descriptor closed', async t => {
  const { faults, descriptors, events, stored, edits } = await soak({
    ms: 45_000, clients: 30, seed: 7, store: 'embedded', dir: t.testdir(),
  })
  t.strictSame(Object.fromEntries(faults), {})
  t.ok(descriptors.after <= descriptors.before, `${descriptors.before} before, ${descriptors.after} after: ${descriptors.left}`)
  t.ok(events > 100 && stored > 20 && edits > 5, `${events} events, ${stored} files, ${edits} edits`)
})
