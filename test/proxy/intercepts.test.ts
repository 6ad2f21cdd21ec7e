/** What is opened and judged of the catalogue, by the configuration. */
import t from 'tap'
import { makeCatalogue } from '../../policy/providers/catalogue.ts'
import { builtin } from '../../policy/providers/index.ts'
import { loadConfig } from '../../proxy/config.ts'
import { openedCatalogue, openedRole, requireAuthority } from '../../proxy/intercepts.ts'

const all = makeCatalogue(builtin)
const opened = (env: NodeJS.ProcessEnv) => openedCatalogue(loadConfig({ env }), all)

const SIGN_IN = ['accounts.google.com', 'oauth2.googleapis.com', 'login.microsoftonline.com', 'login.live.com', 'account.box.com']

t.test('storage hosts are opened always, sign-in hosts only where something is made of it', async t => {
  const google = ['accounts.google.com', 'oauth2.googleapis.com']
  const cases: [NodeJS.ProcessEnv, readonly string[]][] = [
    [{}, SIGN_IN], [{ SLUICE_TENANTS_LEARN: 'true' }, SIGN_IN], [{ SLUICE_TENANTS_LEARN: 'false' }, []],
    [{ SLUICE_TENANTS_LEARN: 'false', SLUICE_TENANTS_RESTRICT: '{ google: on, microsoft: off }' }, google],
    [{ SLUICE_TENANTS_LEARN: 'false', SLUICE_TENANTS_RESTRICT: '{ github: on }' }, []],
  ]
  for (const [env, open] of cases) {
    const catalogue = opened(env)
    t.equal(catalogue.find('content.dropboxapi.com')?.role, 'storage')
    t.equal(catalogue.find('www.googleapis.com')?.role, 'storage')
    for (const host of SIGN_IN) {
      t.equal(all.find(host)?.role, 'sign-in', host)
      const expected = open.includes(host) ? 'sign-in' : undefined
      t.equal(catalogue.find(host)?.role, expected, `${JSON.stringify(env)} ${host}`)
      t.equal(catalogue.find(host, '/token')?.role, expected, `${host}/token`)
    }
    for (const host of ['device.login.microsoftonline.com', 'enterpriseregistration.windows.net']) t.equal(catalogue.find(host), undefined, host)
  }
})

t.test('hosts of no provider are opened while they are restricted, and never against a bypass or in an emergency', async t => {
  const role = (env: NodeJS.ProcessEnv, host: string) => {
    const config = loadConfig({ env })
    return openedRole(config, openedCatalogue(config, all))(host)
  }
  const slack = { SLUICE_TENANTS_RESTRICT: '{ slack: { workspace: T0123ABCD } }' }
  t.equal(role(slack, 'app.slack.com'), 'sign-in')
  t.equal(role(slack, 'slack.com'), 'sign-in')
  t.equal(role(slack, 'content.dropboxapi.com'), 'storage')
  for (const host of ['notslack.com', 'slack.com.evil.example', 'github.com']) t.equal(role(slack, host), null, host)
  t.equal(role({}, 'slack.com'), null)
  t.equal(role({ ...slack, SLUICE_INTERCEPT_BYPASS: '*.slack.com' }, 'app.slack.com'), null)
  t.equal(role({ ...slack, SLUICE_INTERCEPT_MODE: 'none' }, 'slack.com'), null)
})

t.test('an authority that cannot sign for what is restricted is named, with the remedy', async t => {
  const config = loadConfig({ env: { SLUICE_TENANTS_RESTRICT: '{ github: on, google: on }' } })
  const authority = (missing: string[], imported = false) => ({ imported, missing: () => missing })
  t.doesNotThrow(() => requireAuthority(authority([]), config, all))
  t.throws(() => requireAuthority(authority(['github.com']), config, all), {
    code: 'ca.renewal-due', message: /cannot sign for github\.com, which tenants\.restrict opens/, remedy: /sluice ca renew/,
  })
  t.throws(() => requireAuthority(authority(['github.com'], true), config, all), { code: 'ca.renewal-due', remedy: /sluice ca import --replace/ })
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
