/** Origins that are come back to without a full handshake: only whom the same client has found to be believed, and as long as that holds. */
import { spawn } from 'node:child_process'
import { createHash, X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import https from 'node:https'
import net from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { TLSSocket } from 'node:tls'
import t from 'tap'
import { OriginSessions } from '../../proxy/origin-sessions.ts'
import type { SessionsWith } from '../../proxy/origin-sessions.ts'
import { readTrust, secure } from '../../proxy/origin-tls.ts'
import { OwnAddresses } from '../../proxy/own-addresses.ts'
import { createUpstream } from '../../proxy/upstream.ts'
import type { PooledRequestOptions, Upstream, UpstreamOptions } from '../../proxy/upstream.ts'
import { createVia } from '../../proxy/via.ts'
import { makeAuthority, startTlsServer } from '../e2e/tls-server.ts'
import { CONTENT } from '../e2e/wire.ts'

const VERSIONS = ['TLSv1.3', 'TLSv1.2'] as const
const authority = await makeAuthority()
const stranger = await makeAuthority()
t.teardown(() => Promise.all([authority.close(), stranger.close()]))
const leaf = authority.leaf({ names: [CONTENT, 'other.example'] })
const answer = (socket: TLSSocket, text: string): void => {
  if (text.endsWith('\r\n\r\n')) socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok')
}
const trust = readTrust({ caFiles: [authority.file], crlFiles: [], pins: new Map() })

/** A connection that is believed, used once: what came of it. */
async function visit(port: number, host: string, sessions: SessionsWith | null, by = trust): Promise<boolean> {
  const socket = net.connect(port, '127.0.0.1')
  await once(socket, 'connect')
  const secured = await secure(socket, host, by, sessions)
  secured.on('error', () => undefined).write('GET / HTTP/1.1\r\n\r\n')
  // What a session is kept from comes before the answer.
  await once(secured, 'data')
  const isResumed = secured.isSessionReused()
  secured.destroy()
  return isResumed
}

t.test('a client resumes with the origin that it was at, and no other client, host or port does', async t => {
  for (const maxVersion of VERSIONS) {
    const origin = await startTlsServer({ ...leaf, maxVersion }, answer)
    const kept = new OriginSessions()
    const go = (client: string, host = CONTENT, port = 443): Promise<boolean> => visit(origin.port, host, kept.with(client, host, port))
    t.equal(await go('anna'), false)
    t.equal(await go('bob'), false, maxVersion)
    t.equal(await go('anna', 'other.example'), false)
    t.equal(await go('anna', CONTENT, 8443), false)
    // Node gives two tickets of TLS 1.3 a full handshake and none when one is used; one of TLS 1.2 is used again and again.
    const resumed = [await go('anna'), await go('anna'), await go('anna')]
    t.same(resumed, [true, true, maxVersion === 'TLSv1.2'], maxVersion)
    t.equal(await visit(origin.port, CONTENT, null), false)
    await origin.close()
  }
})

t.test('TLS 1.3: no ticket is shown twice', async t => {
  const origin = await startTlsServer(leaf, answer)
  t.teardown(() => origin.close())
  const own = new OriginSessions().with('anna', CONTENT, 443)
  await visit(origin.port, CONTENT, own)
  const taken = Array.from({ length: 4 }, () => own.take()?.session.toString('base64'))
  t.equal(new Set(taken.slice(0, 2)).size, 2, 'as many as OpenSSL sends')
  t.same(taken.slice(2), [undefined, undefined])
  t.equal(await visit(origin.port, CONTENT, own), false)
})

t.test('of an origin that is not believed nothing is kept', async t => {
  for (const maxVersion of VERSIONS) {
    const origin = await startTlsServer({ ...leaf, maxVersion }, answer)
    const own = new OriginSessions().with('anna', CONTENT, 443)
    const pins = new Map([[CONTENT, [`sha256/${createHash('sha256').update('another key').digest('base64')}`]]])
    for (const by of [{ ...trust, pins }, readTrust({ caFiles: [stranger.file], crlFiles: [], pins: new Map() })]) {
      await t.rejects(visit(origin.port, CONTENT, own, by), { code: 'upstream.certificate' })
      t.equal(own.take(), null, maxVersion)
    }
    await origin.close()
  }
})

t.test('a session lasts a quarter of an hour from when the origin was believed, however often it was resumed, and no longer than its certificate', async t => {
  const ends = Date.parse(new X509Certificate(leaf.cert).validTo)
  for (const maxVersion of VERSIONS) {
    let ahead = 0
    let wall = Date.now()
    const own = new OriginSessions({ wall: () => wall, steady: () => performance.now() + ahead }).with('anna', CONTENT, 443)
    const origin = await startTlsServer({ ...leaf, maxVersion }, answer)
    const go = (): Promise<boolean> => visit(origin.port, CONTENT, own)
    t.equal(await go(), false)
    ahead = 14 * 60_000
    t.equal(await go(), true, maxVersion)
    ahead = 15 * 60_000
    t.equal(await go(), false, 'what came of resuming is no younger')
    ahead = 0
    t.equal(await go(), false, 'nor what was too old to be kept')
    wall = ends - 1
    t.equal(await go(), true)
    wall = ends
    t.equal(await go(), false)
    await origin.close()
  }
})

t.test('a ticket that comes of resuming is as old as what it came of', async t => {
  const dir = t.testdir({ 'leaf.pem': leaf.cert, 'leaf.key': leaf.key })
  // Node's servers give none then; OpenSSL's do.
  const server = spawn('openssl', ['s_server', '-accept', '127.0.0.1:0', '-cert', 'leaf.pem', '-key', 'leaf.key', '-www', '-tls1_3'], { cwd: dir })
  t.teardown(() => server.kill())
  let port = 0
  for await (const line of createInterface(server.stdout)) {
    port = Number(/^ACCEPT .*:(\d+)$/.exec(line)?.[1] ?? 0)
    if (port > 0) break
  }
  let ahead = 0
  const own = new OriginSessions({ wall: Date.now, steady: () => performance.now() + ahead }).with('anna', CONTENT, 443)
  t.equal(await visit(port, CONTENT, own), false)
  ahead = 14 * 60_000
  for (let i = 0; i < 5; i++) t.equal(await visit(port, CONTENT, own), true)
  ahead = 15 * 60_000
  t.equal(own.take(), null)
})

t.test('what is kept is bounded: four a client and origin, none that is large, the least used of all', t => {
  const kept = new OriginSessions()
  const one = (name: string, bytes = 2_000) => ({ session: Buffer.alloc(bytes, name), provenAt: performance.now(), notAfter: Date.now() + 60_000 })
  const own = kept.with('anna', CONTENT, 443)
  own.keep(one('x', 17_000))
  t.equal(own.take(), null)
  for (const name of '123456') own.keep(one(name))
  t.same(Array.from({ length: 5 }, () => own.take()?.session.toString('latin1', 0, 1)), ['6', '5', '4', '3', undefined])
  own.keep(one('1'))
  for (let i = 0; i < 10_000; i++) kept.with(`user ${i}`, CONTENT, 443).keep(one('x'))
  t.equal(own.take(), null)
  t.ok(kept.with('user 9999', CONTENT, 443).take())
  t.end()
})

function reach(address: string, ca: string): Upstream {
  const options: UpstreamOptions = {
    hosts: new Map([[`${CONTENT}:443`, { address: '127.0.0.1', port: Number(address.split(':')[1]) }]]),
    parent: null, allow: [], caFiles: [ca], crlFiles: [], pins: new Map(), via: createVia(), own: new OwnAddresses(), secured: () => undefined,
  }
  return createUpstream(options)
}

/** One request on a connection of its own; whether that was resumed. */
async function ask(upstream: Upstream, poolKey: string): Promise<boolean> {
  const options: PooledRequestOptions = { host: CONTENT, port: 443, path: '/', poolKey, agent: upstream.httpsAgent }
  const request = https.request(options)
  request.end()
  const [response] = await once(request, 'response') as [IncomingMessage]
  response.resume()
  const resumed = (response.socket as TLSSocket).isSessionReused()
  await once(response, 'end')
  return resumed
}

/** The same by the relay's pool. */
async function open(upstream: Upstream, poolKey: string): Promise<boolean> {
  const socket = await upstream.pool.open(poolKey, CONTENT, 443)
  socket.on('error', () => undefined).write('GET / HTTP/1.1\r\n\r\n')
  await once(socket, 'data')
  const resumed = socket.isSessionReused()
  socket.destroy()
  return resumed
}

t.test('a reload drops all sessions: an origin that is believed no more is refused', async t => {
  const file = join(t.testdir(), 'root.pem')
  await writeFile(file, authority.pem)
  for (const [maxVersion, go] of VERSIONS.flatMap(version => [[version, ask], [version, open]] as const)) {
    const origin = await startTlsServer({ ...leaf, maxVersion }, answer)
    const upstream = reach(origin.address, file)
    t.equal(await go(upstream, 'user anna'), false)
    t.equal(await go(upstream, 'user anna'), true, maxVersion)
    t.equal(await go(upstream, 'user bob'), false)
    upstream.reload()
    t.equal(await go(upstream, 'user anna'), false)
    t.equal(await go(upstream, 'user anna'), true)
    await writeFile(file, stranger.pem)
    upstream.reload()
    await t.rejects(go(upstream, 'user anna'), { code: 'upstream.certificate' })
    await writeFile(file, authority.pem)
    upstream.close()
    await origin.close()
  }
})
