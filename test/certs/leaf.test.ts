import { X509Certificate } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { issueLeaf } from '../../certs/leaf.ts'
import { DAY, leafKey, open, openssl, verify } from './fixture.ts'

const HOST = 'content.dropboxapi.com'

t.test('a leaf is what browsers ask for', async t => {
  const dir = t.testdir()
  const authority = await open(dir)
  const { spki, key } = leafKey()
  const now = new Date()
  const { certificatePem, notAfter } = issueLeaf(authority, HOST, spki, now)
  writeFileSync(join(dir, 'leaf.pem'), certificatePem)
  const text = openssl(dir, 'x509', '-in', 'leaf.pem', '-noout', '-text')
  t.match(text, /X509v3 Subject Alternative Name: critical\s+DNS:content\.dropboxapi\.com\n/)
  t.match(text, /X509v3 Key Usage: critical\s+Digital Signature\n/)
  t.match(text, /X509v3 Extended Key Usage: \s+TLS Web Server Authentication\n/)
  t.match(text, /Subject: *\n/, 'the name stands in the alternative name alone')
  t.match(text, /Signature Algorithm: ecdsa-with-SHA256/)

  const leaf = new X509Certificate(certificatePem)
  t.notOk(leaf.ca)
  t.ok(leaf.checkPrivateKey(key))
  t.equal(leaf.validToDate.getTime(), Math.floor(notAfter.getTime() / 1000) * 1000)
  t.equal(leaf.validToDate.getTime() - leaf.validFromDate.getTime(), 45 * DAY)
  t.equal(leaf.validFromDate.getTime(), Math.floor((now.getTime() - DAY) / 1000) * 1000)
})

t.test('openssl accepts it, for its own name only', async t => {
  const dir = t.testdir()
  const authority = await open(dir)
  const { certificatePem } = issueLeaf(authority, HOST, leafKey().spki, new Date())
  t.match(await verify(dir, certificatePem, authority.trustPem, '-verify_hostname', HOST), /: OK/)
  t.match(await verify(dir, certificatePem, authority.trustPem, '-verify_hostname', 'api.dropboxapi.com'), /hostname mismatch/)
})

t.test('serials are positive, of 128 random bits, and never the same', async t => {
  const authority = await open(t.testdir())
  const { spki } = leafKey()
  const serials = Array.from({ length: 500 }, () =>
    new X509Certificate(issueLeaf(authority, HOST, spki, new Date()).certificatePem).serialNumber)
  t.equal(new Set(serials).size, serials.length)
  t.ok(serials.every(serial => /^[0-9A-F]{1,32}$/.test(serial)), 'no sign, 16 bytes at most')
  t.ok(serials.filter(serial => serial.length === 32).length > 450)
  t.ok(serials.some(serial => /^[89A-F]/.test(serial) && serial.length === 32), 'the top bit is used too')
})

t.test('a leaf stays within the time of the authority', async t => {
  const authority = await open(t.testdir())
  const { spki } = leafKey()
  const late = new Date(authority.notAfter.getTime() - 3 * DAY)
  t.same(issueLeaf(authority, HOST, spki, late).notAfter, authority.notAfter)
  const early = new Date(authority.notBefore.getTime() + 1000)
  const leaf = new X509Certificate(issueLeaf(authority, HOST, spki, early).certificatePem)
  t.same(leaf.validFromDate, authority.notBefore)
  t.throws(() => issueLeaf(authority, HOST, spki, authority.notAfter), { code: 'ca.expired' })
})

t.test('no leaf for what is not a host name, or lies outside the constraint', async t => {
  const authority = await open(t.testdir())
  const { spki } = leafKey()
  const refused = [
    'example.com', 'evildropbox.com', 'dropbox.com.evil.example', '127.0.0.1', '::1', '[::1]', '2130706433', '*.dropbox.com',
    'Dropbox.com', 'dropbox.com.', 'a_b.dropbox.com', 'dropbox', '', 'a\n.dropbox.com', `${'a'.repeat(64)}.dropbox.com`,
    `${'a.'.repeat(130)}dropbox.com`,
  ]
  for (const host of refused) {
    t.throws(() => issueLeaf(authority, host, spki, new Date()), { code: 'ca.name-refused' }, JSON.stringify(host.slice(0, 40)))
  }
})

t.test('even an unconstrained authority signs for no address', async t => {
  const authority = await open(t.testdir(), { constrain: 'none', domains: [] })
  const { spki } = leafKey()
  t.ok(issueLeaf(authority, 'anything.example', spki, new Date()))
  for (const host of ['10.0.0.1', '127.1', '0x7f.0x1', '::1', '*.example.com']) {
    t.throws(() => issueLeaf(authority, host, spki, new Date()), { code: 'ca.name-refused' }, host)
  }
})

t.test('the longest host name that there can be gets a leaf', async t => {
  const dir = t.testdir()
  const authority = await open(dir)
  const host = `${`${'a'.repeat(60)}.`.repeat(3)}${'b'.repeat(58)}.dropbox.com`
  t.equal(host.length, 253)
  const { certificatePem } = issueLeaf(authority, host, leafKey().spki, new Date())
  t.match(await verify(dir, certificatePem, authority.trustPem, '-verify_hostname', host), /: OK/)
})
