import t from 'tap'
import { makeCatalogue } from '../../../policy/providers/catalogue.ts'
import { ACCOUNTS, builtin, catalogue, permittedDomains, PROVIDERS } from '../../../policy/providers/index.ts'

t.test('hosts are found at label boundaries only', async t => {
  const found = (host: string): string | undefined => catalogue.find(host)?.module.id
  for (const host of ['content.dropboxapi.com', 'www.dropbox.com', 'uc1.dl.dropboxusercontent.com']) t.equal(found(host), 'dropbox', host)
  for (const host of ['www.googleapis.com', 'docs.google.com', 'clients6.google.com']) t.equal(found(host), 'google-drive', host)
  for (const host of ['graph.microsoft.com', 'contoso.sharepoint.com', 'a.b.sharepoint.com', 'x.up.1drv.com', 'dod-graph.microsoft.us']) {
    t.equal(found(host), 'microsoft', host)
  }
  for (const host of [
    '', '.', 'com', 'evildropbox.com', 'dropbox.com.evil.example', 'evilsharepoint.com', 'sharepoint.com', 'xcontent.dropboxapi.com',
    'mail.google.com', 'www.google.com', 'www.microsoft.com', '.sharepoint.com', 'constructor', '__proto__',
  ]) t.equal(found(host), undefined, host)
})

t.test('sign-in hosts are marked, and hosts with client certificates are not opened', async t => {
  for (const host of [
    'login.microsoftonline.com', 'login.microsoft.com', 'login.windows.net', 'login.live.com',
    'oauth2.googleapis.com', 'accounts.google.com',
  ]) {
    t.equal(catalogue.find(host)?.role, 'sign-in', host)
  }
  t.equal(catalogue.find('graph.microsoft.com')?.role, 'storage')
  for (const host of ['client.dropbox.com', 'client-cf.dropbox.com', 'block12.dropbox.com', 'x.dropbox-dns.com']) {
    t.equal(catalogue.find(host)?.role, 'pinned', host)
  }
  t.equal(catalogue.find('device.login.microsoftonline.com'), undefined)
  t.equal(catalogue.find('enterpriseregistration.windows.net'), undefined)
})

t.test('an exact name wins over a suffix, a longer suffix over a shorter', async t => {
  const [first, second] = catalogue.modules
  if (first === undefined || second === undefined) return t.fail('two modules')
  const made = makeCatalogue([
    { ...first, id: 'short', hosts: [{ pattern: '*.example', role: 'storage' }] },
    { ...second, id: 'long', hosts: [{ pattern: '*.b.example', role: 'storage' }, { pattern: 'x.example', role: 'sign-in' }] },
  ])
  t.equal(made.find('a.example')?.module.id, 'short')
  t.equal(made.find('a.b.example')?.module.id, 'long')
  t.equal(made.find('x.example')?.role, 'sign-in')
})

t.test('the names of providers and account systems are those of the modules', async t => {
  t.strictSame([...new Set(builtin.flatMap(({ providers }) => providers))].sort(), [...PROVIDERS].sort())
  const restrictedOnly = ['slack', 'github', 'webex', 'asana', 'chatgpt', 'claude']
  t.strictSame([...new Set([...builtin.map(({ account }) => account), 'custom', ...restrictedOnly])].sort(), [...ACCOUNTS].sort())
})

t.test('the default provider of a host', async t => {
  const of = (host: string): string | undefined => catalogue.find(host)?.module.providerOf(host)
  t.equal(of('contoso-my.sharepoint.com'), 'onedrive')
  t.equal(of('contoso.sharepoint.com'), 'sharepoint')
  t.equal(of('graph.microsoft.com'), 'onedrive')
  t.equal(of('login.microsoftonline.com'), 'onedrive')
  t.equal(of('oauth2.googleapis.com'), 'google-drive')
  t.equal(of('api.dropboxapi.com'), 'dropbox')
})

t.test('the permitted domains cover every host of the catalogue, and are narrow', async t => {
  const domains = permittedDomains()
  const covers = (host: string): boolean => domains.some(domain => host === domain || host.endsWith(`.${domain}`))
  for (const { hosts, domains: own } of catalogue.modules) {
    for (const { pattern, role } of hosts) if (role !== 'pinned') t.ok(covers(pattern.replace('*.', 'x.')), pattern)
    for (const domain of own) t.ok(covers(domain), domain)
  }
  for (const host of [
    'upload.box.com', 'g.api.mega.co.nz', 'p1-docws.icloud.com', 'wetransfer.com', 'b.s3.eu-west-1.amazonaws.com',
    'a.blob.core.windows.net', 'storage.googleapis.com',
  ]) {
    t.ok(covers(host), host)
  }
  for (const host of [
    'www.google.com', 'mail.google.com', 'www.microsoft.com', 'outlook.live.com', 'enterpriseregistration.windows.net',
    'www.apple.com', 'example.com',
  ]) {
    t.notOk(covers(host), host)
  }
  t.strictSame(domains, [...new Set(domains)].sort(), 'sorted, none twice')
  t.notOk(domains.some(a => domains.some(b => a.endsWith(`.${b}`))), 'none within another')
})

t.test('a star within a pattern is part of one label, and a name without it wins', async t => {
  const [first, second, third] = catalogue.modules
  if (first === undefined || second === undefined || third === undefined) return t.fail('three modules')
  const made = makeCatalogue([
    { ...first, id: 'star', hosts: [{ pattern: '*.s3.*.example', role: 'storage' }, { pattern: 'p*-docs.example', role: 'storage' }] },
    { ...second, id: 'name', hosts: [{ pattern: '*.s3.fixed.example', role: 'storage' }] },
    { ...third, id: 'later', hosts: [{ pattern: 'p*-docs.example', role: 'storage' }] },
  ])
  const found = (host: string): string | undefined => made.find(host)?.module.id
  t.equal(found('b.s3.any.example'), 'star')
  t.equal(found('a.b.s3.any.example'), 'star')
  t.equal(found('b.s3.fixed.example'), 'name')
  t.equal(found('p12-docs.example'), 'later', 'of two that are the same the later')
  for (const host of ['s3.any.example', 'b.s3.any.other.example', 'p-docs.example', 'p1-docs.x.example', 'b.s3..example', '.s3.any.example']) {
    t.equal(found(host), undefined, host)
  }
})

t.test('where providers share a host, the path tells them apart', async t => {
  const [first, second] = catalogue.modules
  if (first === undefined || second === undefined) return t.fail('two modules')
  for (const order of [[0, 1], [1, 0]]) {
    const modules = [
      { ...first, id: 'all', hosts: [{ pattern: 'api.example', role: 'storage' as const }] },
      { ...second, id: 'some', hosts: [{ pattern: 'api.example', role: 'storage' as const, paths: ['/upload/b.x/'] }] },
    ]
    const made = makeCatalogue(order.flatMap(i => modules[i] ?? []))
    const found = (path?: string): string | undefined => made.find('api.example', path)?.module.id
    t.equal(found('/upload/b.x/1'), 'some')
    t.equal(found('//Upload//B.X/1'), 'some')
    for (const path of [undefined, '/', '/upload/b.x', '/upload/bxx/1', '/x/upload/b.x/1']) t.equal(found(path), 'all', String(path))
  }
})
