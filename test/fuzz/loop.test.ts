/** The loop finds what it is there to find. */
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { Reached } from './coverage.ts'
import { mutate } from './mutate.ts'
import { randomFrom } from './random.ts'
import { runFuzz } from './run-fuzz.ts'
import { asLine } from './seeds.ts'

const PLANTED = fileURLToPath(new URL('planted', import.meta.url))
const planted = (name: string, seconds: number) => runFuzz('--targets', PLANTED, '--seed', '1', '--seconds', String(seconds), '--first', name)

t.test('a defect behind four bytes is found by following coverage, and its input is told', async t => {
  const { code, said } = await planted('bug', 90)
  t.equal(code, 1)
  t.match(said, /seed 1, .*FAILED bug: Error: the planted defect.*inputs: .*failure-1\.jsonl/s)
})

t.test('an input that does not come back is ended', async t => {
  const { code, said } = await planted('hang', 60)
  t.equal(code, 1)
  t.match(said, /FAILED hang: hang: an input takes more than 2 s of processor time/)
})

t.test('memory that grows is told', async t => {
  const { code, said } = await planted('growth', 3)
  t.equal(code, 1)
  t.match(said, /FAILED growth: growth: [0-9.]+ MiB/)
})

t.test('wrong usage is told in one line', async t => {
  t.match(await runFuzz('nothing'), { code: 2, said: /nothing is no target; use some of: .*client-hello.*requests/ })
  t.match(await runFuzz('--seconds', 'x', 'requests'), { code: 2, said: /--seconds and --seed take numbers/ })
})

t.test('the same seed makes the same inputs', async t => {
  const made = (seed: number): string[] => {
    const random = randomFrom(seed)
    return Array.from({ length: 200 }, () => asLine(mutate(Buffer.from('GET / HTTP/1.1\n'), random, ['host: '], Buffer.from('other'), 64)))
  }
  t.strictSame(made(7), made(7))
  t.notSame(made(7), made(8))
  t.ok(made(7).every(line => JSON.parse(line).length <= 64), 'none is longer than it may be')
})

t.test('a block that did not run is not reached', async t => {
  const reached = new Reached(['proxy/'])
  const url = new URL('../../proxy/x.ts', import.meta.url).href
  const scripts = (inner: number) => [{ url, functions: [{ ranges: [{ startOffset: 0, endOffset: 10, count: 1 }, { startOffset: 2, endOffset: 5, count: inner }] }] }]
  t.equal(reached.add(scripts(0)), 7)
  t.notOk(reached.hasNew(scripts(0)))
  t.ok(reached.hasNew(scripts(1)))
  t.equal(reached.add(scripts(1)), 3)
  t.equal(reached.add([{ ...scripts(1)[0], url: 'file:///elsewhere.ts', functions: [] }]), 0)
  t.strictSame([reached.characters, reached.known], [10, 10])
})
