import t from 'tap'
import { Busiest } from '../../policy/busiest.ts'

t.test('the busiest of several, within the window', async t => {
  const busiest = new Busiest(5_000, 10)
  t.equal(busiest.highest(0), 0)
  for (let i = 0; i < 3; i++) busiest.add('ada', i * 1_000)
  busiest.add('bob', 2_000)
  t.equal(busiest.highest(2_000), 3)
  t.equal(busiest.highest(4_999), 3)
  busiest.forget(name => name === 'nobody')
  t.equal(busiest.highest(5_000), 2, 'the first is over')
  busiest.add('bob', 5_100)
  busiest.add('bob', 5_200)
  t.equal(busiest.highest(5_900), 3)
  t.equal(busiest.highest(7_000), 2)
  t.equal(busiest.highest(60_000), 0)
})

t.test('who comes back after the window has moved on begins anew', async t => {
  const busiest = new Busiest(5_000, 10)
  for (let i = 0; i < 4; i++) busiest.add('ada', 100)
  busiest.add('ada', 1_000_000)
  t.equal(busiest.highest(1_000_000), 1)
})

t.test('names without end take bounded memory, and the busy stay', async t => {
  const busiest = new Busiest(5_000, 100)
  for (let i = 0; i < 10_000; i++) {
    busiest.add(`passer-by ${i}`, 1_000)
    if (i % 50 === 0) busiest.add('ada', 1_000)
  }
  t.equal(busiest.highest(1_000), 200)
})
