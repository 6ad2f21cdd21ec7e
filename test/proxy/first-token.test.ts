import t from 'tap'
import { mintToken } from '../../policy/admin/tokens.ts'
import { openStore } from '../../policy/store/open.ts'
import { makeFirstToken } from '../../proxy/first-token.ts'
import { BY } from '../policy/store/contract.ts'

t.test('a first admin token is made where there is none that still opens', async t => {
  const store = await openStore(`embedded:${t.testdir()}`)
  t.teardown(() => store.close())
  const now = new Date()
  await store.putToken(mintToken('editor', 'no admin').stored, BY)
  await store.putToken(mintToken('admin', 'ended', new Date(0), new Date(now.getTime() - 1).toISOString()).stored, BY)
  t.match(await makeFirstToken(store, now), /^slc_/)
  t.equal(await makeFirstToken(store, now), null)
  t.match((await store.audit({ from: 1, limit: 10 })).at(-1), { action: 'token.create', author: 'sluice', from: 'sluice' })
})
