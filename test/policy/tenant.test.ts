import t from 'tap'
import type { Tenant } from '../../policy/operation.ts'
import { indexTenants } from '../../policy/tenant/allowlist.ts'

const TID = '11111111-2222-3333-4444-555555555555'
const CONTOSO: Tenant = { account: 'microsoft', id: 'contoso', aliases: [TID, 'ContosoEUR'], name: 'Contoso' }

const index = indexTenants([CONTOSO])

t.test('tenants are found by id and alias, in any case, within their account', async t => {
  t.equal(index.size, 1)
  t.equal(indexTenants([], 7).version, 7)
  for (const id of ['contoso', 'CONTOSO', 'contosoeur', TID.toUpperCase()]) t.equal(index.has('microsoft', id), CONTOSO, id)
  t.equal(index.has('google', 'contoso'), undefined)
  for (const id of ['', 'toString', '__proto__', 'Contoso ']) t.equal(index.has('microsoft', id), undefined, id)
  const other: Tenant = { account: 'microsoft', id: 'other', aliases: ['contoso'] }
  t.equal(indexTenants([CONTOSO, other]).has('microsoft', 'contoso'), CONTOSO, 'an id wins over an alias')
  t.equal(indexTenants([other, CONTOSO]).has('microsoft', 'contoso'), CONTOSO)
})

t.test('an index of 20,000 tenants answers as fast as one of ten', async t => {
  const numbered = (i: number): Tenant => ({ account: 'google', id: `t${i}.example`, aliases: [`a${i}.example`] })
  const many = indexTenants(Array.from({ length: 20_000 }, (_, i) => numbered(i)))
  const started = process.cpuUsage()
  for (let i = 0; i < 20_000; i++) if (many.has('google', `a${i}.example`)?.id !== `t${i}.example`) t.fail(`a${i}`)
  t.ok(process.cpuUsage(started).user < 2e6)
})
