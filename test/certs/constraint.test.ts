import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { connect, createServer } from 'node:tls'
import t from 'tap'
import { issueLeaf } from '../../certs/leaf.ts'
import type { AltName } from '../../certs/extensions.ts'
import { forgeLeaf, leafKey, open, verify } from './fixture.ts'

/** What a Node client makes of a server with this certificate: `ok`, or the error's code and words. */
async function dial(certificate: string, key: string, ca: string, servername: string): Promise<string> {
  const server = createServer({ cert: certificate, key }, socket => socket.end())
  server.on('tlsClientError', () => {}) // the client below tells why
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const sni = servername === '' ? {} : { servername }
  const socket = connect({ port, host: '127.0.0.1', ca, rejectUnauthorized: true, ...sni })
  try {
    await once(socket, 'secureConnect')
    return 'ok'
  } catch (error) {
    return String(error)
  } finally {
    socket.destroy()
    server.close()
  }
}

const loopback6 = Buffer.from('00000000000000000000000000000001', 'hex')
const stolen: { what: string; name: AltName; servername: string; refusal: RegExp }[] = [
  { what: 'another domain', name: { dns: 'bank.example' }, servername: 'bank.example', refusal: /permitted subtree/ },
  { what: 'a look-alike', name: { dns: 'evildropbox.com' }, servername: 'evildropbox.com', refusal: /permitted subtree/ },
  { what: 'an IPv4 address', name: { ip: Buffer.of(127, 0, 0, 1) }, servername: '', refusal: /excluded subtree/ },
  { what: 'an IPv6 address', name: { ip: loopback6 }, servername: '', refusal: /excluded subtree/ },
  { what: 'a mailbox', name: { email: 'chief@dropbox.com' }, servername: '', refusal: /permitted subtree/ },
]

t.test('what a stolen CA key could sign is refused by openssl and by Node', async t => {
  const dir = t.testdir()
  const authority = await open(dir)
  const { spki, pem } = leafKey()
  for (const { what, name, servername, refusal } of stolen) {
    const leaf = forgeLeaf(authority, name, spki)
    t.match(await verify(dir, leaf, authority.trustPem), refusal, what)
    t.match(await dial(leaf, pem, authority.trustPem, servername), refusal, what)
  }
})

t.test('the same forgery within the constraint is accepted, so the refusals come from the constraint', async t => {
  const dir = t.testdir()
  const authority = await open(dir)
  const { spki, pem } = leafKey()
  const forged = forgeLeaf(authority, { dns: 'a.dropbox.com' }, spki)
  t.match(await verify(dir, forged, authority.trustPem), /: OK/)
  t.equal(await dial(forged, pem, authority.trustPem, 'a.dropbox.com'), 'ok')
  const { certificatePem } = issueLeaf(authority, 'dropbox.com', spki, new Date())
  t.equal(await dial(certificatePem, pem, authority.trustPem, 'dropbox.com'), 'ok')
})

t.test('an unconstrained authority would have signed for an address: the exclusion is what stops it', async t => {
  const dir = t.testdir()
  const authority = await open(dir, { constrain: 'none', domains: [] })
  const { spki } = leafKey()
  for (const { what, name } of stolen) {
    t.match(await verify(dir, forgeLeaf(authority, name, spki), authority.trustPem), /: OK/, what)
  }
})
