import t from 'tap'
import type { Tenant } from '../../policy/operation.ts'
import { indexTenants } from '../../policy/tenant/allowlist.ts'
import { compileRestrictions } from '../../policy/restrictions.ts'
import { HeaderTable } from '../../proxy/head.ts'
import { clientRestrictions, followAllowlist, isRestriction } from '../../proxy/restrict-headers.ts'

const LISTED: readonly Tenant[] = [{ account: 'google', id: 'contoso.com', aliases: ['contoso.de'] }]
const own = compileRestrictions({ google: {} }, LISTED)
const index = indexTenants([...LISTED, { account: 'dropbox', id: '12345' }, { account: 'microsoft', id: 'contoso', aliases: ['contoso.com'] }])
const said = (...raw: string[]) => clientRestrictions({ headers: new HeaderTable(['Host', 'www.google.com', ...raw]) }, own, index)

t.test('what a client says of its own restrictions', async t => {
  t.equal(said('Accept', '*/*', 'X-Restrict-Access', 'x'), 'none')
  t.equal(said('X-GoogApps-Allowed-Domains', 'contoso.com,contoso.de'), 'same')
  t.equal(said('x-googapps-allowed-domains', ' Contoso.de , contoso.COM, contoso.de'), 'same', 'as a set, in any case')
  t.equal(said('X-GoogApps-Allowed-Domains', 'contoso.com', 'X-GoogApps-Allowed-Domains', 'contoso.de'), 'same', 'in two fields')
  t.equal(said('Restrict-Access-To-Tenants', 'contoso.com'), 'same', 'where Sluice says nothing, tenants of the allowlist')
  t.equal(said('X-Dropbox-allowed-Team-Ids', '12345'), 'same')
  for (const raw of [
    ['X-GoogApps-Allowed-Domains', 'contoso.com'], ['X-GoogApps-Allowed-Domains', 'contoso.com,contoso.de,evil.example'],
    ['X-GoogApps-Allowed-Domains', ''], ['X_GoogApps_Allowed_Domains', 'contoso.com,contoso.de'],
    ['X-GoogApps-Allowed-Domains', 'contoso.com,contoso.de', 'Restrict-Access-To-Tenants', 'evil.example'],
    ['Restrict-Access-To-Tenants', 'contoso.com,evil.example'], ['Restrict-Access-To-Tenants', ''],
    ['sec-Restrict-Tenant-Access-Policy', 'contoso.com'],
    ['anthropic-allowed-org-ids3', 'x'],
  ]) t.equal(said(...raw), 'other', raw.join(' '))
})

t.test('names that could be read as restrictions', async t => {
  for (const name of [
    'restrict-access-context', 'restrict_access_context', 'sec_restrict-tenant.access~policy', 'anthropic-allowed-org-ids9',
  ]) t.ok(isRestriction(name), name)
  for (const name of ['restrict-access', 'x-restrict-access-context', 'restrict-access-context-x', 'content-type', 'authorization', '']) {
    t.notOk(isRestriction(name), name)
  }
})

t.test('a change of the allowlist is followed, and nothing is made anew without one', async t => {
  let list = LISTED
  const current = followAllowlist({ google: {} }, () => list)
  const before = current()
  t.equal(current(), before)
  list = [{ account: 'google', id: 'fabrikam.com' }]
  t.strictSame(current().forHost('drive.google.com'), [['X-GoogApps-Allowed-Domains', 'fabrikam.com']])
  t.strictSame(before.forHost('drive.google.com'), [['X-GoogApps-Allowed-Domains', 'contoso.com,contoso.de']])
})
