/** What is opened and judged of the catalogue, by the configuration. */
import t from 'tap'
import { makeCatalogue } from '../../policy/providers/catalogue.ts'
import { builtin } from '../../policy/providers/index.ts'
import { loadConfig } from '../../proxy/config.ts'
import { openedCatalogue } from '../../proxy/intercepts.ts'

const all = makeCatalogue(builtin)
const opened = (env: NodeJS.ProcessEnv) => openedCatalogue(loadConfig({ env }), all)

t.test('storage hosts are opened, sign-in hosts are not, as nothing makes use of them', async t => {
  for (const env of [{}, { SLUICE_TENANTS_LEARN: 'true' }, { SLUICE_TENANTS_LEARN: 'false' }]) {
    const catalogue = opened(env)
    t.equal(catalogue.find('content.dropboxapi.com')?.role, 'storage')
    t.equal(catalogue.find('www.googleapis.com')?.role, 'storage')
    for (const host of ['accounts.google.com', 'oauth2.googleapis.com', 'login.microsoftonline.com', 'login.live.com', 'account.box.com']) {
      t.equal(all.find(host)?.role, 'sign-in', host)
      t.equal(catalogue.find(host), undefined, host)
      t.equal(catalogue.find(host, '/token'), undefined, `${host}/token`)
    }
  }
})

t.test('a bypass takes a host out, with every path; with a star, the names below it', async t => {
  const catalogue = opened({ SLUICE_INTERCEPT_BYPASS: 'content.dropboxapi.com, *.sharepoint.com' })
  t.equal(catalogue.find('content.dropboxapi.com'), undefined)
  t.equal(catalogue.find('content.dropboxapi.com', '/2/files/upload'), undefined)
  t.equal(catalogue.find('contoso.sharepoint.com'), undefined)
  t.ok(catalogue.find('api.dropboxapi.com'))
})

t.test('mode none opens nothing', async t => {
  const catalogue = opened({ SLUICE_INTERCEPT_MODE: 'none' })
  for (const host of ['content.dropboxapi.com', 'accounts.google.com']) t.equal(catalogue.find(host, '/'), undefined)
})
