/** Policies as people write them: those of the documentation's examples and of the behaviour cases. */
import { readdirSync, readFileSync } from 'node:fs'
import { parse, stringify } from 'yaml'

const CASES = new URL('../cases/', import.meta.url)
const EXAMPLES = new URL('../../policy/builtin/examples.yaml', import.meta.url)

export function policyTexts(): string[] {
  const files = readdirSync(CASES).filter(file => file.endsWith('.yaml')).sort().map(file => new URL(file, CASES))
  return [...files, EXAMPLES].flatMap((file) => {
    const document: unknown = parse(readFileSync(file, 'utf8'))
    const policy = typeof document === 'object' && document !== null && 'policy' in document ? document.policy : undefined
    return typeof policy === 'object' && policy !== null ? [stringify(policy), JSON.stringify(policy)] : []
  })
}
