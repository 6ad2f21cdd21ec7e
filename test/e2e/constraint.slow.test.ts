import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync, readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import type { Server } from 'node:https'
import { connect as connectTcp } from 'node:net'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { connect as connectTls, createSecureContext } from 'node:tls'
import type { TLSSocket } from 'node:tls'
import t from 'tap'
import { openAuthority } from '../../certs/authority.ts'
import type { Authority } from '../../certs/authority.ts'
import type { AltName } from '../../certs/extensions.ts'
import { issueLeaf } from '../../certs/leaf.ts'
import { permittedDomains } from '../../policy/providers/index.ts'
import { forgeLeaf, leafKey, verify } from '../certs/fixture.ts'
import { portOf } from '../origin/control.ts'
import { rclone, noRclone } from '../origin/rclone.ts'
import { startTunnel } from '../origin/tunnel.ts'
import { noChromium, startChromium } from './chromium.ts'
import { startWorld } from './world.ts'

const GOOD = 'contoso-my.sharepoint.com'
const OUTSIDE = 'bank.example'
const ADDRESS: AltName = { ip: Buffer.of(127, 0, 0, 1) }

t.test('openssl verify accepts the chain that a client of an intercepted host gets', async t => {
  const world = await startWorld()
  t.teardown(() => world.close())
  const socket = await openTunnel(world.proxy, `${GOOD}:443`)
  const secured = connectTls({ socket, servername: GOOD, ca: readFileSync(world.caFile) })
  t.teardown(() => secured.destroy())
  await once(secured, 'secureConnect')
  const chain = chainOf(secured)
  const trust = readFileSync(world.caFile, 'utf8')
  t.match(await verify(t.testdir(), chain, trust, '-verify_hostname', GOOD), /: OK/)
  t.match(await verify(t.testdir(), chain, trust, '-verify_hostname', OUTSIDE), /hostname mismatch/i)
  t.match(await verify(t.testdir(), chain, world.origin.ca), /unable to get local issuer certificate/, 'another CA does not do')
})

t.test('with a stolen key of the real CA', async t => {
  const dir = t.testdir()
  const authority = await openAuthority({ dir: join(dir, 'ca'), constrain: 'catalogue', domains: permittedDomains() })
  const trust = join(dir, 'trust.pem')
  writeFileSync(trust, authority.trustPem)
  const server = await startThief(authority)
  t.teardown(() => new Promise<void>(resolve => {
    server.close(() => resolve())
    server.closeAllConnections()
  }))
  const port = portOf(server.address())
  const tunnel = await startTunnel({ port })
  t.teardown(() => tunnel.close())

  await t.test('OpenSSL takes a leaf within the constraint and no other', async t => {
    const client = ['s_client', '-connect', `127.0.0.1:${port}`, '-CAfile', trust, '-verify_return_error']
    const dial = (...args: string[]): ReturnType<typeof run> => run('openssl', [...client, ...args])
    t.match(await dial('-servername', GOOD, '-verify_hostname', GOOD), { code: 0, said: /Verify return code: 0 \(ok\)/ })
    t.match(await dial('-servername', OUTSIDE, '-verify_hostname', OUTSIDE), { code: 1, said: /permitted subtree violation/ })
    t.match(await dial('-noservername', '-verify_ip', '127.0.0.1'), { code: 1, said: /excluded subtree violation/ })
    const { spki } = leafKey()
    t.match(await verify(dir, issueLeaf(authority, GOOD, spki, new Date()).certificatePem, authority.trustPem), /: OK/)
    t.match(await verify(dir, forgeLeaf(authority, { dns: OUTSIDE }, spki), authority.trustPem), /permitted subtree violation/)
    t.match(await verify(dir, forgeLeaf(authority, ADDRESS, spki), authority.trustPem), /excluded subtree violation/)
  })

  await t.test('rclone (Go) takes a leaf within the constraint and no other', { skip: noRclone() }, async t => {
    const options = { proxy: tunnel.url, caFile: trust }
    const list = (url: string): ReturnType<typeof rclone> => rclone(['lsf', ':http:', '--http-url', url], options)
    t.match(await list(`https://${GOOD}/`), { code: 0, stdout: /^file\.txt$/m })
    const outside = await list(`https://${OUTSIDE}/`)
    t.not(outside.code, 0)
    t.match(outside.stderr, /x509: .*not authorized to sign for this name.*bank\.example/)
    // Go takes no proxy for loopback.
    const address = await list(`https://127.0.0.1:${port}/`)
    t.not(address.code, 0)
    t.match(address.stderr, /x509: .*not authorized to sign for this name.*127\.0\.0\.1/)
    t.strictSame(tunnel.targets, [`${GOOD}:443`, `${OUTSIDE}:443`], 'the tunnel led here')
  })

  await t.test('Chromium takes a leaf within the constraint and no other', { skip: noChromium() }, async t => {
    const browser = await startChromium({ proxy: `--proxy-server=${tunnel.url}`, roots: [trust] })
    t.teardown(() => browser.close())
    const { status, text } = await browser.visit(`https://${GOOD}/`)
    t.equal(status, 200)
    t.match(text, /file\.txt/)
    await t.rejects(browser.visit(`https://${OUTSIDE}/`), { message: /net::ERR_CERT_/ })
    await t.rejects(browser.visit(`https://127.0.0.1:${port}/`), { message: /net::ERR_CERT_/ })
  })
})

/** A web server with a good leaf for one name, a forged one for another, and a forged one for its address. */
async function startThief(authority: Authority): Promise<Server> {
  const { spki, pem: key } = leafKey()
  const good = createSecureContext({ key, cert: issueLeaf(authority, GOOD, spki, new Date()).certificatePem })
  const outside = createSecureContext({ key, cert: forgeLeaf(authority, { dns: OUTSIDE }, spki) })
  const server = createServer({
    key, cert: forgeLeaf(authority, ADDRESS, spki),
    SNICallback: (name, done) => done(null, name === GOOD ? good : outside),
  }, (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/html' }).end('<a href="file.txt">file.txt</a>\n')
  })
  server.on('tlsClientError', () => undefined) // the clients tell why
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}

/** A CONNECT through the proxy, up to its 200. */
async function openTunnel(proxy: string, target: string): Promise<Socket> {
  const { hostname, port } = new URL(proxy)
  const socket = connectTcp(Number(port), hostname)
  socket.write(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n\r\n`)
  const [answer] = await once(socket, 'data') as [Buffer]
  const text = answer.toString()
  if (!/^HTTP\/1\.1 200 [^\r]*\r\n\r\n$/.test(text)) throw new Error(`no tunnel to ${target}: ${text}`)
  return socket
}

/** The leaf and the issuers that came with it, PEM. */
function chainOf(socket: TLSSocket): string {
  const pems: string[] = []
  let certificate = socket.getPeerX509Certificate()
  for (; certificate !== undefined; certificate = certificate.issuerCertificate) pems.push(certificate.toString())
  return pems.join('')
}

function run(program: string, args: readonly string[]): Promise<{ code: number | null; said: string }> {
  return new Promise((resolve, reject) => {
    const child = execFile(program, args, { timeout: 20_000 }, (_error, stdout, stderr) => {
      resolve({ code: child.exitCode, said: stdout + stderr })
    })
    child.once('error', reject)
    child.stdin?.end()
  })
}
