import t from 'tap'
import { readWeighted } from '../../policy/quality-values.ts'

t.test('values with their weights, in their order', async t => {
  t.strictSame(readWeighted('Text/Plain; q=0.5;Version=1, b;q=x,,c ; a="b"'), [
    { value: 'text/plain', parameters: ['version=1'], weight: 0.5 }, { value: 'b', parameters: [], weight: 0 },
    { value: '', parameters: [], weight: 1 }, { value: 'c', parameters: ['a="b"'], weight: 1 },
  ])
})
