/** An origin that cannot prove who it is gets no request, and the client is told why: real handshakes, one fault each. */
import { createHash, createPublicKey } from 'node:crypto'
import { once } from 'node:events'
import { copyFile, writeFile } from 'node:fs/promises'
import type { AddressInfo, Socket } from 'node:net'
import { join } from 'node:path'
import tls from 'node:tls'
import type { SecureContextOptions } from 'node:tls'
import forge from 'node-forge'
import t from 'tap'
import { readTrust } from '../../proxy/origin-tls.ts'
import { eventually, metric } from '../e2e/observe.ts'
import { startTlsServer } from '../e2e/tls-server.ts'
import { ALLOW_ALL, CONTENT, openHttp, upload } from '../e2e/wire.ts'
import { startWorld } from '../e2e/world.ts'
import type { World } from '../e2e/world.ts'
import { chainCases } from './chain-cases.ts'
import { issue, openRegistry } from './chains.ts'
import type { Issued } from './chains.ts'

const root = issue({ name: 'The root of the test', ca: true })
const good = issue({ name: CONTENT, names: [CONTENT], by: root })
const registry = await openRegistry(root)
t.teardown(() => registry.close())
const ca = [await registry.file('root.pem', root.cert)]

/** As `openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | base64` prints it. */
function pinOf({ cert }: Issued): string {
  return `sha256/${createHash('sha256').update(createPublicKey(cert).export({ type: 'spki', format: 'der' })).digest('base64')}`
}

interface Origin {
  readonly address: string
  /** Shows this from the next connection on. */
  readonly show: (options: SecureContextOptions) => void
  /** Bytes of requests that arrived. */
  readonly received: () => number
  /** The revocation status to staple. */
  staple: Buffer | null
}

async function startOrigin(t: { teardown(done: () => void): void }): Promise<Origin> {
  let received = 0
  const server = tls.createServer({ cert: good.cert, key: good.key }, (socket) => {
    socket.on('error', () => socket.destroy())
    socket.on('data', (chunk: Buffer) => {
      received += chunk.length
      socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok')
    })
  })
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => sockets.add(socket))
  server.on('tlsClientError', () => undefined) // a client that does not believe it
  server.on('OCSPRequest', (_certificate, _issuer, callback) => callback(null, origin.staple))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  const origin: Origin = {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    show: (options) => server.setSecureContext(options),
    received: () => received,
    staple: null,
  }
  return origin
}

async function worldFor(t: { teardown(done: () => Promise<void>): void }, origin: Pick<Origin, 'address'>, more: Record<string, unknown> = {}): Promise<World> {
  const world = await startWorld({ config: { upstream: { hosts: { [`${CONTENT}:443`]: origin.address }, ca, ...more } } })
  t.teardown(() => world.close())
  await world.setPolicy(ALLOW_ALL)
  return world
}

async function ask(world: World): Promise<{ status: number; text: string }> {
  const wire = await openHttp(world, CONTENT)
  wire.write(upload('secret'))
  const { status, body } = await wire.response()
  wire.close()
  return { status, text: body.toString('utf8') }
}

t.test('every chain and handshake that proves nothing', async t => {
  const origin = await startOrigin(t)
  const world = await worldFor(t, origin)
  t.equal((await ask(world)).status, 200, 'a good one is believed')
  const cases = chainCases(root, CONTENT)
  for (const { name, told, ...shown } of cases) {
    await t.test(name, async t => {
      const before = origin.received()
      origin.show(shown)
      const { status, text } = await ask(world)
      t.equal(status, 502)
      t.match(text, /did not prove who it is.*upstream\.certificate/, 'in the form of the client')
      t.match(text, told, 'with the reason')
      t.equal(origin.received(), before, 'not one byte was sent')
    })
  }
  t.equal(await metric(world, 'sluice_upstream_failures_total', { reason: 'certificate' }), cases.length)
  t.equal(await metric(world, 'sluice_upstream_certificate_faults_total'), cases.length)
  t.equal(await metric(world, 'sluice_upstream_certificate_faults_total', { fault: 'other' }), 0, 'and each is counted by its fault')
  origin.show(good)
  t.equal((await ask(world)).status, 200, 'a good one is believed again')
})

t.test('a pinned host is believed by one of its keys only', async t => {
  const middle = issue({ name: 'An authority between', by: root, ca: true })
  const leaf = issue({ name: 'A leaf below', names: [CONTENT], by: middle })
  const chain = { cert: leaf.cert + middle.cert, key: leaf.key }
  for (const [name, pinned] of Object.entries({ 'its own': leaf, 'the authority between': middle, 'the root': root })) {
    const origin = await startOrigin(t)
    origin.show(chain)
    const world = await worldFor(t, origin, { pins: { [CONTENT.toUpperCase()]: [pinOf(good), pinOf(pinned)] } })
    t.equal((await ask(world)).status, 200, name)
  }
  const origin = await startOrigin(t)
  const world = await worldFor(t, origin, { pins: { [CONTENT]: [pinOf(middle)] } })
  const refused = async (why: string): Promise<void> => {
    const { status, text } = await ask(world)
    t.equal(status, 502, why)
    t.match(text, /not one of those that are expected/)
  }
  await refused('by another key')
  // It bears the name of who signed and the pinned key, and signed nothing.
  const certificate = forge.pki.createCertificate()
  Object.assign(certificate, { publicKey: middle.certificate.publicKey, serialNumber: '77', validity: root.certificate.validity })
  certificate.setSubject(root.certificate.subject.attributes)
  certificate.setIssuer(root.certificate.subject.attributes)
  certificate.setExtensions([{ name: 'basicConstraints', cA: true, critical: true }])
  certificate.sign(good.privateKey, forge.md.sha256.create())
  origin.show({ cert: good.cert + forge.pki.certificateToPem(certificate), key: good.key })
  await refused('by a chain that only bears the name')
  t.equal(await metric(world, 'sluice_upstream_certificate_faults_total', { fault: 'pin' }), 2)
  t.equal(origin.received(), 0, 'not one byte was sent')
})

t.test('a certificate that a list revokes, or of which no valid list tells', async t => {
  const revoked = issue({ name: 'Revoked', names: [CONTENT], by: root })
  const origin = await startOrigin(t)
  const list = await registry.crl([revoked])
  const world = await worldFor(t, origin, { crl: [list] })
  t.equal((await ask(world)).status, 200, 'one that is not listed')
  origin.show(revoked)
  t.match(await ask(world), { status: 502, text: /was revoked/ })
  const middle = issue({ name: 'An authority between', by: root, ca: true })
  const leaf = issue({ name: CONTENT, names: [CONTENT], by: middle })
  origin.show({ cert: leaf.cert + middle.cert, key: leaf.key })
  t.match(await ask(world), { status: 502, text: /Nobody says whether/ }, 'below an authority without a list')
  const old = await worldFor(t, origin, { crl: [await registry.crl([], -1)] })
  origin.show(good)
  t.match(await ask(old), { status: 502, text: /Nobody says whether/ }, 'a list that is over')
  await copyFile(await registry.crl([good]), list)
  t.equal((await ask(world)).status, 200)
  await world.sluice.reload()
  t.match(await ask(world), { status: 502, text: /was revoked/ }, 'and a new list counts from SIGHUP on')
  await writeFile(list, 'nothing')
  await t.rejects(world.sluice.reload(), { code: 'config.invalid', message: /upstream\.crl/ })
  t.match(await ask(world), { status: 502, text: /was revoked/ }, 'one that cannot be read leaves all as it was')
})

t.test('a certificate whose stapled status is revoked', async t => {
  const origin = await startOrigin(t)
  const world = await worldFor(t, origin)
  // A session of before would be resumed, in which no status is told.
  const askAnew = async (): ReturnType<typeof ask> => {
    await world.sluice.reload()
    return ask(world)
  }
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    origin.show({ ...good, maxVersion })
    origin.staple = await registry.ocsp(good, false)
    t.equal((await askAnew()).status, 200, `good, over ${maxVersion}`)
    origin.staple = await registry.ocsp(issue({ name: 'Another', names: [CONTENT], by: root }), true)
    t.equal((await askAnew()).status, 200, 'of another certificate')
    origin.staple = Buffer.from('3082ffff00', 'hex')
    t.equal((await askAnew()).status, 200, 'what is none')
    origin.staple = await registry.ocsp(good, true)
    const before = origin.received()
    t.match(await askAnew(), { status: 502, text: /was revoked/ }, `revoked, over ${maxVersion}`)
    t.equal(origin.received(), before, 'not one byte was sent')
  }
})

t.test('a file without a root stops the start, and says which', async t => {
  const read = (file: string): unknown => readTrust({ caFiles: [file], crlFiles: [], pins: new Map() })
  for (const [name, text] of Object.entries({ 'nothing.pem': 'nothing', 'broken.pem': '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n' })) {
    t.throws(() => read(join(t.testdir({ [name]: text }), name)), { code: 'config.invalid', message: new RegExp(`upstream\\.ca: .*${name}`) })
  }
  t.throws(() => read(join(t.testdir(), 'none.pem')), { code: 'config.unreadable' })
})

t.test('a connection that was kept, or is in use, carries no request after its origin was revoked', async t => {
  for (const isInUse of [false, true]) {
    const origin = await startTlsServer(good, (socket, text) => {
      if (text.endsWith('secret')) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
    })
    t.teardown(() => origin.close())
    const list = await registry.crl([])
    const world = await worldFor(t, origin, { crl: [list] })
    t.equal((await ask(world)).status, 200)
    t.equal((await ask(world)).status, 200)
    t.equal(origin.connections(), 1, 'it is kept')
    const wire = await openHttp(world, CONTENT)
    if (isInUse) {
      wire.write(upload('', { fields: ['Content-Length: 6'] }))
      t.ok(await eventually(() => origin.received().includes('Content-Length: 6')))
    }
    await copyFile(await registry.crl([good]), list)
    await world.sluice.reload()
    if (isInUse) {
      wire.write('secret')
      t.equal((await wire.response()).status, 200, 'what is under way is finished')
    }
    wire.close()
    t.match(await ask(world), { status: 502, text: /was revoked/ }, isInUse ? 'in use' : 'kept')
  }
})
