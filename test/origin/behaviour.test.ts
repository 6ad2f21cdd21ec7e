import { once } from 'node:events'
import { request as httpsRequest } from 'node:https'
import type { ClientRequest, IncomingMessage } from 'node:http'
import { connect as http2Connect } from 'node:http2'
import type { ClientHttp2Session } from 'node:http2'
import { connect as tlsConnect } from 'node:tls'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import type { Test } from 'tap'
import WebSocket from 'ws'
import { startOrigin } from './origin.ts'
import type { Origin } from './origin.ts'

const HOST = 'www.example.com'

async function start(test: Test): Promise<Origin> {
  const origin = await startOrigin()
  test.teardown(() => origin.close())
  return origin
}

function send(origin: Origin, path: string, options: { method?: string; host?: string; headers?: Record<string, string> } = {}): ClientRequest {
  const host = options.host ?? HOST
  const request = httpsRequest({
    host: '127.0.0.1', port: origin.port, servername: host, ca: origin.ca, agent: false,
    path, method: options.method ?? 'GET', headers: { host, ...options.headers },
  })
  request.on('error', () => undefined) // seen by whoever awaits the response
  return request
}

async function answerTo(request: ClientRequest): Promise<{ status: number; text: string }> {
  const [response]: IncomingMessage[] = await once(request, 'response')
  let text = ''
  for await (const chunk of response?.setEncoding('latin1') ?? []) text += String(chunk)
  return { status: response?.statusCode ?? 0, text }
}

function session(t: Test, origin: Origin, host = HOST): ClientHttp2Session {
  const client = http2Connect(`https://${host}`, {
    createConnection: () => tlsConnect({ port: origin.port, host: '127.0.0.1', servername: host, ca: origin.ca, ALPNProtocols: ['h2'] }),
  })
  t.teardown(() => client.destroy())
  return client
}

async function until(condition: () => boolean): Promise<void> {
  const end = Date.now() + 10_000
  while (!condition()) {
    if (Date.now() > end) throw new Error(`never came true: ${condition.toString()}`)
    await sleep(5)
  }
}

t.test('every host answers with its own certificate, over HTTP/1.1 and HTTP/2', async t => {
  const origin = await start(t)
  for (const host of origin.hosts) {
    const { status, text } = await answerTo(send(origin, '/', { host }).end())
    t.equal(status, 200)
    t.match(text, new RegExp(`<h1>${host}</h1><p id="version">HTTP/1.1`))
  }
  const stream = session(t, origin).request({ ':path': '/' }).setEncoding('utf8')
  let page = ''
  for await (const chunk of stream) page += String(chunk)
  t.match(page, 'HTTP/2.0')
  t.equal(origin.connections(), origin.hosts.length + 1)
  t.match(origin.requests().at(-1), { host: HOST, sni: HOST, path: '/', httpVersion: '2.0', status: 200, complete: true })
  t.equal(origin.upstreamHosts()[`${HOST}:443`], origin.address)
  await t.rejects(answerTo(send(origin, '/', { host: 'unknown.example' }).end()), { message: /./ }, 'no certificate for another name')
})

t.test('more headers than Node would keep by default are all seen', async t => {
  const origin = await start(t)
  const headers = Object.fromEntries(Array.from({ length: 1500 }, (_, i) => [`x${i}`, '1']))
  await answerTo(send(origin, '/', { headers }).end())
  t.equal(origin.requests()[0]?.headers.x1499, '1')
})

t.test('a slow reader holds the sender back (HTTP/1.1)', async t => {
  const origin = await start(t)
  origin.behave({ match: { host: HOST, path: '^/bench' }, readBytesPerSecond: 50_000 })
  const upload = send(origin, '/bench/upload', { method: 'POST' })
  const SIZE = 64 << 20
  upload.write(Buffer.alloc(SIZE))
  await until(() => (origin.requests()[0]?.bodyBytes ?? 0) > 0)
  await sleep(300)
  const arrived = origin.requests()[0]?.bodyBytes ?? 0
  t.ok(arrived < 400_000, `only ${arrived} bytes were read`)
  t.ok(upload.writableLength > SIZE / 4, `${upload.writableLength} bytes still wait at the sender`)
  origin.behave(null)
  const { text } = await answerTo(upload.end())
  t.match(JSON.parse(text), { size: SIZE }, 'normal again: the rest arrives at once')
})

t.test('a slow reader holds the sender back (HTTP/2)', async t => {
  const origin = await start(t)
  origin.behave({ readBytesPerSecond: 50_000 })
  const SIZE = 8 << 20
  const upload = session(t, origin).request({ ':path': '/bench/upload', ':method': 'POST' })
  upload.end(Buffer.alloc(SIZE))
  await until(() => (origin.requests()[0]?.bodyBytes ?? 0) > 0)
  await sleep(300)
  const arrived = origin.requests()[0]?.bodyBytes ?? 0
  t.ok(arrived < 400_000, `only ${arrived} bytes were read`)
  origin.behave(null)
  let text = ''
  for await (const chunk of upload.setEncoding('utf8')) text += String(chunk)
  t.match(JSON.parse(text), { size: SIZE })
})

t.test('a stalled upload stays where it is, and goes on when told', async t => {
  const origin = await start(t)
  origin.behave({ stallAfterBytes: 100_000 })
  const upload = send(origin, '/bench/upload', { method: 'PUT' })
  upload.write(Buffer.alloc(1 << 20))
  await until(() => (origin.requests()[0]?.bodyBytes ?? 0) >= 100_000)
  await sleep(100)
  const arrived = origin.requests()[0]?.bodyBytes ?? 0
  t.ok(arrived < 200_000, `${arrived} bytes`)
  t.match(origin.requests()[0], { complete: false, aborted: false, status: 0 })
  origin.behave(null)
  t.equal((await answerTo(upload.end())).status, 200)
})

t.test('a reset cuts the connection in the middle of an upload and of a download', async t => {
  const origin = await start(t)
  origin.behave({ resetAfterBytes: 100_000 })
  const upload = send(origin, '/bench/upload', { method: 'POST' })
  upload.write(Buffer.alloc(1 << 20))
  await t.rejects(answerTo(upload), { message: /ECONNRESET|socket hang up|EPIPE/ })
  await until(() => origin.requests()[0]?.aborted === true)
  t.equal(origin.requests()[0]?.complete, false)
  await t.rejects(answerTo(send(origin, '/bench/download?bytes=9000000').end()))
})

t.test('a download comes whole, at the pace that is set', async t => {
  const origin = await start(t)
  t.equal((await answerTo(send(origin, '/bench/download?bytes=3000001').end())).text.length, 3_000_001)
  origin.behave({ writeBytesPerSecond: 500_000 })
  const started = Date.now()
  await answerTo(send(origin, '/bench/download?bytes=200000').end())
  t.ok(Date.now() - started >= 350, 'no faster')
  t.equal((await answerTo(send(origin, '/bench/download?bytes=x').end())).status, 400)
})

t.test('status, responseBytes and delayMs stand in for the provider; the body is counted all the same', async t => {
  const origin = await start(t)
  origin.behave({ status: 507, responseBytes: 10, delayMs: 100 })
  const started = Date.now()
  const { status, text } = await answerTo(send(origin, '/2/files/upload', { method: 'POST', host: 'content.dropboxapi.com' }).end('12345'))
  t.ok(Date.now() - started >= 99)
  t.same([status, text.length], [507, 10])
  await until(() => origin.requests()[0]?.complete === true)
  t.equal(origin.requests()[0]?.bodyBytes, 5)
  t.equal(origin.fileBytes(), 5)
  t.same(origin.stored(), [])
})

t.test('file bytes are counted while they arrive, and a chunk that broke off is forgotten', async t => {
  const origin = await start(t)
  const box = (path: string, arg: unknown): ClientRequest => send(origin, `/2/files/upload_session/${path}`, {
    method: 'POST', host: 'content.dropboxapi.com', headers: { 'dropbox-api-arg': JSON.stringify(arg), 'transfer-encoding': 'chunked' },
  })
  const id = String(JSON.parse((await answerTo(box('start', {}).end('abc'))).text).session_id)
  const cut = box('append_v2', { cursor: { session_id: id, offset: 3 } })
  cut.write('broken')
  await until(() => origin.fileBytes() === 9)
  t.same(origin.stored(), [])
  cut.destroy()
  await until(() => origin.requests().at(-1)?.aborted === true)
  t.equal((await answerTo(box('append_v2', { cursor: { session_id: id, offset: 9 } }).end('x'))).status, 409)
  const finish = { cursor: { session_id: id, offset: 3 }, commit: { path: '/f' } }
  t.equal((await answerTo(box('finish', finish).end('def'))).status, 200)
  t.match(origin.stored(), [{ path: '/f', size: 6 }])
})

t.test('a WebSocket is echoed on every host', async t => {
  const origin = await start(t)
  const servername = 'api.dropboxapi.com'
  const client = new WebSocket(`wss://${servername}/ws`, {
    createConnection: () => tlsConnect({ port: origin.port, host: '127.0.0.1', servername, ca: origin.ca }),
  })
  await once(client, 'open')
  client.send('hello')
  const [data, binary] = await once(client, 'message')
  t.same([String(data), binary], ['hello', false])
  t.match(origin.requests(), [{ host: 'api.dropboxapi.com', path: '/ws', status: 101 }])
})

t.test('the control port does over HTTP what the methods do', async t => {
  const origin = await start(t)
  const control = async (path: string, body?: unknown): Promise<unknown> => {
    const init = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }
    return (await fetch(`${origin.controlUrl}${path}`, init)).json()
  }
  const upload = { method: 'POST', host: 'content.dropboxapi.com', headers: { 'dropbox-api-arg': '{"path":"/a.txt"}' } }
  await answerTo(send(origin, '/2/files/upload', upload).end('hello'))
  t.match(await control('/stored'), [{ provider: 'dropbox', path: '/a.txt', name: 'a.txt', size: 5 }])
  t.match(await control('/requests'), [{ method: 'POST', path: '/2/files/upload', bodyBytes: 5, status: 200 }])
  t.same(await control('/file-bytes'), { fileBytes: 5 })
  t.same(await control('/connections'), { connections: 1 })
  await control('/behave', { status: 503 })
  t.equal((await answerTo(send(origin, '/').end())).status, 503)
  t.match(await control('/behave', { slow: 1 }), { error: /there is no "slow"; use match, readBytesPerSecond/ })
  t.match(await control('/behave', { match: { host: 1 } }), { error: /match.host must be a string/ })
  await control('/reset', {})
  t.same([origin.stored(), origin.requests(), origin.fileBytes(), origin.connections()], [[], [], 0, 0])
  t.equal((await answerTo(send(origin, '/').end())).status, 200, 'and behaves normally')
})

t.test('close ends what is running', async t => {
  const origin = await startOrigin()
  origin.behave({ stallAfterBytes: 1 })
  const upload = send(origin, '/bench/upload', { method: 'POST' })
  const answered = t.rejects(answerTo(upload))
  upload.write('abc')
  await until(() => origin.requests()[0]?.bodyBytes === 3)
  await origin.close()
  await answered
})
