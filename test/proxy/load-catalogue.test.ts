import { join } from 'node:path'
import t from 'tap'
import { permittedDomains } from '../../policy/providers/index.ts'
import { createMetrics } from '../../dashboards/metrics.ts'
import { loadCatalogue } from '../../proxy/load-catalogue.ts'

const provider = (id: string, host: string): string => `providers:\n  - id: custom-${id}\n    like: webdav\n    hosts: [{ pattern: "${host}" }]\n`

t.test('without files, the built-in catalogue', async t => {
  const { catalogue, domains } = loadCatalogue([])
  t.equal(catalogue.find('content.dropboxapi.com')?.module.id, 'dropbox')
  t.strictSame(domains, permittedDomains())
  t.notOk(catalogue.providers.some(id => id.startsWith('custom-')))
})

t.test('declared providers join it, with their domains and their labels', async t => {
  const dir = t.testdir({ 'a.yaml': provider('a', 'a.example.com'), 'b.yaml': provider('b', '*.b.example.org') })
  const { catalogue, domains } = loadCatalogue([join(dir, 'a.yaml'), join(dir, 'b.yaml')])
  t.equal(catalogue.find('a.example.com')?.module.id, 'custom-a')
  t.equal(catalogue.find('x.b.example.org')?.module.id, 'custom-b')
  t.equal(catalogue.find('b.example.org'), undefined)
  t.strictSame(domains.slice(-2), ['a.example.com', 'b.example.org'])
  t.ok(catalogue.patterns.includes('*.b.example.org'))
  t.strictSame(catalogue.providers.slice(-2), ['custom-a', 'custom-b'])
  t.doesNotThrow(() => createMetrics({ providers: catalogue.providers }))
})

t.test('bad files are named', async t => {
  const dir = t.testdir({
    'a.yaml': provider('a', 'a.example.com'), 'again.yaml': provider('a', 'b.example.com'),
    'host.yaml': provider('c', 'a.example.com'), 'bad.yaml': 'providers:\n  - id: custom-x\n    lik: s3\n',
  })
  const load = (...names: string[]) => () => loadCatalogue(names.map(name => join(dir, name)))
  t.throws(load('none.yaml'), { code: 'config.unreadable', message: /none\.yaml \(intercept\.catalogue\) cannot be read/ })
  t.throws(load('bad.yaml'), { code: 'config.invalid', message: /bad\.yaml: providers\/0/ })
  t.throws(load('a.yaml', 'again.yaml'), { code: 'config.invalid', message: /again\.yaml: the document declares the id custom-a a second time/ })
  t.throws(load('a.yaml', 'host.yaml'), { message: /host\.yaml: the document declares the host a\.example\.com a second time/ })
})
