import t from 'tap'
import { Sparing } from '../../policy/sparing.ts'

t.test('the first is said at once, the others at most once a while, none uncounted', async t => {
  const sparing = new Sparing(60_000)
  t.equal(sparing.note(5), 1)
  for (let i = 0; i < 1_000; i++) t.equal(sparing.note(5 + i), 0)
  t.equal(sparing.note(60_004), 0)
  t.equal(sparing.note(60_005), 1_002)
  t.equal(sparing.note(200_000), 1)
})
