import { runInNewContext } from 'node:vm'
import t from 'tap'
import { collect } from '../../proxy/collect.ts'

t.test('what nothing holds is gone at once, old or not', async t => {
  const held = new Array<object>(1_000).fill({}).map(() => ({}))
  const refs = held.map(object => new WeakRef(object))
  collect()
  held.length = 0
  // A reference that was made, or looked at, in this turn keeps what it points to until the next.
  await new Promise(resolve => setImmediate(resolve))
  collect()
  t.equal(refs.filter(ref => ref.deref() !== undefined).length, 0)
})

t.test('no other code is given the collector, and the flags are those of before', async t => {
  collect()
  t.equal(runInNewContext('typeof gc'), 'undefined')
})
