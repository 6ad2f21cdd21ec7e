import t from 'tap'
import { assertAgreement } from './agreement.ts'

t.test('the compiled policy decides as the reference reads it, for 100,000 random policies and requests', { timeout: 600_000 }, async t => {
  assertAgreement(100_000)
  t.pass('they agree')
})
