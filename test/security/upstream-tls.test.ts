/** Origins with certificates, keys or ciphers that a client must not accept: each is refused before a request is written. */
import { execFileSync } from 'node:child_process'
import { X509Certificate, generateKeyPairSync } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import tls from 'node:tls'
import t from 'tap'
import type { Authority } from '../../certs/authority.ts'
import { emptyName } from '../../certs/certificate.ts'
import * as der from '../../certs/der.ts'
import * as extensions from '../../certs/extensions.ts'
import { permittedDomains } from '../../policy/providers/index.ts'
import { readTrust, secure } from '../../proxy/origin-tls.ts'
import type { Trust } from '../../proxy/origin-tls.ts'
import { DAY, open, openssl } from '../certs/fixture.ts'
import { startTlsServer } from '../e2e/tls-server.ts'
import { ALLOW_ALL, CONTENT, openHttp, upload } from '../e2e/wire.ts'
import { startWorld } from '../e2e/world.ts'
import { issue } from './chains.ts'

const HOST = 'www.dropbox.com'
const dir = t.testdir({ ca: {}, rsa: {} })
const authority = await open(dir)

interface Pair {
  readonly cert: string
  readonly key: string
}

interface LeafOptions {
  readonly host?: string
  readonly keys?: { readonly privateKey: KeyObject; readonly publicKey: KeyObject }
  /** Days from now. */
  readonly from?: number
  readonly until?: number
  /** Extended key usage, by OID; none where null. */
  readonly use?: string | null
}

/** Made by `openssl dhparam 1024`, which takes long; public as such parameters are. */
const DH_1024 = `-----BEGIN DH PARAMETERS-----
MIGHAoGBAJwKWz65V6ZCVE4rFBP5Yrk7vxgJfaRg9VQ8CDQ+57YIbJPQOXGlS2T5
q+DCmgrjR5swdz9PcPo2HpLJt4vi7sWI0EZr1a7rCXTJUPzFxpv7RiSySpyxLgz5
nF7U3TXTEu23bszd+fOhdSjGrH+X7urLpGEYEdgOTZ7/BwVr7CDfAgEC
-----END DH PARAMETERS-----
`
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1'
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2'
const ec = (): { privateKey: KeyObject; publicKey: KeyObject } => generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
const rsa = (modulusLength: number): { privateKey: KeyObject; publicKey: KeyObject } => generateKeyPairSync('rsa', { modulusLength })
const extendedKeyUsage = (oid: string): Buffer => der.sequence(der.oid('2.5.29.37'), der.octets(der.sequence(der.oid(oid))))

/** What `by` would sign if it were asked to: `issueLeaf` refuses most of these. */
function leaf(by: Authority, { host = HOST, keys = ec(), from = -1, until = 7, use = SERVER_AUTH }: LeafOptions = {}): Pair {
  const cert = by.sign({
    subject: emptyName(),
    notBefore: new Date(Date.now() + from * DAY),
    notAfter: new Date(Date.now() + until * DAY),
    publicKey: keys.publicKey.export({ type: 'spki', format: 'der' }),
    extensions: [extensions.subjectAltName({ dns: host }), ...use === null ? [] : [extendedKeyUsage(use)]],
  })
  return { cert, key: keys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() }
}

/** A root and a leaf of RSA-2048 by OpenSSL, the leaf signed over `digest`. */
function signedOver(digest: string): Pair & { readonly root: string } {
  const at = join(dir, 'rsa')
  openssl(at, 'req', '-x509', '-newkey', 'rsa:2048', '-noenc', '-keyout', 'root.key', '-out', 'root.pem', '-subj', '/CN=Root', '-days', '30')
  openssl(at, 'req', '-new', '-newkey', 'rsa:2048', '-noenc', '-keyout', 'leaf.key', '-out', 'leaf.csr', '-subj', '/CN=Leaf')
  writeFileSync(join(at, 'leaf.ext'), `subjectAltName=DNS:${HOST}\nextendedKeyUsage=serverAuth\n`)
  execFileSync('openssl', ['x509', '-req', '-in', 'leaf.csr', '-CA', 'root.pem', '-CAkey', 'root.key', '-CAcreateserial',
    `-${digest}`, '-days', '7', '-extfile', 'leaf.ext', '-out', 'leaf.pem'], { cwd: at, stdio: 'ignore' })
  const read = (name: string): string => readFileSync(join(at, name), 'utf8')
  return { cert: read('leaf.pem'), key: read('leaf.key'), root: join(at, 'root.pem') }
}

const believing = (...caFiles: readonly string[]): Trust => readTrust({ caFiles, crlFiles: [], pins: new Map() })

/** What a TLS client that accepts nearly anything makes of the same origin: shows that it is there, and works. */
const careless = (ca: string): tls.SecureContext =>
  tls.createSecureContext({ ca: readFileSync(ca, 'utf8'), minVersion: 'TLSv1', ciphers: 'ALL:COMPLEMENTOFALL:@SECLEVEL=0' })

/** Opens TLS as Sluice does towards an origin: `ok`, or the code of the refusal with what OpenSSL said. */
async function dial(origin: tls.TlsOptions, to: tls.SecureContext | Trust): Promise<string> {
  const server = tls.createServer({ ...origin }, socket => {
    socket.on('error', () => undefined)
    socket.end()
  })
  server.on('tlsClientError', () => undefined) // the client tells why
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const socket = net.connect((server.address() as AddressInfo).port, '127.0.0.1')
  socket.on('error', () => undefined) // a reset that comes after the alert
  try {
    await once(socket, 'connect')
    const secured = await secure(socket, HOST, 'own' in to ? to : { context: to, pins: new Map(), own: new Set() })
    secured.on('error', () => undefined)
    return 'ok'
  } catch (error) {
    return error instanceof Error && 'code' in error && 'detail' in error ? `${String(error.code)} ${String(error.detail)}` : String(error)
  } finally {
    socket.destroy()
    server.close()
  }
}

const trusted = join(dir, 'ca/ca.crt')
const strict = believing(trusted)
const weak = { minVersion: 'TLSv1', ciphers: 'ALL:COMPLEMENTOFALL:@SECLEVEL=0' } as const

t.test('a sound origin is accepted, one without an extended key usage too', async t => {
  t.equal(await dial(leaf(authority), strict), 'ok')
  t.equal(await dial(leaf(authority, { keys: rsa(2048) }), strict), 'ok')
  t.equal(await dial(leaf(authority, { use: null }), strict), 'ok', 'RFC 5280 §4.2.1.12: no extension is no limit')
})

t.test('a certificate of a public root that is valid for longer than such may be', async t => {
  const asPublic = { ...strict, own: new Set<string>() }
  const long = leaf(authority, { from: -1, until: 398 })
  t.equal(await dial(long, asPublic), 'upstream.certificate valid for longer than a certificate of a public authority may be')
  t.equal(await dial(leaf(authority, { from: -1, until: 396.9 }), asPublic), 'ok', 'as long as browsers take')
  t.equal(await dial(long, strict), 'ok', 'of a root that upstream.ca names')
  t.equal(await dial(leaf(authority, { from: -1, until: 3_000 }), strict), 'ok', 'however long')
  const [bundled = ''] = tls.getCACertificates('bundled')
  const { fingerprint256 } = new X509Certificate(bundled)
  t.notOk(strict.own.has(fingerprint256), 'what comes with Node is nobody\'s own')
  writeFileSync(join(dir, 'bundled.pem'), bundled)
  t.ok(believing(join(dir, 'bundled.pem')).own.has(fingerprint256), 'unless upstream.ca names it')
})

t.test('a namesake of an own root makes no long certificate good', async t => {
  const root = issue({ name: 'A public root', ca: true })
  const sent = issue({ name: HOST, names: [HOST], by: root, to: 3_000 })
  // Bears the name of the root and of what it signed, and has another key.
  const namesake = issue({ name: 'A public root', ca: true, bits: 2049 })
  const own = new Set([new X509Certificate(namesake.cert).fingerprint256])
  writeFileSync(join(dir, 'public.pem'), root.cert)
  const { context, pins } = believing(join(dir, 'public.pem'))
  const origin = { cert: sent.cert + namesake.cert, key: sent.key }
  t.match(await dial(origin, { context, pins, own }), /^upstream\.certificate valid for longer/)
})

t.test('a certificate that is not valid yet, or not any more', async t => {
  t.match(await dial(leaf(authority, { from: 0.5 }), strict), /^upstream\.certificate CERT_NOT_YET_VALID/)
  t.match(await dial(leaf(authority, { from: -3, until: -1 }), strict), /^upstream\.certificate CERT_HAS_EXPIRED/)
})

t.test('a certificate for clients only', async t => {
  t.match(await dial(leaf(authority, { use: CLIENT_AUTH }), strict), /^upstream\.certificate INVALID_PURPOSE/)
})

t.test('a certificate outside the name constraints of its issuer', async t => {
  t.match(await dial(leaf(authority, { host: 'bank.example' }), strict), /^upstream\.certificate .*permitted subtree/i)
})

t.test('a key of RSA-1024', async t => {
  const origin = { ...weak, ...leaf(authority, { keys: rsa(1024) }) }
  t.equal(await dial(origin, careless(trusted)), 'ok', 'where nobody minds')
  t.match(await dial(origin, strict), /^upstream\.certificate .*key too (small|weak)/)
})

t.test('a certificate signed over SHA-1 or MD5', async t => {
  for (const digest of ['sha256', 'sha1', 'md5']) {
    const { root, ...pair } = signedOver(digest)
    t.equal(await dial({ ...weak, ...pair }, careless(root)), 'ok', `${digest} where nobody minds`)
    const found = await dial({ ...weak, ...pair }, believing(root))
    if (digest === 'sha256') t.equal(found, 'ok')
    else t.match(found, /^upstream\.certificate .*digest algorithm too weak/, digest)
  }
})

t.test('key exchanges and ciphers that are none any more', async t => {
  const keys = rsa(2048)
  const pair = leaf(authority, { keys })
  const cases: Readonly<Record<string, tls.TlsOptions>> = {
    'static RSA': { ciphers: 'AES128-GCM-SHA256:@SECLEVEL=0' },
    'static RSA with CBC': { ciphers: 'AES128-SHA:@SECLEVEL=0' },
    'ECDHE with CBC': { ciphers: 'ECDHE-RSA-AES128-SHA:@SECLEVEL=0' },
    'DHE of 1024 bits': { ciphers: 'DHE-RSA-AES128-GCM-SHA256:@SECLEVEL=0', dhparam: DH_1024 },
    'no encryption': { ciphers: 'NULL-SHA256:@SECLEVEL=0' },
  }
  for (const [name, options] of Object.entries(cases)) {
    const origin = { ...pair, maxVersion: 'TLSv1.2', ...options } as const
    t.equal(await dial(origin, careless(trusted)), 'ok', `${name} where nobody minds`)
    t.match(await dial(origin, strict), /^upstream\.certificate .*HANDSHAKE_FAILURE/, name)
  }
})

t.test('RC4, 3DES and export ciphers are not even built in', async t => {
  t.strictSame(tls.getCiphers().filter(name => /rc4|3des|des-cbc|exp/.test(name)), [])
})

t.test('TLS 1.0 and 1.1', async t => {
  for (const version of ['TLSv1', 'TLSv1.1'] as const) {
    const origin = { ...leaf(authority, { keys: rsa(2048) }), minVersion: version, maxVersion: version, ciphers: 'ALL:@SECLEVEL=0' }
    t.equal(await dial(origin, careless(trusted)), 'ok', `${version} where nobody minds`)
    t.match(await dial(origin, strict), /^upstream\.certificate .*PROTOCOL/, version)
  }
})

t.test('what the own authority has signed is not believed of an origin', async t => {
  const at = t.testdir()
  const own = await open(at, { domains: permittedDomains() })
  const origin = await startTlsServer(leaf(own, { host: CONTENT }), socket => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'))
  const world = await startWorld({ config: { certs: { dir: join(at, 'ca') }, upstream: { hosts: { [`${CONTENT}:443`]: origin.address } } } })
  t.teardown(async () => {
    await world.close()
    await origin.close()
  })
  t.equal(readFileSync(world.caFile, 'utf8'), own.trustPem, 'it is this one that clients trust')
  await world.setPolicy(ALLOW_ALL)
  const wire = await openHttp(world, CONTENT)
  wire.write(upload('secret'))
  t.equal((await wire.response()).status, 502)
  wire.close()
  t.equal(origin.received().length, 0)
})
