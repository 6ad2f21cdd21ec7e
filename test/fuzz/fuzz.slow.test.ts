/** Twenty seconds of fuzzing a target, from the kept seeds. Always the same seed: to go new ways is `npm run bench:fuzz`'s. */
import { readdirSync } from 'node:fs'
import t from 'tap'
import { runFuzz } from './run-fuzz.ts'

const SECONDS = 20
// Two at a time: each is one thread, and the proxy's waits for another process.
t.jobs = 2

for (const file of readdirSync(new URL('targets/', import.meta.url)).sort()) {
  t.test(file.slice(0, -3), { buffered: true }, async t => {
    const { code, said } = await runFuzz('--seed', '1', '--seconds', String(SECONDS), file.slice(0, -3))
    t.comment(said)
    t.equal(code, 0, said)
  })
}
