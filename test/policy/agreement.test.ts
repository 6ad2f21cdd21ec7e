import t from 'tap'
import { assertAgreement } from './agreement.ts'

t.test('the compiled policy decides as the reference reads it, for 5,000 random policies and requests', async t => {
  assertAgreement(5_000)
  t.pass('they agree')
})
