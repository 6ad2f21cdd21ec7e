import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { connect, createServer } from 'node:tls'
import type { ConnectionOptions, SecureContext, SecureVersion } from 'node:tls'
import t from 'tap'
import { ContextCache, serverTls } from '../../certs/context-cache.ts'
import { DAY, open, renew } from './fixture.ts'

interface Seen {
  readonly protocol: string | null
  readonly cipher: string
  readonly spki: string
  readonly issuer: string
}

/** One handshake with a server that has this context. Rejects with the client's error. */
async function handshake(
  context: SecureContext, options: ConnectionOptions, minVersion?: SecureVersion,
): Promise<Seen> {
  const server = createServer({ ...serverTls(minVersion), SNICallback: (_name, done) => done(null, context) })
  server.on('secureConnection', socket => socket.end())
  server.on('tlsClientError', () => {}) // the client tells why
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: true, ...options })
  try {
    await once(socket, 'secureConnect')
    const certificate = socket.getPeerX509Certificate()
    return {
      protocol: socket.getProtocol(),
      cipher: socket.getCipher().name,
      spki: certificate?.publicKey.export({ type: 'spki', format: 'der' }).toString('hex') ?? '',
      issuer: certificate?.issuer ?? '',
    }
  } finally {
    socket.destroy()
    server.close()
  }
}

t.test('a client that trusts the authority connects, over TLS 1.3 and 1.2', async t => {
  const authority = await open(t.testdir())
  const cache = new ContextCache({ authority })
  const context = await cache.get('content.dropboxapi.com')
  const base = { ca: authority.trustPem, servername: 'content.dropboxapi.com' }
  t.match(await handshake(context, base), { protocol: 'TLSv1.3' })
  const older = await handshake(context, { ...base, maxVersion: 'TLSv1.2' })
  t.match(older, { protocol: 'TLSv1.2', cipher: /^ECDHE-ECDSA-.*(GCM|POLY1305)/ })
  const other = handshake(context, { ...base, servername: 'api.dropboxapi.com' })
  await t.rejects(other, { code: 'ERR_TLS_CERT_ALTNAME_INVALID' })
})

t.test('old protocols and ciphers are refused', async t => {
  const authority = await open(t.testdir())
  const context = await new ContextCache({ authority }).get('dropbox.com')
  const base = { ca: authority.trustPem, servername: 'dropbox.com' }
  const weak = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const
  await t.rejects(handshake(context, { ...base, ...weak }), { code: /VERSION/ })
  for (const ciphers of ['ECDHE-ECDSA-AES128-SHA', 'ECDHE-ECDSA-AES256-SHA384', 'AES128-GCM-SHA256']) {
    await t.rejects(handshake(context, { ...base, maxVersion: 'TLSv1.2', ciphers }), { code: /HANDSHAKE_FAILURE/ }, ciphers)
  }
  await t.rejects(handshake(context, { ...base, maxVersion: 'TLSv1.2' }, 'TLSv1.3'), { code: /VERSION/ })
})

t.test('the cipher is AES-128, whatever AES a client prefers, and ChaCha20 where it comes first', async t => {
  const authority = await open(t.testdir())
  const context = await new ContextCache({ authority }).get('dropbox.com')
  const base = { ca: authority.trustPem, servername: 'dropbox.com' }
  const [aes128, aes256, chacha] = ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256']
  const [old128, old256, oldChacha] = ['ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-ECDSA-AES256-GCM-SHA384', 'ECDHE-ECDSA-CHACHA20-POLY1305']
  for (const [offered, cipher] of [
    [[aes256, chacha, aes128], aes128], [[chacha, aes256, aes128], chacha], [[aes256, chacha], aes256],
    [[old256, oldChacha, old128], old128], [[oldChacha, old256, old128], oldChacha], [[old256, oldChacha], old256],
  ] as const) {
    const maxVersion = cipher.startsWith('TLS_') ? 'TLSv1.3' : 'TLSv1.2'
    t.match(await handshake(context, { ...base, maxVersion, ciphers: offered.join(':') }), { cipher }, offered.join(':'))
  }
})

t.test('one leaf key for all hosts of a process, another for the next process', async t => {
  const authority = await open(t.testdir())
  const [one, two] = [new ContextCache({ authority }), new ContextCache({ authority })]
  const key = async (cache: ContextCache, host: string): Promise<string> =>
    (await handshake(await cache.get(host), { ca: authority.trustPem, servername: host })).spki
  t.equal(await key(one, 'dropbox.com'), await key(one, 'sharepoint.com'))
  t.not(await key(one, 'dropbox.com'), await key(two, 'dropbox.com'))
})

t.test('a host is signed for once, however many ask at once', async t => {
  let issued = 0
  const cache = new ContextCache({ authority: await open(t.testdir()), onIssue: () => issued++ })
  const contexts = await Promise.all(Array.from({ length: 50 }, () => cache.get('dropbox.com')))
  t.equal(new Set(contexts).size, 1)
  t.equal(issued, 1)
  t.same(cache.stats, { size: 1, hits: 49, misses: 1 })
})

t.test('of hosts whose contexts had to go the leaf is kept, so that it is signed for once', async t => {
  let issued = 0
  const authority = await open(t.testdir())
  const cache = new ContextCache({ authority, maxContexts: 2, onIssue: () => issued++ })
  const first = await cache.get('a.dropbox.com')
  const base = { ca: authority.trustPem, servername: 'a.dropbox.com' }
  const shown = await handshake(first, base)
  for (const name of ['b', 'c', 'd']) await cache.get(`${name}.dropbox.com`)
  const again = await cache.get('a.dropbox.com')
  t.not(again, first)
  t.match(await handshake(again, base), { spki: shown.spki, issuer: shown.issuer })
  t.equal(issued, 4)
  t.same(cache.stats, { size: 4, hits: 1, misses: 4 })
})

t.test('the number of leaves is bounded, and the least recently used goes', async t => {
  let issued = 0
  const cache = new ContextCache({ authority: await open(t.testdir()), max: 2, onIssue: () => issued++ })
  for (const name of ['a', 'b', 'a', 'c', 'a']) await cache.get(`${name}.dropbox.com`)
  t.equal(cache.stats.size, 2)
  t.equal(issued, 3)
  await cache.get('b.dropbox.com')
  t.equal(issued, 4)
})

t.test('a leaf is made anew before it expires', async t => {
  let at = Date.now()
  let issued = 0
  const cache = new ContextCache({ authority: await open(t.testdir()), now: () => new Date(at), onIssue: () => issued++ })
  await cache.get('dropbox.com')
  at += 43.5 * DAY
  await cache.get('dropbox.com')
  t.equal(issued, 1, 'half a day is left')
  at += 0.4 * DAY
  await cache.get('dropbox.com')
  t.equal(issued, 2, 'two hours were left')
})

t.test('in the last hours of the authority, leaves are not signed over and over, and none after its end', async t => {
  const authority = await open(t.testdir())
  let at = authority.notAfter.getTime() - 3_600_000
  let issued = 0
  const cache = new ContextCache({ authority, now: () => new Date(at), onIssue: () => issued++ })
  for (let i = 0; i < 5; i++) await cache.get('dropbox.com')
  t.equal(issued, 1)
  at = authority.notAfter.getTime()
  await t.rejects(cache.get('dropbox.com'), { code: 'ca.expired' })
})

t.test('what may not be signed is rejected and not kept', async t => {
  const cache = new ContextCache({ authority: await open(t.testdir()) })
  for (const host of ['127.0.0.1', 'example.com']) await t.rejects(cache.get(host), { code: 'ca.name-refused' })
  t.equal(cache.stats.size, 0)
})

t.test('after a renewal, contexts come from the successor', async t => {
  const dir = t.testdir()
  const old = await open(dir)
  const cache = new ContextCache({ authority: old })
  await cache.get('dropbox.com')
  const successor = await renew(dir, ['box.com'])
  cache.replaceAuthority(successor)
  const trusts = { ca: successor.trustPem, servername: 'dropbox.com' }
  t.equal((await handshake(await cache.get('dropbox.com'), trusts)).protocol, 'TLSv1.3')
  t.ok(await cache.get('box.com'))
})
