import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { SluiceError } from '../../../policy/errors.ts'
import { makeCatalogue } from '../../../policy/providers/catalogue.ts'
import { parseDeclared, refuseRepeated } from '../../../policy/providers/declared.ts'
import { builtin } from '../../../policy/providers/index.ts'
import { operationOf, verdictOf } from './cases.ts'
import type { Case } from './cases.ts'

const readme = readFileSync(fileURLToPath(new URL('../../../policy/providers/README.md', import.meta.url)), 'utf8')
const example = /```yaml\n(.*?)```/s.exec(readme)?.[1] ?? ''
const declared = parseDeclared(example, 'README.md')
const catalogue = makeCatalogue([...builtin, ...declared])
const verdict = (one: Case): string => verdictOf(catalogue, one)
const operation = (one: Case) => operationOf(catalogue, one)

/** The faults of a document, a line each. */
function faultsOf(text: string): readonly string[] {
  try {
    parseDeclared(text, 'more.yaml')
  } catch (error) {
    if (!(error instanceof SluiceError)) throw error
    t.equal(error.code, 'config.invalid')
    t.ok(error.message.startsWith('more.yaml: '), error.message)
    return error.faults.map(({ path, message }) => `${path} ${message}`.trim())
  }
  return []
}

t.test('the example of the README is recognised', async t => {
  t.strictSame(declared.map(({ id }) => id), ['custom-filedrop', 'custom-nextcloud', 's3'])
  t.strictSame(catalogue.providers.filter(id => id.startsWith('custom-')), ['custom-filedrop', 'custom-nextcloud'])
  for (const [request, wanted] of [
    ['PUT drop.example.com/api/files/a.txt', 'upload single'],
    ['POST drop.example.com/api/uploads', 'upload start'],
    ['PATCH eu.cdn.example.com/api/uploads/77', 'upload chunk'],
    ['GET drop.example.com/api/files/d/a.txt', 'download single'],
    ['GET drop.example.com/api/files?list=ALL', 'list single'],
    ['POST drop.example.com/oauth/token', 'token single'],
    ['POST login.example.com/session', 'login single'],
    ['POST drop.example.com/other', 'other single'],
    ['PUT cloud.example.com/remote.php/webdav/a.txt', 'upload single'],
    ['PUT s3.example.com/mine/a.txt', 'upload single'],
  ] as const) t.equal(verdict({ request, length: 50 }), wanted, request)
  t.equal(verdict({ request: 'POST drop.example.com/other', length: 20_000 }), 'upload single unexplained-body')
})

t.test('facts are told where the rows say', async t => {
  t.match(
    operation({ request: 'PUT drop.example.com/api/files/a%20b.txt', headers: { 'x-file-size': '70' }, length: null }),
    { provider: 'custom-filedrop', fileName: 'a b.txt', size: { bytes: 70, is: 'at-least' } },
  )
  t.match(
    operation({ request: 'PUT drop.example.com/api/files/a', headers: { 'x-file-size': '7' }, length: 900 }),
    { size: { bytes: 900, is: 'exact' } },
    'a large body is not talked small',
  )
  t.match(
    operation({ request: 'POST drop.example.com/api/uploads', body: '{"workspace":"Acme","files":[{"name":"a.txt","size":3},{"name":"b","size":4}]}' }),
    { size: { bytes: 7, is: 'exact' }, fileName: 'a.txt', tenantHint: 'acme' },
  )
  t.match(
    operation({ request: 'PATCH drop.example.com/api/uploads/77', headers: { 'content-range': 'bytes 5-9/20' }, length: 5 }),
    { session: '77', offset: 5, size: { bytes: 20, is: 'exact' } },
  )
  t.match(operation({ request: 'PUT mine.s3.example.com/d/a.txt', length: 3 }), { provider: 's3', tenantHint: 'mine', fileName: 'a.txt' })
  t.match(operation({ request: 'PUT cloud.example.com/dav/a.txt', length: 3 }), { provider: 'custom-nextcloud', tenantHint: 'cloud.example.com' })
  t.equal(catalogue.find('mine.s3.example.com')?.module.account, 'custom')
  t.equal(catalogue.find('cloud.example.com')?.module.account, 'webdav')
})

t.test('rows are listed, and unproven unless they say otherwise', async t => {
  const rows = declared[0]?.endpoints ?? []
  t.match(rows[0], { methods: ['PUT'], path: '/api/files/{name}', activity: 'upload', step: 'single', source: "vendor's documentation", unproven: true })
  t.match(rows[3], { path: '/api/files/**?list=all', source: 'declared in README.md' })
  t.match(rows[4], { unproven: false })
})

t.test('domains follow from the hosts where none are named', async t => {
  t.strictSame(declared.map(({ domains }) => domains), [['example.com'], ['cloud.example.com'], ['s3.example.com']])
})

const PROVIDER = 'providers:\n  - id: custom-x\n    hosts: [{ pattern: a.example.com }]\n'
const ROW = `${PROVIDER}    endpoints:\n      - { methods: [PUT], path: /a, activity: upload`

t.test('each fault has its place, line and column, and the nearest key', async t => {
  for (const [text, ...wanted] of [
    ['', 'must be an object of providers (at 1:1)'],
    ['providers: []', 'providers must be a list of providers (at 1:1)'],
    ['provider: []', 'provider is not a known key; did you mean providers? (at 1:1)'],
    ['providers: [', 'is not clean YAML at 1:13: Flow sequence in block collection must be sufficiently indented and end with a ]'],
    ['providers:\n  - { like: s3, hosts: [{ pattern: *.example.com }] }', 'is not clean YAML at 2:36: *.example.com is an alias of nothing; quote a text that begins with *'],
    [`${PROVIDER}    endpoint: []`, 'providers/0/endpoint is not a known key; did you mean endpoints? (at 4:5)'],
    [PROVIDER, 'providers/0/endpoints is missing; declare some, or say like (at 2:5)'],
    [PROVIDER.replace('custom-x', 'dropbox') + '    like: s3', 'providers/0/id dropbox is not allowed; it must be custom- and lower-case letters, digits and hyphens, up to 47 characters (at 2:5)'],
    [`${PROVIDER}    like: webdv`, 'providers/0/like webdv is not allowed; it must be one of webdav, s3; did you mean webdav? (at 4:5)'],
    [`${ROW}, stp: chunk }`, 'providers/0/endpoints/0/stp is not a known key; did you mean step? (at 5:55)'],
    [`${ROW.replace('upload', 'uplod')} }`, /^providers\/0\/endpoints\/0\/activity uplod is not allowed; .*did you mean upload\? \(at 5:37\)$/],
    [`${ROW.replace('/a,', '/a/**/b/**,')} }`, 'providers/0/endpoints/0/path may have one ** only (at 5:27)'],
    [`${ROW.replace('/a,', '"/a/{Name}",')} }`, /path has \{Name\}; a parameter is lower-case/],
    [`${ROW.replace('/a,', '"/a/{",')} }`, /path has a brace without its partner/],
    [`${ROW.replace('/a,', '"/{name}",')}, name: { path: nme } }`, 'providers/0/endpoints/0/name/path is no parameter of the path; did you mean name? (at 5:70)'],
    [`${ROW}, size: { header: a, json: b } }`, /size must name one of header, query, path, json, form/],
    [`${ROW}, size: { heder: a } }`, /size\/heder is not a known key; did you mean header\?/],
    [`${ROW}, hosts: [b.example.com] }`, /hosts\/0 is none of the provider's hosts; did you mean a\.example\.com\?/],
    [`${PROVIDER}    like: s3\n    domains: [example.org]`, /hosts\/0\/pattern is not within domains, so that no certificate could be made for it \(at 3:15\)/],
    ['providers:\n  - { like: s3, hosts: [{ pattern: "*.com" }] }', /pattern \*\.com is not allowed/],
    ['providers:\n  - { like: s3, hosts: [{ pattern: "a.*.com" }] }', /pattern a\.\*\.com is not allowed/],
    ['providers:\n  - { like: s3, hosts: [{ pattern: "a**.example.com" }] }', /more than one \* in a label/],
    ['providers:\n  - { like: s3, hosts: [{ pattern: 10.0.0.1 }] }', /pattern 10\.0\.0\.1 is not allowed/],
    ['providers:\n  - { like: s3, hosts: [{ pattern: A.Example.com }] }', /must be a lower-case host name/],
  ] as const) {
    const found = faultsOf(text)
    const [expected] = wanted
    if (typeof expected === 'string') t.ok(found.includes(expected), `${expected}: ${found.join('; ')}`)
    else t.ok(found.some(fault => expected.test(fault)), `${expected.source}: ${found.join('; ')}`)
  }
  t.equal(faultsOf(`${ROW.replace('/a,', '"(a+)+",')} }`).length, 1, 'a pattern of the user is no path')
})

t.test('what is declared twice is refused, what is built in is replaced', async t => {
  t.throws(() => refuseRepeated([...declared, ...declared], 'more.yaml'), /more\.yaml: the document declares the id custom-filedrop a second time/)
  const two = parseDeclared('providers:\n  - { like: s3, hosts: [{ pattern: a.example.com }] }\n  - { like: webdav, hosts: [{ pattern: a.example.com }] }', 'x')
  t.throws(() => refuseRepeated(two, 'x'), /the host a\.example\.com a second time/)
  const own = parseDeclared('providers:\n  - id: custom-dropbox\n    like: webdav\n    hosts: [{ pattern: www.dropbox.com }]', 'x')
  t.equal(makeCatalogue([...builtin, ...own]).find('www.dropbox.com')?.module.id, 'custom-dropbox')
})

t.test('hostile paths are matched in linear time', async t => {
  const [module] = parseDeclared(`${ROW.replace('/a,', '"/x/**/{name}-y/z",')} }`, 'x')
  const one = makeCatalogue(module === undefined ? [] : [module])
  const started = process.cpuUsage()
  for (const path of ['/x' + '/a-y'.repeat(15_000), '/x/' + '-y'.repeat(30_000), '/x' + '/'.repeat(60_000)]) {
    verdictOf(one, { request: `PUT a.example.com${path}`, length: 1 })
  }
  const { user } = process.cpuUsage(started)
  t.ok(user < 2e6, `${Math.round(user / 1000)} ms`)
})
