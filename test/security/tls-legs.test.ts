/** What Sluice speaks with the client and what with the origin are two things, and both are told. */
import { pino } from 'pino'
import t from 'tap'
import { events, eventually, metric } from '../e2e/observe.ts'
import type { WrittenEvent } from '../e2e/observe.ts'
import { startTlsServer } from '../e2e/tls-server.ts'
import { ALLOW_ALL, CONTENT, ask2, openHttp, openHttp2, upload, UPLOAD } from '../e2e/wire.ts'
import type { TlsOptions } from '../e2e/wire.ts'
import { startWorld } from '../e2e/world.ts'
import type { World } from '../e2e/world.ts'
import { issue, openRegistry } from './chains.ts'
import type { Issued } from './chains.ts'

const root = issue({ name: 'The root of the test', ca: true })
const good = issue({ name: CONTENT, names: [CONTENT], by: root })
const registry = await openRegistry(root)
t.teardown(() => registry.close())
const ca = [await registry.file('root.pem', root.cert)]

interface Told extends WrittenEvent {
  readonly tls?: { readonly version: string; readonly cipher: string }
  readonly sluice: WrittenEvent['sluice'] & { readonly upstream_tls?: { readonly version: string; readonly cipher: string } }
}

async function worldBefore(t: { teardown(done: () => Promise<void>): void }, shown: Issued & { maxVersion?: 'TLSv1.2' | 'TLSv1.3' }, lines: string[] = []): Promise<World> {
  const origin = await startTlsServer(shown, (socket, text) => {
    if (text.endsWith('secret')) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
  })
  const log = pino({ base: null, level: 'info' }, { write: (line: string) => { lines.push(line) } })
  const world = await startWorld({ log, config: { upstream: { hosts: { [`${CONTENT}:443`]: origin.address }, ca } } })
  t.teardown(async () => {
    await world.close()
    await origin.close()
  })
  await world.setPolicy(ALLOW_ALL)
  return world
}

/** A tunnel of its own for each. */
async function send(world: World, options: TlsOptions = {}): Promise<number> {
  const wire = await openHttp(world, CONTENT, options)
  wire.write(upload('secret'))
  const { status } = await wire.response()
  wire.close()
  return status
}

async function lastEvent(world: World, count: number): Promise<Told | undefined> {
  await eventually(async () => (await events(world)).length === count)
  return (await events(world)).at(-1) as Told | undefined
}

t.test('an event tells what was spoken with the client, and with the origin', async t => {
  const old = await worldBefore(t, { ...good, maxVersion: 'TLSv1.2' })
  t.equal(await send(old), 200)
  t.match(await lastEvent(old, 1), {
    tls: { version: '1.3', version_protocol: 'tls', cipher: /^TLS_/, established: true },
    sluice: { upstream_tls: { version: '1.2', cipher: /^TLS_ECDHE_/ } },
  })
  const current = await worldBefore(t, good)
  t.equal(await send(current, { maxVersion: 'TLSv1.2' }), 200)
  t.match(await lastEvent(current, 1), { tls: { version: '1.2' }, sluice: { upstream_tls: { version: '1.3' } } })
  const session = await openHttp2(current, CONTENT)
  const { status } = await ask2(session, { ':method': 'POST', ':path': UPLOAD, 'content-length': 6 }, Buffer.from('secret'))
  t.equal(status, 200)
  session.destroy()
  t.match(await lastEvent(current, 2), { http: { version: '2' }, tls: { version: '1.3' }, sluice: { upstream_tls: { version: '1.3' } } })
})

t.test('what never reached an origin tells of the client alone', async t => {
  const world = await worldBefore(t, good)
  await world.setPolicy({ ...ALLOW_ALL, rules: [{ id: 'none', when: { activity: 'upload' }, action: 'block' }] })
  t.equal(await send(world), 403)
  const told = await lastEvent(world, 1)
  t.match(told, { tls: { version: '1.3' } })
  t.equal(told?.sluice.upstream_tls, undefined)
})

t.test('versions are counted once a connection', async t => {
  const world = await worldBefore(t, good)
  const wire = await openHttp(world, CONTENT, { maxVersion: 'TLSv1.2' })
  for (const bytes of ['secret', 'secret']) {
    wire.write(upload(bytes))
    t.equal((await wire.response()).status, 200)
  }
  wire.close()
  t.equal(await metric(world, 'sluice_tls_handshakes_total', { leg: 'client', version: '1.2' }), 1)
  t.equal(await metric(world, 'sluice_tls_handshakes_total', { leg: 'client' }), 1)
  t.equal(await metric(world, 'sluice_tls_handshakes_total', { leg: 'origin', version: '1.3' }), 1)
})

t.test('an origin whose certificate names no use is believed, and told of once', async t => {
  const lines: string[] = []
  const told = (): readonly string[] => lines.filter(line => line.includes('no extended key usage'))
  const sound = await worldBefore(t, good, lines)
  t.equal(await send(sound), 200)
  t.strictSame(told(), [])
  const world = await worldBefore(t, issue({ name: 'For any use', names: [CONTENT], by: root, usage: 'none' }), lines)
  for (let i = 0; i < 3; i++) {
    t.equal(await send(world), 200)
    await world.sluice.reload()
  }
  t.equal(told().length, 1)
  t.match(told()[0], `"host":"${CONTENT}"`)
})
