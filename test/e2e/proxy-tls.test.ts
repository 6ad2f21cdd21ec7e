/** Clients that speak TLS to the proxy: all that passes without it passes within it, and with `clientCa` the certificate says whose it is. */
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import net from 'node:net'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import tls from 'node:tls'
import { pino } from 'pino'
import t from 'tap'
import { loadConfig } from '../../proxy/config.ts'
import { startSluice } from '../../proxy/main.ts'
import { makeFile } from '../origin/bytes.ts'
import { curl } from './curl.ts'
import type { CurlResult } from './curl.ts'
import { events, eventually } from './observe.ts'
import { startOddOrigin, PLAIN_HOST } from './odd-origin.ts'
import { ALLOW_ALL, BLOCK_UPLOADS, MESSAGE, withRules } from './policies.ts'
import { makeAuthority, startTlsServer } from './tls-server.ts'
import { CONTENT, UPLOAD } from './wire.ts'
import { startWorld } from './world.ts'
import type { World } from './world.ts'

const SPLICED = 'spliced.example'
const dir = t.testdir()
/** Node passes it on to the connection; its types do not know. */
const HALF_OPEN = { allowHalfOpen: true }
const ca = await makeAuthority()
const clientCa = await makeAuthority()
t.teardown(() => Promise.all([ca.close(), clientCa.close()]))
const odd = await startOddOrigin()
t.teardown(() => odd.close())
const spliced = await startTlsServer(ca.leaf({ names: [SPLICED] }), (socket, text) => {
  if (text.endsWith('\r\n\r\n')) socket.end('HTTP/1.1 200 OK\r\nContent-Length: 7\r\nConnection: close\r\n\r\nspliced')
})
t.teardown(() => spliced.close())
/** Answers once its client has ended its side. */
const late = net.createServer({ allowHalfOpen: true }, (socket) => {
  let bytes = 0
  socket.on('error', () => socket.destroy())
  socket.on('data', (chunk: Buffer) => { bytes += chunk.length })
  socket.on('end', () => socket.end(`${bytes} bytes`))
})
late.listen(0, '127.0.0.1')
await once(late, 'listening')
t.teardown(() => late.close())

async function write(name: string, leaf: { cert: string; key: string }): Promise<{ cert: string; key: string }> {
  const files = { cert: join(dir, `${name}.pem`), key: join(dir, `${name}-key.pem`) }
  await writeFile(files.cert, leaf.cert)
  await writeFile(files.key, leaf.key)
  return files
}

const files = await write('proxy', ca.leaf({ names: ['localhost'] }))

async function start(proxy: Record<string, unknown>): Promise<World & { url: string }> {
  const world = await startWorld({ config: (origin) => ({
    proxy, intercept: { opaque: 'splice' },
    upstream: {
      hosts: {
        ...origin.upstreamHosts(), [`${PLAIN_HOST}:80`]: odd.hosts[`${PLAIN_HOST}:80`], [`${SPLICED}:443`]: spliced.address,
        'late.example:443': `127.0.0.1:${(late.address() as AddressInfo).port}`,
      },
      ca: [origin.caFile],
    },
  }) })
  t.teardown(() => world.close())
  await world.setPolicy(ALLOW_ALL)
  return { ...world, url: `https://localhost:${new URL(world.proxy).port}` }
}

const world = await start({ tls: files })
const mutual = await start({ tls: { ...files, clientCa: clientCa.file }, auth: 'mtls' })

const ARGS = ['-H', 'Authorization: Bearer FAKE-TOKEN', '-H', 'Dropbox-API-Arg: {"path":"/a.txt"}', '-H', 'Content-Type: application/octet-stream']
const as = ({ cert, key }: { cert: string; key: string }): string[] => ['--proxy-cert', cert, '--proxy-key', key]

function through(on: World & { url: string }, args: readonly string[], more: { caFile?: string; proxyCa?: string } = {}): Promise<CurlResult> {
  return curl(['--proxy-cacert', more.proxyCa ?? ca.file, ...args], { proxy: on.url, caFile: more.caFile ?? on.caFile })
}
const upload = (on: World & { url: string }, args: readonly string[], body = 'x') => through(on, [...args, ...ARGS, '--data-binary', body, `https://${CONTENT}${UPLOAD}`])

t.test('an upload in a tunnel within TLS arrives as it was sent, also over HTTP/2 and when it is large', async (t) => {
  for (const [version, size] of [['--http1.1', 1_000], ['--http2', 1_000], ['--http1.1', 24 << 20], ['--http2', 24 << 20]] as const) {
    await world.origin.reset()
    const file = await makeFile(size, { dir, seed: size })
    const { status, stderr } = await upload(world, [version], `@${file.path}`)
    t.equal(status, 200, stderr)
    t.match(world.origin.stored(), [{ sha256: file.sha256 }])
  }
})

t.test('an upload that the policy blocks is refused within TLS, and nothing of it leaves', async (t) => {
  await world.origin.reset()
  await world.setPolicy(BLOCK_UPLOADS)
  const { status, stdout, stderr } = await upload(world, [])
  await world.setPolicy(ALLOW_ALL)
  t.equal(status, 403, stderr)
  t.match(stdout, MESSAGE)
  t.equal(world.origin.stored().length, 0)
})

t.test('a spliced tunnel, plain HTTP and the PAC script come through TLS', async (t) => {
  t.match(await through(world, [`https://${SPLICED}/`], { caFile: ca.file }), { status: 200, stdout: 'spliced' })
  t.match(await through(world, [`http://${PLAIN_HOST}/`]), { status: 200 })
  const { port } = new URL(world.url)
  const pac = await curl(['--noproxy', '*', `${world.url}/proxy.pac`], { proxy: '', caFile: ca.file })
  t.match(pac, { status: 200, stdout: `"HTTPS 127.0.0.1:${port}"` }, pac.stderr)
  t.match(await through(world, [`http://127.0.0.1:${port}/`]), { status: 200, stdout: `https://127.0.0.1:${port}/proxy.pac` })
})

t.test('a tunnel within TLS may be closed on one side before the other has answered', async (t) => {
  const socket = tls.connect({ host: '127.0.0.1', port: Number(new URL(world.url).port), servername: 'localhost', ca: ca.pem, ...HALF_OPEN })
  await once(socket, 'secureConnect')
  socket.write('CONNECT late.example:443 HTTP/1.1\r\nHost: late.example:443\r\n\r\n')
  const [head] = await once(socket, 'data') as [Buffer]
  t.match(head.toString(), /^HTTP\/1\.1 200 /)
  socket.end(Buffer.alloc(3_000_000, 'S'))
  const parts: Buffer[] = []
  for await (const part of socket) parts.push(part as Buffer)
  t.equal(Buffer.concat(parts).toString(), '3000000 bytes')
})

t.test('what does not speak TLS, or trusts another authority, gets nothing, and the proxy goes on', async (t) => {
  t.not((await through(world, [`http://${PLAIN_HOST}/`], { proxyCa: clientCa.file })).code, 0)
  t.not((await curl([`http://${PLAIN_HOST}/`], { proxy: world.proxy, caFile: world.caFile })).code, 0)
  for (const bytes of [Buffer.from('1603010005ffffffffff', 'hex'), Buffer.from('160301', 'hex')]) {
    const socket = net.connect(Number(new URL(world.url).port), '127.0.0.1')
    socket.on('error', () => undefined).resume()
    socket.end(bytes)
    await once(socket, 'close')
  }
  t.match(await through(world, [`http://${PLAIN_HOST}/`]), { status: 200 })
})

t.test('TLS 1.1 is refused', async (t) => {
  const socket = tls.connect({
    host: '127.0.0.1', port: Number(new URL(world.url).port), servername: 'localhost', ca: ca.pem, minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0',
  })
  await t.rejects(once(socket, 'secureConnect'))
})

t.test('an address that proxy.clients does not name gets no handshake', async (t) => {
  const closed = await start({ tls: files, clients: ['10.0.0.0/8'] })
  const { code, status } = await through(closed, [`http://${PLAIN_HOST}/`])
  t.not(code, 0)
  t.equal(status, 0)
})

t.test('with clientCa, who shows no certificate of it is refused in the handshake', async (t) => {
  const stranger = await write('stranger', ca.leaf({ commonName: 'anna', client: true }))
  const server = await write('server', clientCa.leaf({ commonName: 'anna' }))
  const ended = await write('ended', clientCa.leaf({ commonName: 'anna', client: true, days: -1 }))
  const nobody = await write('nobody', clientCa.leaf({ commonName: ' ', client: true }))
  for (const [who, args] of Object.entries({ none: [], 'of another authority': as(stranger), 'for a server': as(server), ended: as(ended), 'of nobody': as(nobody) })) {
    const { code, status, stdout } = await through(mutual, [...args, `http://${PLAIN_HOST}/`])
    t.not(code, 0, who)
    t.match({ status, stdout }, { status: 0, stdout: '' }, who)
  }
})

t.test('the certificate says whose an upload is, in a tunnel and in plain HTTP', async (t) => {
  const anna = await write('anna', clientCa.leaf({ commonName: 'A. Nna', emails: ['anna@example.com', 'bob@example.com'], client: true }))
  const bob = await write('bob', clientCa.leaf({ commonName: 'bob', client: true }))
  await mutual.origin.reset()
  await mutual.setPolicy(withRules({ id: 'not-anna', when: { activity: 'upload', user: 'anna@example.com' }, action: 'block', message: MESSAGE }))
  t.match(await upload(mutual, as(anna)), { status: 403, stdout: MESSAGE })
  t.equal(mutual.origin.stored().length, 0)
  t.match(await upload(mutual, as(bob)), { status: 200 })
  t.equal(mutual.origin.stored().length, 1)
  t.match(await through(mutual, [...as(bob), `http://${PLAIN_HOST}/`]), { status: 200 })
  t.ok(await eventually(async () => (await events(mutual)).filter(({ user }) => user !== undefined).length >= 2))
  t.match((await events(mutual)).filter(({ user }) => user !== undefined).map(({ user }) => user?.name), ['anna@example.com', 'bob'])
})

/** Two handshakes, the second with what the first has left, `between` them. */
async function isResumed(on: World & { url: string }, options: tls.ConnectionOptions, between: () => unknown = () => undefined): Promise<boolean> {
  const all = { host: '127.0.0.1', port: Number(new URL(on.url).port), servername: 'localhost', ca: ca.pem, ...options }
  const visit = async (session?: Buffer): Promise<{ reused: boolean; session: Buffer | undefined }> => {
    const socket = tls.connect({ ...all, ...session === undefined ? {} : { session } })
    let given: Buffer | undefined
    socket.on('session', (one: Buffer) => { given = one })
    await once(socket, 'secureConnect')
    socket.write('GET /proxy.pac HTTP/1.1\r\nHost: localhost\r\n\r\n')
    await once(socket, 'data')
    const told = { reused: socket.isSessionReused(), session: given ?? socket.getSession() }
    socket.destroy()
    return told
  }
  const { session } = await visit()
  await between()
  return (await visit(session)).reused
}

t.test('a session is resumed, but not where a certificate is asked for, nor by another certificate', async (t) => {
  const { cert, key } = clientCa.leaf({ commonName: 'anna', client: true })
  const replaced = await write('replaced', ca.leaf({ names: ['localhost'] }))
  const renewed = await start({ tls: replaced })
  for (const maxVersion of ['TLSv1.3', 'TLSv1.2'] as const) {
    t.equal(await isResumed(world, { maxVersion }), true, maxVersion)
    t.equal(await isResumed(mutual, { cert, key, maxVersion }), false, maxVersion)
    t.equal(await isResumed(renewed, { maxVersion }, () => renewed.sluice.reload()), true, maxVersion)
    t.equal(await isResumed(renewed, { maxVersion }, async () => {
      await write('replaced', ca.leaf({ names: ['localhost'] }))
      await renewed.sluice.reload()
    }), false, maxVersion)
  }
})

t.test('a reload takes over renewed files, and keeps those before where they are no pair', async (t) => {
  const renewing = await write('renewing', ca.leaf({ names: ['localhost'] }))
  const renewed = await start({ tls: renewing })
  const serial = async (): Promise<string> => {
    const socket = tls.connect({ host: '127.0.0.1', port: Number(new URL(renewed.url).port), servername: 'localhost', ca: ca.pem })
    await once(socket, 'secureConnect')
    const { serialNumber } = socket.getPeerCertificate()
    socket.destroy()
    return serialNumber
  }
  const before = await serial()
  await write('renewing', ca.leaf({ names: ['localhost'] }))
  await renewed.sluice.reload()
  const after = await serial()
  t.not(after, before)
  await writeFile(renewing.key, await readFile(join(dir, 'proxy.pem')))
  await t.rejects(renewed.sluice.reload(), { code: 'config.invalid', message: /proxy\.tls/ })
  t.equal(await serial(), after)
})

t.test('files that cannot be used, and mtls without an authority, keep the proxy from starting', async (t) => {
  const empty = join(dir, 'empty.pem')
  await writeFile(empty, 'nothing\n')
  const start = async (proxy: Record<string, unknown>) => {
    const file = join(dir, 'sluice.yaml')
    await writeFile(file, JSON.stringify({
      proxy: { listen: '127.0.0.1:0', ...proxy }, admin: { listen: '127.0.0.1:0' }, store: { url: `embedded:${join(dir, 'store')}` },
      certs: { dir: join(dir, 'ca') }, events: { sinks: [] },
    }))
    return startSluice(loadConfig({ file, env: {} }), pino({ level: 'silent' }))
  }
  await t.rejects(start({ tls: { ...files, key: files.cert } }), { code: 'config.invalid', message: /proxy\.tls/ })
  for (const clientCa of [empty, files.cert]) {
    await t.rejects(start({ tls: { ...files, clientCa } }), { code: 'config.invalid', message: /proxy\.tls\.clientCa/ })
  }
  await t.rejects(start({ tls: files, auth: 'mtls' }), { code: 'config.invalid', message: /proxy\.auth/ })
  await t.rejects(start({ tls: files, publicUrl: 'http://proxy.example:3128' }), { code: 'config.invalid', message: /proxy\.publicUrl/ })
})
