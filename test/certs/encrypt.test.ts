import { readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { encryptKeys } from '../../certs/encrypt.ts'
import { importAuthority } from '../../certs/import.ts'
import { issueLeaf } from '../../certs/leaf.ts'
import { prepareSuccessor, switchToSuccessor } from '../../certs/renew.ts'
import { DOMAINS, leafKey, makeHierarchy, open, openssl, privateKey, read, renew, verify } from './fixture.ts'

const PASSPHRASE = 'a passphrase of some length'
const at = (dir: string, passphrase: string | null = PASSPHRASE) =>
  ({ dir: join(dir, 'ca'), constrain: 'catalogue', domains: DOMAINS, passphrase }) as const
const keyFiles = (dir: string): string[] => readdirSync(join(dir, 'ca')).filter(name => /\.(key|pem)$/.test(name)).sort()

t.test('with a passphrase no private key is ever stored in the clear, by a renewal or an import either', async t => {
  const dir = t.testdir()
  await open(dir, { passphrase: PASSPHRASE })
  const { trustPem } = await prepareSuccessor(at(dir))
  const check = (files: string[]) => {
    t.same(keyFiles(dir), files)
    for (const file of files) {
      t.match(read(dir, 'ca', file), /^-----BEGIN ENCRYPTED PRIVATE KEY-----/, file)
      t.notMatch(read(dir, 'ca', file), /BEGIN (EC |RSA )?PRIVATE KEY/, file)
      t.equal(statSync(join(dir, 'ca', file)).mode & 0o777, 0o600, file)
      t.throws(() => privateKey(dir, 'ca', file), file)
    }
  }
  check(['ca.key', 'next.pem'])
  const successor = await switchToSuccessor(at(dir))
  t.equal(successor.trustPem, trustPem)
  check(keyFiles(dir))
  t.equal(keyFiles(dir).length, 3, 'ca.key and two that are kept')

  const { spki } = leafKey()
  t.match(await verify(dir, issueLeaf(successor, 'content.dropboxapi.com', spki, new Date()).certificatePem, successor.trustPem), /OK/, 'it signs as ever')
  t.equal((await open(dir, { passphrase: PASSPHRASE })).trustPem, trustPem)

  const other = t.testdir()
  makeHierarchy(other, 'ec')
  await importAuthority({ dir: join(other, 'ca'), passphrase: PASSPHRASE,
    pem: { certificate: read(other, 'issuing.crt'), key: read(other, 'issuing.key') } })
  for (const file of keyFiles(other)) t.match(read(other, 'ca', file), /^-----BEGIN ENCRYPTED/, file)
})

t.test('openssl reads it with the passphrase, and not without', async t => {
  const dir = t.testdir()
  await open(dir, { passphrase: PASSPHRASE })
  t.match(openssl(join(dir, 'ca'), 'pkey', '-in', 'ca.key', '-passin', `pass:${PASSPHRASE}`, '-noout', '-text'), /NIST CURVE: P-256/)
  t.throws(() => openssl(join(dir, 'ca'), 'pkey', '-in', 'ca.key', '-passin', 'pass:another', '-noout'))
})

t.test('without the passphrase, or with another, nothing opens and nothing is made', async t => {
  const dir = t.testdir()
  await open(dir, { passphrase: PASSPHRASE })
  const before = read(dir, 'ca/ca.key')
  await t.rejects(open(dir), { code: 'ca.passphrase', message: /ca\.key is encrypted and no passphrase/, remedy: /SLUICE_CERTS_PASSPHRASE/ })
  await t.rejects(open(dir, { passphrase: 'guess-4711-guess' }), { code: 'ca.passphrase', message: /does not open it/ })
  const error: unknown = await open(dir, { passphrase: 'guess-4711-guess' }).catch((cause: unknown) => cause)
  t.notMatch(String(error instanceof Error && error.stack), 'guess-4711-guess', 'no error repeats it')
  t.equal(read(dir, 'ca/ca.key'), before)
})

t.test('a key in the clear is refused where a passphrase is configured, until it is encrypted', async t => {
  const dir = t.testdir()
  await open(dir)
  const { trustPem } = await renew(dir, DOMAINS)
  const prepared = await prepareSuccessor(at(dir, null))
  await t.rejects(open(dir, { passphrase: PASSPHRASE }), { code: 'ca.passphrase', message: /not encrypted/, remedy: 'Run: sluice ca encrypt' })

  const files = await encryptKeys(join(dir, 'ca'), PASSPHRASE)
  t.same(files.sort(), keyFiles(dir).map(name => join(dir, 'ca', name)))
  for (const file of keyFiles(dir)) t.notMatch(read(dir, 'ca', file), /BEGIN PRIVATE KEY/, file)
  const authority = await open(dir, { passphrase: PASSPHRASE })
  t.equal(authority.trustPem, trustPem, 'the same authority')
  t.equal(authority.next, prepared.trustPem, 'and the same successor')
  t.same(await encryptKeys(join(dir, 'ca'), PASSPHRASE), [], 'a second run has nothing to do')

  rmSync(join(dir, 'ca/ca.crt'))
  t.equal((await open(dir, { passphrase: PASSPHRASE })).trustPem, trustPem, 'a lost certificate is found again')
})

t.test('keys under another passphrase are told before anything is replaced, and so is a directory without keys', async t => {
  const dir = t.testdir()
  await open(dir, { passphrase: 'another passphrase' })
  await prepareSuccessor(at(dir, 'another passphrase'))
  openssl(join(dir, 'ca'), 'pkey', '-in', 'ca.key', '-passin', 'pass:another passphrase', '-out', 'ca-00000000.key')
  const plain = read(dir, 'ca/ca-00000000.key')
  await t.rejects(encryptKeys(join(dir, 'ca'), PASSPHRASE), { code: 'ca.passphrase' })
  t.equal(read(dir, 'ca/ca-00000000.key'), plain)
  await t.rejects(encryptKeys(join(dir, 'none'), PASSPHRASE), { code: 'ca.missing' })
})
