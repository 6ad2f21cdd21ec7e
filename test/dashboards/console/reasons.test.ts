import t from 'tap'
import { REASONS } from '../../../policy/operation.ts'

t.test('every reason has words, and nothing else has', async t => {
  const file = new URL('../../../dashboards/console/reasons.js', import.meta.url).href
  const { WORDS }: { readonly WORDS: Readonly<Record<string, string>> } = await import(file)
  t.strictSame(Object.keys(WORDS).sort(), [...REASONS].sort())
})
