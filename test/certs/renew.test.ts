import { readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { importAuthority } from '../../certs/import.ts'
import { issueLeaf } from '../../certs/leaf.ts'
import { renewAuthority } from '../../certs/renew.ts'
import { DAY, leafKey, makeHierarchy, open, read, verify } from './fixture.ts'

const renew = (dir: string, domains: string[], now?: Date): ReturnType<typeof renewAuthority> =>
  renewAuthority({ dir: join(dir, 'ca'), constrain: 'catalogue', domains, ...now === undefined ? {} : { now: () => now } })

t.test('the successor has a new key and the domains of both, and the old one is kept', async t => {
  const dir = t.testdir()
  const old = await open(dir, { domains: ['dropbox.com'] })
  const oldKey = read(dir, 'ca/ca.key')
  const successor = await renew(dir, ['box.com'])
  t.same(successor.permitted, ['box.com', 'dropbox.com'])
  t.notSame(successor.keyId, old.keyId)
  t.same(successor.previous, [old.trustPem])
  t.equal((await open(dir)).certificatePem, successor.certificatePem, 'the next start takes it')

  const base = join(dir, 'ca', `ca-${old.fingerprint256.replaceAll(':', '').slice(0, 8).toLowerCase()}`)
  t.equal(read(`${base}.crt`), old.certificatePem)
  t.equal(read(`${base}.key`), oldKey)
  for (const name of readdirSync(join(dir, 'ca')).filter(file => file.endsWith('.key'))) {
    t.equal(statSync(join(dir, 'ca', name)).mode & 0o777, 0o600, name)
  }
  t.notOk(readdirSync(join(dir, 'ca')).some(name => name.endsWith('.tmp')))
})

t.test('both serve side by side while clients learn to trust the new one', async t => {
  const dir = t.testdir()
  const old = await open(dir)
  const successor = await renew(dir, [])
  const { spki } = leafKey()
  const both = old.trustPem + successor.trustPem
  for (const authority of [old, successor]) {
    t.match(await verify(dir, issueLeaf(authority, 'dropbox.com', spki, new Date()).certificatePem, both), /: OK/)
  }
})

t.test('every earlier authority stays listed until it expires', async t => {
  const dir = t.testdir()
  const first = await open(dir)
  await renew(dir, [])
  const third = await renew(dir, [])
  t.equal(third.previous.length, 2)
  const later = new Date(first.notAfter.getTime() + DAY)
  const fourth = await renew(dir, [], later)
  t.same(fourth.previous, [], 'they have all run out by then')
})

t.test('an authority that has run out can be renewed', async t => {
  const dir = t.testdir()
  const old = await open(dir)
  const later = new Date(old.notAfter.getTime() + DAY)
  await t.rejects(open(dir, { now: () => later }), { code: 'ca.expired' })
  const successor = await renew(dir, [], later)
  t.ok(successor.notAfter > later)
  t.same(successor.permitted, old.permitted)
})

t.test('a renewal that died between its two files is finished by the next start', async t => {
  const dir = t.testdir()
  const old = await open(dir)
  const successor = await renew(dir, ['box.com'])
  writeFileSync(join(dir, 'ca/ca.crt'), old.certificatePem)
  t.equal((await open(dir)).certificatePem, successor.certificatePem)
  rmSync(join(dir, 'ca/ca.crt'))
  t.equal((await open(dir)).certificatePem, successor.certificatePem)
  t.equal(read(dir, 'ca/ca.crt'), successor.certificatePem, 'and the file is right again')
})

t.test('renewals at once leave one whole pair', async t => {
  const dir = t.testdir()
  await open(dir)
  await Promise.all(Array.from({ length: 6 }, (_, i) => renew(dir, [`d${i}.example`])))
  const authority = await open(dir)
  t.equal(authority.previous.length, 6)
  const { certificatePem } = issueLeaf(authority, 'dropbox.com', leafKey().spki, new Date())
  t.match(await verify(dir, certificatePem, authority.trustPem), /: OK/)
})

t.test('where there is none yet, one is made', async t => {
  const dir = t.testdir()
  const made = await renew(dir, ['box.com'])
  t.equal((await open(dir)).certificatePem, made.certificatePem)
  t.same(made.previous, [])
})

t.test('an imported authority is not replaced by one of our own', async t => {
  const dir = t.testdir()
  makeHierarchy(dir, 'ec')
  await importAuthority({ dir: join(dir, 'ca'), pem: { certificate: read(dir, 'issuing.crt'), key: read(dir, 'issuing.key') } })
  await t.rejects(renew(dir, ['box.com']), { code: 'ca.imported', remedy: /import/ })
})
