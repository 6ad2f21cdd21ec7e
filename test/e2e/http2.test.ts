/** HTTP/2 towards the client: many streams, streams that are broken off, and connections that attack. */
import http2 from 'node:http2'
import { setTimeout as sleep } from 'node:timers/promises'
import type tls from 'node:tls'
import t from 'tap'
import { block, END_HEADERS, frame } from './frames.ts'
import { eventually, metric, watchProcess } from './observe.ts'
import { ALLOW_ALL, BLOCK_UPLOADS, CONTENT, UPLOAD, answerOf, ask2, connect, openHttp2, secure } from './wire.ts'
import { startWorld } from './world.ts'

const faults = watchProcess(t)
const world = await startWorld()
t.teardown(() => world.close())
t.beforeEach(async () => {
  await world.origin.reset()
  await world.setPolicy(ALLOW_ALL)
})
const uploadHeaders = (name: string): http2.OutgoingHttpHeaders =>
  ({ ':method': 'POST', ':path': UPLOAD, 'dropbox-api-arg': JSON.stringify({ path: `/${name}` }), authorization: 'Bearer t' })

t.test('50 uploads at once, half of them blocked, each end as decided', async t => {
  await world.setPolicy({ default: 'allow', unknownTenant: 'allow', rules: [{ id: 'no-keys', when: { activity: 'upload', fileName: '*.key' }, action: 'block' }] })
  const session = await openHttp2(world, CONTENT)
  const body = Buffer.alloc(200_000, 'x')
  const answers = await Promise.all(Array.from({ length: 50 }, (_, i) => ask2(session, uploadHeaders(i % 2 === 0 ? `f${i}.txt` : `f${i}.key`), body)))
  session.destroy()
  t.strictSame(answers.map(({ status }) => status), Array.from({ length: 50 }, (_, i) => i % 2 === 0 ? 200 : 403))
  t.ok(answers.every(({ status, body }) => status === 200 ? body.includes('.txt') : body.includes('error_summary')), 'whole answers')
  t.ok(world.origin.stored().every(({ size, name }) => size === body.length && name.endsWith('.txt')))
  t.equal(world.origin.stored().length, 25)
  t.equal(world.origin.fileBytes(), 25 * body.length)
})

async function rawHttp2(host: string): Promise<tls.TLSSocket> {
  const raw = await secure(world, (await connect(world, `${host}:443`)).socket, host, { alpn: ['h2'] })
  raw.resume()
  raw.write(Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame('settings', 0, 0, Buffer.alloc(0))]))
  return raw
}

t.test('an upload that the client resets is broken off at the origin, never completed', async t => {
  const raw = await rawHttp2(CONTENT)
  let id = -1
  for (const code of [http2.constants.NGHTTP2_CANCEL, http2.constants.NGHTTP2_NO_ERROR, http2.constants.NGHTTP2_INTERNAL_ERROR]) {
    await world.origin.reset()
    id += 2
    raw.write(frame('headers', END_HEADERS, id, block({
      ':method': 'POST', ':scheme': 'https', ':authority': CONTENT, ':path': UPLOAD, 'dropbox-api-arg': '{"path":"/cut.txt"}',
    })))
    raw.write(frame('data', 0, id, Buffer.alloc(10_000, 'x')))
    t.ok(await eventually(() => (world.origin.requests()[0]?.bodyBytes ?? 0) === 10_000))
    raw.write(frame('reset', 0, id, Buffer.from([0, 0, 0, code])))
    t.ok(await eventually(() => world.origin.requests()[0]?.aborted === true), `code ${code}`)
    t.equal(world.origin.requests()[0]?.complete, false)
    t.strictSame(world.origin.stored(), [])
  }
  raw.destroy()
})

t.test('an upload whose body is looked into is not completed either', async t => {
  const raw = await rawHttp2('www.googleapis.com')
  raw.write(frame('headers', END_HEADERS, 1, block({
    ':method': 'POST', ':scheme': 'https', ':authority': 'www.googleapis.com', ':path': '/upload/drive/v3/files?uploadType=multipart',
    'content-type': 'multipart/related; boundary=b', authorization: 'Bearer t',
  })))
  raw.write(frame('data', 0, 1, Buffer.from('--b\r\nContent-Type: application/json\r\n\r\n{"name":"a.txt"}\r\n--b\r\nContent-Type: text/plain\r\n\r\nhalf')))
  await sleep(50)
  raw.write(frame('reset', 0, 1, Buffer.from([0, 0, 0, 8])))
  await sleep(150)
  t.ok(world.origin.requests().every(({ complete }) => !complete))
  t.strictSame(world.origin.stored(), [])
  raw.destroy()
})

t.test('a client that vanishes in the middle', async t => {
  const session = await openHttp2(world, CONTENT)
  const stream = session.request(uploadHeaders('gone.txt'))
  stream.on('error', () => undefined)
  stream.write(Buffer.alloc(50_000))
  t.ok(await eventually(() => (world.origin.requests()[0]?.bodyBytes ?? 0) === 50_000))
  session.destroy()
  t.ok(await eventually(() => world.origin.requests()[0]?.aborted === true))
  t.strictSame(world.origin.stored(), [])
  t.ok(await eventually(async () => await metric(world, 'sluice_tunnels_open') === 0))
})

t.test('a body that is not as long as it says', async t => {
  for (const [declared, sent] of [[10, 5], [5, 10], [1_000_000, 100]] as const) {
    await world.origin.reset()
    const session = await openHttp2(world, CONTENT)
    const { status } = await ask2(session, { ...uploadHeaders('liar.txt'), 'content-length': String(declared) }, Buffer.alloc(sent))
    t.not(status, 200, `${declared} said, ${sent} sent`)
    session.destroy()
    t.ok(await eventually(() => world.origin.requests().every(({ complete, aborted }) => !complete && aborted)))
    t.strictSame(world.origin.stored(), [])
  }
  const session = await openHttp2(world, CONTENT)
  const ended = answerOf(session.request({ ...uploadHeaders('liar.txt'), 'content-length': '5' }, { endStream: true }))
  t.not((await ended).status, 200, '5 said, none sent')
  session.destroy()
})

t.test('a flood of header fields costs the stream, not the proxy', async t => {
  const session = await openHttp2(world, CONTENT)
  const fields = (count: number, length = 1): http2.OutgoingHttpHeaders =>
    ({ ':path': '/', ...Object.fromEntries(Array.from({ length: count }, (_, i) => [`x-${i}`, 'x'.repeat(length)])) })
  t.equal((await ask2(session, fields(150))).status, 200)
  const [seen] = world.origin.requests()
  t.equal(Object.keys(seen?.headers ?? {}).filter((name) => name.startsWith('x-')).length, 150, 'none is lost')
  t.equal((await ask2(session, fields(210))).status, 431)
  session.destroy()
  for (const [count, length] of [[300, 1], [5_000, 1], [100, 2_000]] as const) {
    const attacker = await openHttp2(world, CONTENT)
    const { status } = await ask2(attacker, fields(count, length))
    t.ok(status === 0 || status === 431, `${count} fields of ${length}: ${status}`)
    attacker.destroy()
  }
  t.equal(world.origin.requests().length, 1)
})

t.test('rapid resets, pings and settings do not stop the others', async t => {
  const raw = await rawHttp2(CONTENT)
  const head = block({ ':method': 'GET', ':scheme': 'https', ':authority': CONTENT, ':path': '/' })
  const parts: Buffer[] = []
  for (let id = 1; id < 4_000; id += 2) {
    parts.push(frame('headers', END_HEADERS | 1, id, head), frame('reset', 0, id, Buffer.from([0, 0, 0, 8])))
    parts.push(frame('ping', 0, 0, Buffer.alloc(8)), frame('settings', 0, 0, Buffer.alloc(0)))
  }
  raw.write(Buffer.concat(parts))
  const other = await openHttp2(world, CONTENT)
  t.equal((await ask2(other, { ':path': '/' })).status, 200)
  other.destroy()
  raw.destroy()
  t.ok(await eventually(async () => await metric(world, 'sluice_tunnels_open') === 0))
  t.ok(world.origin.connections() < 10, `what was taken back at once is not passed on: ${world.origin.connections()} connections`)
  t.ok(await eventually(() => world.origin.requests().every(({ complete, aborted, status }) => complete || aborted || status > 0)))
})

t.test('a client that opens no window for its answer holds back its own stream only', async t => {
  await world.setPolicy(BLOCK_UPLOADS)
  const session = await openHttp2(world, CONTENT, { settings: { initialWindowSize: 0 } })
  const blocked = session.request(uploadHeaders('a.txt'))
  blocked.on('error', () => undefined)
  blocked.end('x')
  const refused = new Promise<number>((resolve) => blocked.on('response', (headers) => resolve(headers[':status'] ?? 0)))
  const stalled = session.request({ ':path': '/bench/download?bytes=50000000' })
  stalled.on('error', () => undefined)
  t.equal(await refused, 403)
  const other = await openHttp2(world, CONTENT)
  t.equal((await ask2(other, { ':path': '/' })).status, 200)
  other.destroy()
  session.destroy()
  t.ok(await eventually(async () => await metric(world, 'sluice_tunnels_open') === 0))
})

t.test('nothing would have ended the process', async t => {
  t.strictSame(faults, [])
})
