import { join } from 'node:path'
import t from 'tap'
import { parsePolicyYaml } from '../../../policy/policy.ts'
import { openStore } from '../../../policy/store/open.ts'
import { putPolicy } from '../../../policy/store/put-policy.ts'
import { BY } from './contract.ts'

const rules = (count: number): string => Array.from({ length: count }, (_, i) =>
  `  # why ${i}\n  - id: rule-${i}\n    when: { path: "/team-${i}/**", activity: upload }\n    action: block\n`).join('')

for (const [what, count] of [['short', 3], ['long', 1_500]] as const) {
  t.test(`a ${what} policy keeps its comments through a change that comes without them`, async t => {
    const store = await openStore(`embedded:${join(t.testdir(), 'data')}`)
    t.teardown(() => store.close())
    const source = `# head\ndefault: allow\nunknownTenant: log\nrules:\n${rules(count)}`
    const policy = parsePolicyYaml(source, 'source')
    await putPolicy(store, policy, { ...BY, expected: 0, source })
    const { revision } = await putPolicy(store, { ...policy, default: 'block' }, { ...BY, expected: 1 })
    t.equal((await store.revision(revision))?.source, source.replace('default: allow', 'default: block'))
  })
}
