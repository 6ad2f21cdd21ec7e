/** Authorities with a private key that anybody can read in a repository or a standard. */
import { createPrivateKey } from 'node:crypto'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { importAuthority } from '../../certs/import.ts'
import { makeHierarchy, open, openssl, read } from './fixture.ts'

/** RFC 7515 §A.3: as published as a key can be. */
const PUBLISHED = createPrivateKey({
  format: 'jwk',
  key: {
    kty: 'EC', crv: 'P-256', d: 'jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI',
    x: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU', y: 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0',
  },
}).export({ type: 'pkcs8', format: 'pem' }).toString()
const REFUSED = { code: 'ca.key-public', message: /published \(RFC 7515/, remedy: /Move the files away/ }

/** A root with the published key, in `root.crt`. */
function makeRoot(dir: string): void {
  writeFileSync(join(dir, 'root.key'), PUBLISHED)
  openssl(dir, 'req', '-x509', '-new', '-key', 'root.key', '-out', 'root.crt', '-subj', '/O=Example/CN=Example Root', '-days', '30',
    '-addext', 'basicConstraints=critical,CA:TRUE', '-addext', 'keyUsage=critical,keyCertSign,cRLSign')
}

t.test('a key that is published makes no authority, and nothing is written', async t => {
  const dir = t.testdir()
  mkdirSync(join(dir, 'ca'), { mode: 0o700 })
  writeFileSync(join(dir, 'ca/ca.key'), PUBLISHED, { mode: 0o600 })
  await t.rejects(open(dir), REFUSED)
  t.same(readdirSync(join(dir, 'ca')), ['ca.key'])
  makeRoot(dir)
  writeFileSync(join(dir, 'ca/ca.crt'), read(dir, 'root.crt'))
  await t.rejects(open(dir), REFUSED, 'nor with its certificate')
})

t.test('nor does one that it is imported with, or was issued by', async t => {
  const dir = t.testdir()
  makeRoot(dir)
  const bring = (name: string, certificate: string): Promise<unknown> =>
    importAuthority({ dir: join(dir, 'ca'), pem: { certificate, key: read(dir, `${name}.key`) } })
  await t.rejects(bring('root', read(dir, 'root.crt')), REFUSED)
  makeHierarchy(dir, 'ec')
  makeRoot(dir)
  openssl(dir, 'x509', '-req', '-in', 'issuing.csr', '-CA', 'root.crt', '-CAkey', 'root.key', '-CAcreateserial', '-out', 'issuing.crt', '-days', '20',
    '-extfile', 'issuing.ext')
  await t.rejects(bring('issuing', read(dir, 'issuing.crt') + read(dir, 'root.crt')), REFUSED)
  t.notOk(readdirSync(dir).includes('ca'), 'nothing is written')
  await bring('issuing', read(dir, 'issuing.crt'))
  t.ok(readdirSync(join(dir, 'ca')).includes('ca.crt'), 'what is not shown is not known')
})
