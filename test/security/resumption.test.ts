/** Clients that come back without a full handshake: to what they had before, and to nothing else. */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import net from 'node:net'
import tls from 'node:tls'
import t from 'tap'
import { ContextCache } from '../../certs/context-cache.ts'
import { TICKET_LIFETIME_MS, TicketKeys } from '../../certs/ticket-keys.ts'
import { NamedServer } from '../../proxy/named-server.ts'
import { open, renew } from '../certs/fixture.ts'
import { metric } from '../e2e/observe.ts'
import { ALLOW_ALL, API, CONTENT, connect, upload } from '../e2e/wire.ts'
import { startWorld } from '../e2e/world.ts'

const VERSIONS = ['TLSv1.3', 'TLSv1.2'] as const

interface Handshake {
  readonly isResumed: boolean
  /** What the next may come back with; a TLS 1.3 server sends it after the handshake. */
  readonly session: Buffer
}

/** One handshake, and what it leaves. `bytes` are written within it, and an answer is waited for. */
async function shake(options: tls.ConnectionOptions, bytes: string | Buffer = 'x'): Promise<Handshake> {
  const socket = tls.connect(options)
  let session: Buffer | undefined
  socket.on('session', (one: Buffer) => { session = one })
  await once(socket, 'secureConnect')
  socket.write(bytes)
  await once(socket, 'data')
  const done = { isResumed: socket.isSessionReused(), session: session ?? socket.getSession() ?? Buffer.alloc(0) }
  socket.destroy()
  return done
}

/** Node binds what it keeps to the name that it was for; who attacks does not. */
function renamed(session: Buffer, from: string, to: string): Buffer {
  const told = (name: string): Buffer => Buffer.concat([Buffer.from([0, name.length]), Buffer.from(name)])
  const at = session.indexOf(told(from))
  if (!session.subarray(0, at).toString('latin1').includes('nodejs:tls:session')) throw new Error('Node keeps sessions in another form')
  return Buffer.concat([session.subarray(0, at), told(to), session.subarray(at + told(from).length)])
}

t.test('a client resumes in its next tunnel to the same name, and not to another', async t => {
  const world = await startWorld()
  t.teardown(() => world.close())
  await world.setPolicy(ALLOW_ALL)
  const ca = readFileSync(world.caFile, 'utf8')
  for (const maxVersion of VERSIONS) {
    const visit = async (host: string, session?: Buffer): Promise<Handshake> => {
      const { socket } = await connect(world, `${host}:443`)
      return shake({ socket, servername: host, ca, maxVersion, ...session === undefined ? {} : { session } }, upload('x'))
    }
    const first = await visit(CONTENT)
    t.notOk(first.isResumed)
    const second = await visit(CONTENT, first.session)
    t.ok(second.isResumed, maxVersion)
    t.ok((await visit(CONTENT, second.session)).isResumed, 'and again')
    t.notOk((await visit(API, renamed(first.session, CONTENT, API))).isResumed, 'another name has other keys')
    const version = maxVersion.slice(4)
    t.equal(await metric(world, 'sluice_tls_handshakes_total', { leg: 'client', version, handshake: 'resumed' }), 2)
    t.equal(await metric(world, 'sluice_tls_handshakes_total', { leg: 'client', version, handshake: 'full' }), 2)
  }
})

/** A server of intercepted names, on a port of its own. */
async function serve(contexts: ContextCache): Promise<{ readonly port: number; close(): void }> {
  const named = new NamedServer({})
  named.on('secureConnection', socket => socket.on('error', () => undefined).once('data', () => socket.write('y')))
  named.on('tlsClientError', () => undefined)
  const server = net.createServer(socket => {
    void contexts.get('dropbox.com').then(context => named.accept(socket, context))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { port: (server.address() as AddressInfo).port, close: () => server.close() }
}

t.test('not after the keys have changed, nor after the authority has, but at whoever shares them', async t => {
  const dir = t.testdir()
  const authority = await open(dir)
  let at = Date.now()
  const now = (): number => at
  const tickets = new TicketKeys({ now })
  const contexts = new ContextCache({ authority, tickets })
  const server = await serve(contexts)
  t.teardown(() => server.close())
  const sharer = await serve(new ContextCache({ authority, tickets: new TicketKeys({ shared: tickets.share(), now }) }))
  t.teardown(() => sharer.close())
  const stranger = await serve(new ContextCache({ authority, tickets: new TicketKeys({ now }) }))
  t.teardown(() => stranger.close())
  let ca = authority.trustPem
  for (const maxVersion of VERSIONS) {
    const visit = (port: number, session?: Buffer): Promise<Handshake> =>
      shake({ host: '127.0.0.1', port, servername: 'dropbox.com', ca, maxVersion, ...session === undefined ? {} : { session } })
    const first = await visit(server.port)
    t.ok((await visit(server.port, first.session)).isResumed, maxVersion)
    t.ok((await visit(sharer.port, first.session)).isResumed)
    t.notOk((await visit(stranger.port, first.session)).isResumed)
    at += TICKET_LIFETIME_MS
    const { misses } = contexts.stats
    const later = await visit(server.port, first.session)
    t.notOk(later.isResumed)
    t.equal(contexts.stats.misses, misses, 'the leaf stays')
    t.ok((await visit(server.port, later.session)).isResumed)
    if (maxVersion === 'TLSv1.3') continue
    const successor = await renew(dir, ['box.com'])
    contexts.replaceAuthority(successor)
    ca += successor.trustPem
    t.notOk((await visit(server.port, later.session)).isResumed)
  }
})
