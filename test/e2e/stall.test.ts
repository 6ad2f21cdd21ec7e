/** Who keeps a request waiting, and for how long that is borne; the clock is an argument. */
import http from 'node:http'
import net from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { parseProxyLimits } from '../../proxy/config-limits.ts'
import { PipelineExchange } from '../../proxy/pipeline-exchange.ts'
import { judgeStall } from '../../proxy/stall-watch.ts'
import { events, eventually, metric } from './observe.ts'
import { CONTENT, connect, openHttp, openHttp2, secure, upload, UPLOAD } from './wire.ts'
import { startWorld } from './world.ts'

const SECOND = 1_000

function exchange(over: Partial<PipelineExchange> = {}): PipelineExchange {
  const request = new http.IncomingMessage(new net.Socket())
  const made = new PipelineExchange(request, new http.ServerResponse(request), { peer: { ip: '127.0.0.1', port: 1 }, tunnel: null, scheme: 'https', expects: false })
  return Object.assign(made, { lastActivity: 0 }, over)
}

const judge = (exchange: PipelineExchange, now: number): ReturnType<typeof judgeStall> => judgeStall(exchange, parseProxyLimits({}), now)

t.test('a client that owes its body has two minutes', async t => {
  for (const state of ['reading', 'forwarding'] as const) {
    t.equal(judge(exchange({ state }), 120 * SECOND), null)
    t.equal(judge(exchange({ state }), 121 * SECOND), 'request.timeout')
  }
  t.equal(judge(exchange({ state: 'forwarding', lastActivity: 100 * SECOND }), 121 * SECOND), null, 'every byte counts')
})

t.test('an origin that owes its answer has as long as the longest poll', async t => {
  const waiting = exchange({ state: 'forwarding', bodyEnded: true })
  t.equal(judge(waiting, 121 * SECOND), null)
  t.equal(judge(waiting, 660 * SECOND), null)
  t.equal(judge(waiting, 661 * SECOND), 'upstream.timeout')
})

t.test('an origin that takes no more of a body is the one who is waited for', async t => {
  const upstream = new http.ClientRequest('http://127.0.0.1:9', () => undefined)
  upstream.on('error', () => undefined) // nothing listens there
  Object.defineProperty(upstream, 'writableNeedDrain', { value: true })
  t.equal(judge(exchange({ state: 'forwarding', upstream }), 121 * SECOND), null)
  t.equal(judge(exchange({ state: 'forwarding', upstream }), 661 * SECOND), 'upstream.timeout')
  upstream.destroy()
})

t.test('a client that does not read its answer is the one who is waited for', async t => {
  const answering = exchange({ state: 'answering', bodyEnded: true })
  Object.defineProperty(answering.response, 'writableNeedDrain', { value: true })
  t.equal(judge(answering, 660 * SECOND), null)
  t.equal(judge(answering, 661 * SECOND), 'request.timeout')
})

t.test('an answer on its way, and a WebSocket, may rest', async t => {
  t.equal(judge(exchange({ state: 'answering' }), 121 * SECOND), null)
  t.equal(judge(exchange({ state: 'answering' }), 661 * SECOND), 'upstream.timeout')
  t.equal(judge(exchange({ state: 'forwarding', status: 101, bodyEnded: true, websocket: true }), 1_800 * SECOND), null)
  t.equal(judge(exchange({ state: 'forwarding', status: 101, bodyEnded: true, websocket: true }), 1_801 * SECOND), 'idle')
})

t.test('a client that leaves while the origin stalls frees both ends', async t => {
  const world = await startWorld()
  t.teardown(() => world.close())
  await world.setPolicy({ default: 'allow', unknownTenant: 'allow', rules: [] })
  world.origin.behave({ stallAfterBytes: 0 })
  const wire = await openHttp(world, CONTENT)
  wire.write(upload(Buffer.alloc(100_000), { fields: ['Content-Length: 200000'] }))
  const session = await openHttp2(world, CONTENT)
  const stream = session.request({ ':method': 'POST', ':path': UPLOAD, 'dropbox-api-arg': '{"path":"/b.txt"}' })
  stream.on('error', () => undefined) // it is left in the middle
  stream.write(Buffer.alloc(100_000))
  t.ok(await eventually(() => world.origin.requests().length === 2))
  wire.close()
  session.destroy()
  t.ok(await eventually(async () => await metric(world, 'sluice_tunnels_open') === 0))
  world.origin.behave(null)
  t.ok(await eventually(() => world.origin.requests().every(({ aborted, complete }) => aborted && !complete)), 'the origin sees both go')
})

t.test('a client that leaves while its upload is held back is noticed, and the origin told', async t => {
  const world = await startWorld()
  t.teardown(() => world.close())
  await world.setPolicy({ default: 'allow', unknownTenant: 'allow', rules: [] })
  // A close comes behind what was sent before, and is seen when that was read; a reset is to be seen at once.
  for (const [way, size] of [['reset', 49_000_000], ['close', 300_000]] as const) {
    await world.origin.reset()
    world.origin.behave({ stallAfterBytes: 0 })
    const before = (await events(world)).length
    const { socket } = await connect(world, `${CONTENT}:443`)
    const secured = await secure(world, socket, CONTENT)
    secured.write(upload('', { fields: ['Content-Length: 50000000'] }))
    secured.write(Buffer.alloc(size))
    t.ok(await eventually(() => world.origin.requests().length === 1))
    for (let sent = -1; sent !== socket.bytesWritten; await sleep(400)) sent = socket.bytesWritten
    if (way === 'reset') socket.resetAndDestroy()
    else socket.end()
    t.ok(await eventually(async () => (await events(world)).length === before + 1, 20_000), `${way}: it is recorded`)
    t.ok((await events(world)).at(-1)?.sluice.reasons.includes('client-gone'))
    world.origin.behave(null)
    t.ok(await eventually(() => world.origin.requests().every(({ aborted }) => aborted)), 'the origin sees it go')
  }
})
