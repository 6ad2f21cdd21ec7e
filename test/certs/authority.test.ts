import { X509Certificate } from 'node:crypto'
import { chmodSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { CertificateError } from '../../certs/errors.ts'
import { DAY, DOMAINS, makeHierarchy, open, openssl, privateKey, read } from './fixture.ts'

t.test('a new authority is a constrained P-256 CA, and its files are private', async t => {
  const dir = t.testdir()
  const authority = await open(dir)
  t.equal(statSync(join(dir, 'ca')).mode & 0o777, 0o700)
  t.equal(statSync(join(dir, 'ca/ca.key')).mode & 0o777, 0o600)
  t.same(readdirSync(join(dir, 'ca')).sort(), ['ca.crt', 'ca.key'], 'and no temporary file is left')
  t.match(read(dir, 'ca/ca.key'), /^-----BEGIN PRIVATE KEY-----/)

  const text = openssl(join(dir, 'ca'), 'x509', '-in', 'ca.crt', '-noout', '-text')
  t.match(text, /X509v3 Basic Constraints: critical\s+CA:TRUE, pathlen:0\n/)
  t.match(text, /X509v3 Key Usage: critical\s+Certificate Sign, CRL Sign\n/)
  t.match(text, /X509v3 Extended Key Usage: \s+TLS Web Server Authentication\n/)
  t.match(text, /X509v3 Subject Key Identifier/)
  t.match(text, /X509v3 Authority Key Identifier/)
  t.match(text, /X509v3 Name Constraints: critical/)
  t.match(text, /Permitted:\s+DNS:dropbox\.com\s+DNS:dropboxapi\.com\s+DNS:sharepoint\.com\s+email:invalid\s+Excluded:/)
  t.match(text, /IP:0\.0\.0\.0\/0\.0\.0\.0\s+IP:0:0:0:0:0:0:0:0\/0:0:0:0:0:0:0:0/)
  t.match(text, /Subject: CN = Sluice CA [0-9a-f]{8}\n/)
  t.match(text, /ASN1 OID: prime256v1/)
  t.match(text, /Signature Algorithm: ecdsa-with-SHA256/)

  const certificate = new X509Certificate(authority.certificatePem)
  t.ok(certificate.verify(certificate.publicKey))
  t.equal(authority.fingerprint256, certificate.fingerprint256)
  t.equal(authority.trustPem, authority.certificatePem)
  t.equal(authority.chainPem, '', 'a root is not sent behind a leaf')
  t.ok(authority.notBefore.getTime() < Date.now() - DAY + 60_000, 'backdated by a day')
  t.same(authority.permitted, DOMAINS)
  t.same(authority.previous, [])
})

t.test('the next start loads the same authority', async t => {
  const dir = t.testdir()
  const first = await open(dir)
  t.equal((await open(dir, { domains: ['other.example'] })).certificatePem, first.certificatePem)
})

t.test('two installations have different names, keys and serials', async t => {
  const dir = t.testdir({ a: {}, b: {} })
  const a = new X509Certificate((await open(join(dir, 'a'))).certificatePem)
  const b = new X509Certificate((await open(join(dir, 'b'))).certificatePem)
  t.not(a.subject, b.subject)
  t.not(a.serialNumber, b.serialNumber)
})

t.test('the constraint is read from the certificate, and what it lacks is told', async t => {
  const dir = t.testdir()
  await open(dir)
  const authority = await open(dir, { domains: ['box.com'] })
  t.same(authority.missing(['content.dropbox.com', 'dropbox.com', 'box.com', 'com.example']), ['box.com', 'com.example'])
  t.ok(authority.covers('content.dropboxapi.com'))
  for (const host of ['box.com', 'evildropbox.com', '127.0.0.1', '*.dropbox.com']) t.notOk(authority.covers(host), host)
})

t.test('without a constraint every host name is covered, but no address', async t => {
  const authority = await open(t.testdir(), { constrain: 'none', domains: [] })
  t.equal(authority.permitted, null)
  t.ok(authority.covers('anything.example'))
  t.notOk(authority.covers('10.0.0.1'))
  t.same(authority.missing(['anything.example']), [])
})

t.test('an empty constraint, which would permit everything, is refused and nothing is written', async t => {
  const dir = t.testdir()
  await t.rejects(open(dir, { domains: [] }), { code: 'ca.no-domains' })
  await t.rejects(open(dir, { domains: ['*.box.com'] }), { code: 'ca.name-refused', message: /\*\.box\.com/ })
  t.same(readdirSync(join(dir, 'ca')), [])
})

t.test('a key without its certificate is completed by the next start', async t => {
  const dir = t.testdir()
  const before = await open(dir)
  rmSync(join(dir, 'ca/ca.crt'))
  const after = await open(dir)
  t.ok(new X509Certificate(after.certificatePem).checkPrivateKey(privateKey(dir, 'ca/ca.key')))
  t.same(after.keyId, before.keyId, 'the key is the old one')
})

t.test('a certificate without its key is an error, not a new authority', async t => {
  const dir = t.testdir()
  await open(dir)
  rmSync(join(dir, 'ca/ca.key'))
  await t.rejects(open(dir), { code: 'ca.unreadable', message: /ca\.key is missing/, remedy: /Restore/ })
})

t.test('a key open to group or others is refused, with the command that closes it', async t => {
  const dir = t.testdir()
  await open(dir)
  const key = join(dir, 'ca/ca.key')
  for (const mode of [0o640, 0o604, 0o620]) {
    chmodSync(key, mode)
    await t.rejects(open(dir), { code: 'ca.permissions', remedy: `Run: chmod 600 ${key}` }, mode.toString(8))
  }
  chmodSync(key, 0o400)
  t.ok(await open(dir))
})

t.test('a directory that others can write to is refused', async t => {
  const dir = t.testdir({ ca: {} })
  chmodSync(join(dir, 'ca'), 0o777)
  await t.rejects(open(dir), { code: 'ca.permissions', remedy: /chmod 700/ })
})

t.test('a pair that does not belong together is refused', async t => {
  const dir = t.testdir({ a: {}, b: {} })
  await open(join(dir, 'a'))
  await open(join(dir, 'b'))
  writeFileSync(join(dir, 'a/ca/ca.crt'), read(dir, 'b/ca/ca.crt'))
  await t.rejects(open(join(dir, 'a')), { code: 'ca.mismatch', message: /a\/ca\/ca\.crt/ })
})

t.test('an authority that has run out, or that is not valid yet, is refused', async t => {
  const dir = t.testdir()
  const { notAfter, notBefore } = await open(dir)
  const expired = { code: 'ca.expired', message: /expired on \d{4}-/, remedy: /ca renew`.*--switch/ }
  await t.rejects(open(dir, { now: () => notAfter }), expired)
  const before = new Date(notBefore.getTime() - 1000)
  await t.rejects(open(dir, { now: () => before }), { code: 'ca.not-yet-valid', remedy: /clock/ })
})

t.test('dates from 2050 on are written in their own form', async t => {
  const now = new Date('2045-06-01T00:00:00Z')
  const authority = await open(t.testdir(), { now: () => now })
  t.equal(authority.notAfter.toISOString(), '2055-06-02T00:00:00.000Z')
  t.equal(new X509Certificate(authority.certificatePem).validTo, 'Jun  2 00:00:00 2055 GMT')
})

t.test('a certificate that may not sign is refused', async t => {
  const request = (dir: string, ...args: string[]): string => openssl(join(dir, 'ca'), 'req', '-x509', '-newkey', 'ec',
    '-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc', '-keyout', 'ca.key', '-out', 'ca.crt', '-subj', '/CN=x', ...args)
  for (const extension of ['basicConstraints=critical,CA:FALSE', 'keyUsage=critical,cRLSign']) {
    const dir = t.testdir({ ca: {} })
    request(dir, '-addext', extension)
    await t.rejects(open(dir), { code: 'ca.not-a-ca', remedy: /keyCertSign/ }, extension)
  }
})

t.test('weak and unreadable keys are refused, and no error shows the key', async t => {
  const dir = t.testdir({ ca: {} })
  makeHierarchy(join(dir, 'ca'), 'rsa')
  openssl(join(dir, 'ca'), 'genpkey', '-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:1024', '-out', 'ca.key')
  chmodSync(join(dir, 'ca/ca.key'), 0o600)
  await t.rejects(open(dir), { code: 'ca.key-refused', message: /rsa 1024/ })

  writeFileSync(join(dir, 'ca/ca.key'), '-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n')
  const error = await open(dir).catch((caught: unknown) => caught)
  t.ok(error instanceof CertificateError)
  t.match(error, { code: 'ca.unreadable', message: /ca\.key/ })
  t.notMatch(JSON.stringify(error) + String(error), /c2VjcmV0|secret/)
})

t.test('what is not a file, or not a directory, is one clear error', async t => {
  const dir = t.testdir({ ca: { }, file: '' })
  mkdirSync(join(dir, 'ca/ca.crt'))
  await t.rejects(open(dir), { code: 'ca.unreadable', message: /EISDIR/ })
  await t.rejects(open(join(dir, 'file')), { code: 'ca.unwritable', message: /file/ })
})
