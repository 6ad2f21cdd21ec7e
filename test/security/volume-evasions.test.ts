/** Ways round a rule by volume: many pieces, each of which is taken for something that no upload is, or goes through a tunnel of its own. */
import t from 'tap'
import { UNEXPLAINED_LIMIT } from '../../policy/providers/index.ts'
import { eventually, metric, watchProcess } from '../e2e/observe.ts'
import { startSharedEdge } from '../e2e/shared-edge.ts'
import { ALLOW_ALL, CONTENT, ask2, openHttp, openHttp2, upload } from '../e2e/wire.ts'
import { startWorld } from '../e2e/world.ts'
import type { World } from '../e2e/world.ts'

const faults = watchProcess(t)
const edge = await startSharedEdge()
t.teardown(() => edge.close())
t.beforeEach(() => edge.reset())

const PIECE = Buffer.alloc(100_000, 'x')
const LIMIT = 450_000
const FIT = 4
const TRIES = 8

async function open(when: object, config: Record<string, Record<string, unknown>> = {}): Promise<World> {
  const world = await startWorld({ config: { ...config, upstream: { hosts: edge.hosts, ca: [edge.caFile] } } })
  t.teardown(() => world.close())
  await world.setPolicy({ ...ALLOW_ALL, rules: [{ id: 'much', when: { ...when, volume: { over: '1h', atLeast: LIMIT } }, action: 'block' }] })
  return world
}

/** How many of the pieces were answered as if they had passed. */
async function passed(send: () => Promise<number>): Promise<number> {
  let count = 0
  for (let i = 0; i < TRIES; i++) if (await send().catch(() => 0) === 200) count++
  return count
}

async function chunked(world: World, path: string): Promise<number> {
  const wire = await openHttp(world, CONTENT)
  wire.write(`POST ${path} HTTP/1.1\r\nHost: ${CONTENT}\r\nTransfer-Encoding: chunked\r\n\r\n${PIECE.length.toString(16)}\r\n`)
  wire.write(PIECE)
  wire.write('\r\n0\r\n\r\n')
  const { status } = await wire.response()
  wire.close()
  return status
}

async function unmeasured(world: World, method: string, path: string): Promise<number> {
  const session = await openHttp2(world, CONTENT)
  const { status } = await ask2(session, { ':method': method, ':path': path, ':authority': CONTENT }, PIECE)
  session.destroy()
  return status
}

t.test('bodies without a length that become uploads on their way add up', async t => {
  const WAYS: Readonly<Record<string, (world: World) => Promise<number>>> = {
    'a download, chunked': world => chunked(world, '/2/files/download'),
    'a download over HTTP/2': world => unmeasured(world, 'POST', '/2/files/download'),
    'a GET of where uploads go': world => unmeasured(world, 'GET', '/2/files/upload'),
    'a DELETE of where uploads go': world => unmeasured(world, 'DELETE', '/2/files/upload'),
  }
  for (const [name, send] of Object.entries(WAYS)) {
    edge.reset()
    const world = await open({ activity: 'upload' })
    t.equal(await passed(() => send(world)), FIT, name)
    t.ok(edge.arrived() < LIMIT + (TRIES - FIT) * UNEXPLAINED_LIMIT, `${name}: ${edge.arrived()} bytes left`)
  }
})

t.test('tunnels that are not opened add up, one after the other and at the same moment', async t => {
  const through = async (world: World): Promise<number> => {
    const wire = await openHttp(world, CONTENT, { ca: edge.ca })
    wire.write(upload(PIECE, { host: CONTENT }))
    const { status } = await wire.response()
    wire.close()
    return status
  }
  const world = await open({ activity: 'tunnel' }, { intercept: { bypass: [CONTENT] } })
  t.equal(await passed(() => through(world)), FIT)
  t.ok(edge.arrived() < LIMIT, `${edge.arrived()} bytes left`)
  t.ok(await eventually(async () => await metric(world, 'sluice_tunnels_open') === 0))
  const other = await open({ activity: 'tunnel' }, { intercept: { bypass: [CONTENT] } })
  edge.reset()
  const answers = await Promise.all(Array.from({ length: TRIES }, () => through(other).catch(() => 0)))
  t.ok(answers.filter(status => status === 200).length <= FIT, 'at the same moment')
  t.ok(edge.stored() < LIMIT, `${edge.stored()} bytes stored`)
  await world.setPolicy({ ...ALLOW_ALL, rules: [{ id: 'much', when: { activity: 'upload', volume: { over: '1h', atLeast: LIMIT } }, action: 'block' }] })
  t.equal(await through(world), 200, 'what passed through tunnels is no upload')
})

t.test('a rule for all that goes to a provider holds for what brings no content, too', async t => {
  const world = await open({ provider: 'dropbox' })
  const send = async (path: string, bytes: number): Promise<number> => {
    const wire = await openHttp(world, CONTENT)
    wire.write(upload(Buffer.alloc(bytes, 'x'), { host: CONTENT, path }))
    const { status } = await wire.response()
    wire.close()
    return status
  }
  t.equal(await send('/2/files/upload', LIMIT - 2), 200)
  t.equal(await send('/2/files/download', 1), 200, 'one byte is left')
  t.equal(await send('/2/files/upload', 2), 403)
  t.equal(await send('/2/files/upload', 1), 200)
  t.equal(await send('/2/files/download', 1), 403, 'now none')
  t.equal(await send('/2/files/download', 0), 200)
})

t.test('nothing would have ended the process', async t => {
  t.strictSame(faults, [])
})
