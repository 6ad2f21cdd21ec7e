import t from 'tap'
import type { Account, Tenant } from '../../../policy/operation.ts'
import { indexTenants } from '../../../policy/tenant/allowlist.ts'
import { wildcardFault } from '../../../policy/tenant/wildcard.ts'

const below: Tenant = { account: 'google', id: '*.contoso.com', name: 'all below' }
const eu: Tenant = { account: 'google', id: 'eu.contoso.com', aliases: ['*.eu.contoso.com'] }

t.test('a wildcard covers every name below its domain, not the domain, and no name that only looks like one', async t => {
  const index = indexTenants([below])
  for (const name of ['a.contoso.com', 'A.B.Contoso.com', 'x_y.contoso.com', '*.contoso.com']) t.equal(index.has('google', name), below, name)
  for (const name of [
    'contoso.com', 'contoso.com.evil.example', 'evilcontoso.com', 'a-contoso.com', '.contoso.com', 'a..contoso.com', 'a.contoso.com.',
    'evil.example/.contoso.com', 'evil.example#.contoso.com', 'a b.contoso.com', 'ä.contoso.com', 'a.contoso.com\n',
    `${'a.'.repeat(200)}contoso.com`, 'com', '',
  ]) t.equal(index.has('google', name), undefined, name)
  t.equal(index.has('microsoft', 'a.contoso.com'), undefined, 'of another account')
  t.ok(index.covers('google'))
})

t.test('an exact name wins over a wildcard, the longer wildcard over the shorter, an id over an alias', async t => {
  for (const order of [[below, eu], [eu, below]]) {
    const index = indexTenants(order)
    t.equal(index.has('google', 'eu.contoso.com'), eu)
    t.equal(index.has('google', 'a.eu.contoso.com'), eu)
    t.equal(index.has('google', 'us.contoso.com'), below)
    const claims: Tenant = { account: 'google', id: 'other.example', aliases: ['*.contoso.com', 'us.contoso.com'] }
    for (const all of [[...order, claims], [claims, ...order]]) {
      t.equal(indexTenants(all).has('google', 'x.contoso.com'), below, 'an id wins over an alias')
      t.equal(indexTenants(all).has('google', 'us.contoso.com'), claims, 'an exact alias over a wildcard id')
    }
  }
})

t.test('every tenant of 100,000 is found by its id, its alias and its wildcard', async t => {
  const numbered = (i: number): Tenant => ({ account: 'google', id: `t${i}.example`, aliases: [`a${i}.example`, `*.t${i}.example`] })
  const index = indexTenants(Array.from({ length: 100_000 }, (_, i) => numbered(i)), 7)
  t.match(index, { size: 100_000, version: 7 })
  for (let i = 0; i < 100_000; i += 997) {
    for (const name of [`t${i}.example`, `a${i}.example`, `x.t${i}.example`, `x.y.T${i}.example`]) {
      if (index.has('google', name)?.id !== `t${i}.example`) t.fail(name)
    }
  }
  t.equal(index.has('google', 'x.a5.example'), undefined)
})

t.test('wildcards are for domains of one owner', async t => {
  const cases: readonly (readonly [Account, string, RegExp | undefined])[] = [
    ['google', '*.contoso.com', undefined], ['microsoft', '*.contoso.co.uk', undefined], ['webdav', '*.files.contoso.example', undefined],
    ['webdav', '*.contoso.internal', undefined], ['google', '*.contoso.github.io', undefined], ['google', '*.xn--mller-kva.de', undefined],
    ['dropbox', '*.contoso.com', /anybody can register a name there/], ['box', '*.1', /anybody can register/],
    ['aws', '*.contoso.com', /list each id/], ['azure', '*.contoso.com', /list each id/], ['gcp', 'contoso-*', /list each id/],
    ['custom', '*.contoso.com', /list each id/],
    ['microsoft', 'contoso-*', /contoso-evil/], ['microsoft', '*contoso', /contoso-evil/], ['microsoft', '*.contoso', /whole domain/],
    ['google', '*', /whole domain/], ['google', '*.', /whole domain/], ['google', '*.*.contoso.com', /whole domain/],
    ['google', 'a.*.contoso.com', /whole domain/], ['google', '*contoso.com', /whole domain/], ['google', '*.com', /whole domain/],
    ['google', '*..contoso.com', /whole domain/], ['google', '*.contoso.com.', /whole domain/], ['webdav', '*.0.0.10', /whole domain/],
    ['webdav', '*.-a.example', /whole domain/],
    ['google', '*.co.uk', /below co\.uk/], ['google', '*.github.io', /below github\.io/], ['webdav', '*.k12.ma.us', /too wide/],
    ['microsoft', '*.onmicrosoft.com', /onmicrosoft\.com/], ['microsoft', '*.mail.onmicrosoft.com', /onmicrosoft\.com/],
    ['microsoft', '*.sharepoint.com', /sharepoint\.com/], ['microsoft', '*.contoso.sharepoint.com', /sharepoint\.com/],
    ['webdav', '*.windows.net', /windows\.net/], ['google', '*.google.com', /google\.com/], ['google', '*.test-google-a.com', /too wide/],
    ['google', '*.iam.gserviceaccount.com', /gserviceaccount/], ['google', '*.gmail.com', /gmail/],
  ]
  for (const [account, name, message] of cases) {
    const fault = wildcardFault(account, name)
    if (message === undefined) t.equal(fault, undefined, name)
    else t.match(fault, message, `${account} ${name}`)
  }
})
