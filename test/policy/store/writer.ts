/** Writes into an embedded store without end and says on standard output what was answered for; meant to be killed. */
import { writeSync } from 'node:fs'
import { openStore } from '../../../policy/store/open.ts'
import { BY, policyOf } from './contract.ts'

const store = await openStore(process.argv[2] ?? '')
let expected = (await store.load()).policy?.revision ?? 0
for (;;) {
  const { revision } = await store.putPolicy(policyOf('x'.repeat(500)), { expected, author: 'writer', from: 'test' })
  writeSync(1, `policy ${revision}\n`)
  await store.putTenant({ account: 'google', id: `t${revision}.example` }, BY)
  writeSync(1, `tenant t${revision}.example\n`)
  expected = revision
}
