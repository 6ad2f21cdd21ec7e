import { readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { importAuthority } from '../../certs/import.ts'
import { issueLeaf } from '../../certs/leaf.ts'
import { prepareSuccessor, switchToSuccessor } from '../../certs/renew.ts'
import { DAY, DOMAINS, leafKey, makeHierarchy, open, read, renew, verify } from './fixture.ts'

const at = (dir: string, domains: readonly string[] = DOMAINS) => ({ dir: join(dir, 'ca'), constrain: 'catalogue', domains }) as const
const keyFile = (dir: string): string => read(dir, 'ca/ca.key')

t.test('a prepared successor changes nothing yet, and the switch takes exactly that one', async t => {
  const dir = t.testdir()
  const old = await open(dir)
  const oldKey = keyFile(dir)
  const { trustPem, isNew } = await prepareSuccessor(at(dir))
  t.equal(isNew, true)
  const meanwhile = await open(dir)
  t.equal(meanwhile.certificatePem, old.certificatePem)
  t.equal(keyFile(dir), oldKey)
  t.equal(meanwhile.next, trustPem)
  t.same(meanwhile.previous, [], 'what is to come is not what was')
  t.equal(statSync(join(dir, 'ca/next.pem')).mode & 0o777, 0o600)
  t.same(await prepareSuccessor(at(dir)), { trustPem, isNew: false }, 'clients may trust it by now, so it stays')

  const successor = await switchToSuccessor(at(dir))
  t.equal(successor.trustPem, trustPem)
  t.equal(successor.next, null)
  t.same(successor.previous, [old.trustPem])
  t.notOk(readdirSync(join(dir, 'ca')).includes('next.pem'))
  await t.rejects(switchToSuccessor(at(dir)), { code: 'ca.no-successor', remedy: /sluice ca renew/ })
})

t.test('a prepared successor that lacks a domain, has run out or is constrained otherwise is made anew', async t => {
  const dir = t.testdir()
  await open(dir)
  const first = await prepareSuccessor(at(dir))
  const second = await prepareSuccessor(at(dir, ['box.com']))
  t.equal(second.isNew, true)
  t.not(second.trustPem, first.trustPem)
  t.equal((await prepareSuccessor({ ...at(dir), constrain: 'none' })).isNew, true)
  const later = new Date(Date.now() + 20 * 366 * DAY)
  t.equal((await prepareSuccessor({ ...at(dir), now: () => later })).isNew, true)
})

t.test('a switch that died is done again', async t => {
  const dir = t.testdir()
  await open(dir)
  await prepareSuccessor(at(dir))
  const next = read(dir, 'ca/next.pem')
  const successor = await switchToSuccessor(at(dir))
  // Killed after the pair was switched, before the prepared one was taken away.
  writeFileSync(join(dir, 'ca/next.pem'), next, { mode: 0o600 })
  t.equal((await switchToSuccessor(at(dir))).certificatePem, successor.certificatePem)
  t.notOk(readdirSync(join(dir, 'ca')).includes('next.pem'))
  writeFileSync(join(dir, 'ca/next.pem'), next, { mode: 0o600 })
  t.equal((await prepareSuccessor(at(dir))).isNew, true, 'what is in use is no successor')
})

t.test('a damaged successor stops a renewal, never a start', async t => {
  const dir = t.testdir()
  const old = await open(dir)
  await prepareSuccessor(at(dir))
  writeFileSync(join(dir, 'ca/next.pem'), 'half a fi')
  t.match(await open(dir), { certificatePem: old.certificatePem, next: null })
  await t.rejects(switchToSuccessor(at(dir)), { code: 'ca.unreadable', message: /next\.pem/ })
  await t.rejects(prepareSuccessor(at(dir)), { code: 'ca.unreadable', message: /next\.pem/ })
  t.equal((await open(dir)).certificatePem, old.certificatePem)
})

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

t.test('renewals at once prepare one successor, and switches at once leave one whole pair', async t => {
  const dir = t.testdir()
  const old = await open(dir)
  const prepared = await Promise.all(Array.from({ length: 6 }, () => prepareSuccessor(at(dir))))
  t.equal(new Set(prepared.map(({ trustPem }) => trustPem)).size, 1)
  t.equal(prepared.filter(({ isNew }) => isNew).length, 1)
  const switched = await Promise.allSettled(Array.from({ length: 6 }, () => switchToSuccessor(at(dir))))
  t.ok(switched.some(({ status }) => status === 'fulfilled'))
  for (const one of switched) if (one.status === 'rejected') t.match(one.reason, { code: 'ca.no-successor' })
  const authority = await open(dir)
  t.equal(authority.trustPem, prepared[0]?.trustPem)
  t.same(authority.previous, [old.trustPem])
  const { certificatePem } = issueLeaf(authority, 'dropbox.com', leafKey().spki, new Date())
  t.match(await verify(dir, certificatePem, authority.trustPem), /: OK/)
})

t.test('where there is none yet, there is nothing to renew', async t => {
  const dir = t.testdir()
  await t.rejects(renew(dir, ['box.com']), { code: 'ca.missing', remedy: /Start Sluice/ })
})

t.test('an imported authority is not replaced by one of our own', async t => {
  const dir = t.testdir()
  makeHierarchy(dir, 'ec')
  await importAuthority({ dir: join(dir, 'ca'), pem: { certificate: read(dir, 'issuing.crt'), key: read(dir, 'issuing.key') } })
  const refused = { code: 'ca.imported', remedy: /ca import --replace/ }
  await t.rejects(renew(dir, ['box.com']), refused)
  const imported = await open(dir)
  t.equal(imported.imported, true)
  const late = { code: 'ca.expired', remedy: /ca import --replace/ }
  t.throws(() => issueLeaf(imported, 'dropbox.com', leafKey().spki, imported.notAfter), late)
  await t.rejects(open(dir, { now: () => imported.notAfter }), late)
})

t.test('an import in place of our own leaves no successor of ours behind', async t => {
  const dir = t.testdir()
  makeHierarchy(dir, 'ec')
  await open(dir)
  await prepareSuccessor(at(dir))
  const pem = { certificate: read(dir, 'issuing.crt'), key: read(dir, 'issuing.key') }
  const authority = await importAuthority({ dir: join(dir, 'ca'), pem, replace: true })
  t.equal(authority.next, null)
  await t.rejects(switchToSuccessor(at(dir)), { code: 'ca.imported' })
})
