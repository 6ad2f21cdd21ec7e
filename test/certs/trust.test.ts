import { X509Certificate } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { fingerprint, toDer, trustSteps } from '../../certs/trust.ts'
import { open, openssl } from './fixture.ts'

t.test('DER and fingerprint are those that openssl tells', async t => {
  const dir = t.testdir()
  const { trustPem, fingerprint256 } = await open(dir)
  writeFileSync(join(dir, 'ca.der'), toDer(trustPem))
  t.match(openssl(dir, 'x509', '-inform', 'der', '-in', 'ca.der', '-noout', '-fingerprint', '-sha256'), fingerprint(trustPem))
  t.equal(fingerprint(trustPem), fingerprint256)
  t.equal(new X509Certificate(toDer(trustPem)).toString(), trustPem)
  t.throws(() => toDer('nothing'))
})

t.test('every system is told how, from this proxy, and to compare the fingerprint first', async t => {
  const all = trustSteps('http://proxy.example:3128')
  t.same(all.map(({ system }) => system),
    ['Windows', 'macOS', 'Debian/Ubuntu', 'Fedora/RHEL', 'Firefox', 'Java', 'Node.js', 'Python/curl/rclone'])
  for (const { system, steps } of all.slice(0, -1)) {
    const text = steps.map((step) => step.text).join('\n')
    t.match(text, /http:\/\/proxy\.example:3128\/sluice-ca\.(crt|der)/, system)
    t.match(text, /[Cc]ompare the (fingerprint|hash)/, system)
  }
})
