import { chmodSync, existsSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { CertificateError } from '../../certs/errors.ts'
import { importAuthority } from '../../certs/import.ts'
import type { ImportOptions } from '../../certs/import.ts'
import { issueLeaf } from '../../certs/leaf.ts'
import { leafKey, makeHierarchy, open, openssl, read, verify } from './fixture.ts'

const HOST = 'content.dropboxapi.com'
const bring = (dir: string, options: Omit<ImportOptions, 'dir'>): ReturnType<typeof importAuthority> =>
  importAuthority({ dir: join(dir, 'ca'), ...options })
const bundle = (dir: string, ...names: string[]): string => names.map(name => read(dir, name)).join('')

/** What an organisation hands out: the issuing CA with its root, and the key. */
const issuing = (dir: string): { certificate: string; key: string } =>
  ({ certificate: bundle(dir, 'issuing.crt', 'root.crt'), key: read(dir, 'issuing.key') })

for (const kind of ['rsa', 'ec'] as const) {
  t.test(`an issuing CA with its root, ${kind}, in PEM`, async t => {
    const dir = t.testdir()
    makeHierarchy(dir, kind)
    const authority = await bring(dir, { pem: issuing(dir) })
    t.equal(authority.certificatePem, read(dir, 'issuing.crt'))
    t.equal(authority.chainPem, read(dir, 'issuing.crt'), 'the root is not sent')
    t.equal(authority.trustPem, read(dir, 'root.crt'))
    t.equal(authority.permitted, null)
    const { certificatePem } = issueLeaf(authority, HOST, leafKey().spki, new Date())
    t.match(await verify(dir, certificatePem, read(dir, 'root.crt'), '-verify_hostname', HOST), /: OK/)
    t.equal(statSync(join(dir, 'ca/ca.key')).mode & 0o777, 0o600)
    t.match(read(dir, 'ca/ca.key'), /^-----BEGIN PRIVATE KEY-----/)
    t.equal((await open(dir)).certificatePem, authority.certificatePem, 'the next start takes it')
  })

  t.test(`an issuing CA with its root, ${kind}, in PKCS#12`, async t => {
    const dir = t.testdir()
    makeHierarchy(dir, kind)
    openssl(dir, 'pkcs12', '-export', '-inkey', 'issuing.key', '-in', 'issuing.crt', '-certfile', 'root.crt',
      '-passout', 'pass:open sesame', '-out', 'ca.p12')
    const data = readFileSync(join(dir, 'ca.p12'))
    const authority = await bring(dir, { pkcs12: { data, passphrase: 'open sesame' } })
    t.equal(authority.trustPem, read(dir, 'root.crt'))
    const { certificatePem } = issueLeaf(authority, HOST, leafKey().spki, new Date())
    t.match(await verify(dir, certificatePem, read(dir, 'root.crt'), '-verify_hostname', HOST), /: OK/)

    const wrong = await bring(dir, { pkcs12: { data, passphrase: 'guess-4711' }, replace: true })
      .catch((error: unknown) => error)
    t.ok(wrong instanceof CertificateError)
    t.match(wrong, { code: 'ca.passphrase' })
    t.notMatch(JSON.stringify(wrong) + String(wrong), /guess-4711|sesame/)
  })
}

t.test('order does not matter, strangers are left out, and an encrypted key opens with its passphrase', async t => {
  const dir = t.testdir({ other: {} })
  makeHierarchy(dir, 'ec')
  makeHierarchy(join(dir, 'other'), 'ec')
  openssl(dir, 'pkcs8', '-topk8', '-in', 'issuing.key', '-out', 'locked.key', '-passout', 'pass:sesame')
  const certificate = bundle(dir, 'root.crt', 'other/root.crt', 'issuing.crt')
  await t.rejects(bring(dir, { pem: { certificate, key: read(dir, 'locked.key') } }), { code: 'ca.passphrase' })
  await t.rejects(bring(dir, { pem: { certificate, key: read(dir, 'locked.key'), passphrase: 'x' } }), { code: 'ca.passphrase' })
  t.notOk(existsSync(join(dir, 'ca')), 'nothing was written')
  await bring(dir, { pem: { certificate, key: read(dir, 'locked.key'), passphrase: 'sesame' } })
  t.equal(read(dir, 'ca/ca.crt'), bundle(dir, 'issuing.crt', 'root.crt'))
})

t.test('without the root, the topmost known certificate is what is handed out', async t => {
  const dir = t.testdir()
  makeHierarchy(dir, 'ec')
  const authority = await bring(dir, { pem: { certificate: read(dir, 'issuing.crt'), key: read(dir, 'issuing.key') } })
  t.equal(authority.trustPem, read(dir, 'issuing.crt'))
  const { certificatePem } = issueLeaf(authority, HOST, leafKey().spki, new Date())
  t.match(await verify(dir, certificatePem, read(dir, 'root.crt')), /: OK/)
})

t.test('the constraints of an imported CA bind us too', async t => {
  const dir = t.testdir()
  const names = ['permitted;DNS:dropboxapi.com', 'permitted;DNS:.sharepoint.com', 'excluded;DNS:x.dropboxapi.com',
    'permitted;dirName:dn']
  makeHierarchy(dir, 'ec', `nameConstraints=critical,${names.join(',')}\n[dn]\nO=Example`)
  const authority = await bring(dir, { pem: issuing(dir) })
  t.same(authority.permitted, ['dropboxapi.com', '.sharepoint.com'])
  t.same(authority.missing(['dropboxapi.com', 'api.dropboxapi.com', 'sharepoint.com', 'a.sharepoint.com', 'dropbox.com']),
    ['dropboxapi.com', 'sharepoint.com', 'dropbox.com'])
  const { spki } = leafKey()
  for (const host of ['dropbox.com', 'a.x.dropboxapi.com', 'sharepoint.com']) {
    t.throws(() => issueLeaf(authority, host, spki, new Date()), { code: 'ca.name-refused' }, host)
  }
  const { certificatePem } = issueLeaf(authority, HOST, spki, new Date())
  t.match(await verify(dir, certificatePem, read(dir, 'root.crt')), /: OK/, 'also under a constraint on directory names')
})

t.test('an existing authority is replaced only when asked, and kept', async t => {
  const dir = t.testdir()
  makeHierarchy(dir, 'ec')
  const own = await open(dir)
  const pem = issuing(dir)
  const files = readdirSync(join(dir, 'ca'))
  await t.rejects(bring(dir, { pem }), { code: 'ca.exists', remedy: /replace/ })
  t.same(readdirSync(join(dir, 'ca')), files)
  t.equal((await open(dir)).certificatePem, own.certificatePem)
  const imported = await bring(dir, { pem, replace: true })
  t.equal(imported.trustPem, read(dir, 'root.crt'))
  t.same(imported.previous, [own.trustPem])
})

t.test('what cannot sign is refused before anything is written', async t => {
  const dir = t.testdir()
  makeHierarchy(dir, 'rsa')
  const key = read(dir, 'issuing.key')
  openssl(dir, 'req', '-x509', '-key', 'issuing.key', '-out', 'leaf.crt', '-subj', '/CN=leaf',
    '-addext', 'basicConstraints=critical,CA:FALSE')
  openssl(dir, 'genpkey', '-algorithm', 'ed25519', '-out', 'ed.key')
  openssl(dir, 'pkcs12', '-export', '-nokeys', '-in', 'issuing.crt', '-passout', 'pass:x', '-out', 'nokey.p12')
  const cases: [string, Omit<ImportOptions, 'dir'>][] = [
    ['ca.mismatch', { pem: { certificate: read(dir, 'root.crt'), key } }],
    ['ca.not-a-ca', { pem: { certificate: read(dir, 'leaf.crt'), key } }],
    ['ca.key-refused', { pem: { certificate: read(dir, 'root.crt'), key: read(dir, 'ed.key') } }],
    ['ca.unreadable', { pem: { certificate: 'nothing', key } }],
    ['ca.unreadable', { pem: { certificate: read(dir, 'root.crt'), key: 'nothing' } }],
    ['ca.unreadable', { pkcs12: { data: Buffer.from('nothing'), passphrase: '' } }],
    ['ca.unreadable', { pkcs12: { data: readFileSync(join(dir, 'nokey.p12')), passphrase: 'x' } }],
    ['ca.expired', { pem: { certificate: read(dir, 'issuing.crt'), key }, now: () => new Date('2090-01-01') }],
    ['ca.unreadable', {}],
  ]
  for (const [code, options] of cases) await t.rejects(bring(dir, options), { code, remedy: /./ }, code)
  t.notOk(existsSync(join(dir, 'ca')))
})

t.test('an import that died after the key is finished by the next start', async t => {
  const dir = t.testdir({ whole: {}, half: { ca: {} } })
  makeHierarchy(dir, 'ec')
  await bring(join(dir, 'whole'), { pem: issuing(dir) })
  for (const name of readdirSync(join(dir, 'whole/ca')).filter(name => name !== 'ca.crt')) {
    writeFileSync(join(dir, 'half/ca', name), read(dir, 'whole/ca', name), { mode: 0o600 })
  }
  chmodSync(join(dir, 'half/ca'), 0o700)
  const authority = await open(join(dir, 'half'))
  t.equal(authority.certificatePem, read(dir, 'issuing.crt'), 'the organisation\'s certificate, not one of our own')
  t.equal(authority.trustPem, read(dir, 'root.crt'))
})
