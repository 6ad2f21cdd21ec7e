/** What arrives is counted at the TLS socket, whether a handler reads it or not. */
import { once } from 'node:events'
import { Agent, request as httpsRequest } from 'node:https'
import { connect as http2Connect } from 'node:http2'
import { connect as tlsConnect } from 'node:tls'
import t from 'tap'
import type { Test } from 'tap'
import { until } from '../policy/store/wait.ts'
import { startOrigin } from './origin.ts'
import type { Origin } from './origin.ts'
import { ask } from './requests.ts'

const SIZE = 100_000
const HEAD_AT_MOST = 500

async function start(test: Test): Promise<Origin> {
  const origin = await startOrigin()
  test.teardown(() => origin.close())
  return origin
}

t.test('each request of a kept connection has its own bytes', async t => {
  const origin = await start(t)
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  t.teardown(() => agent.destroy())
  for (const size of [0, SIZE, 10, 3 * SIZE]) {
    await ask(origin, 'https://www.example.com/bench/upload', { method: 'POST', body: Buffer.alloc(size), agent })
  }
  t.equal(origin.connections(), 1)
  const sizes = origin.requests().map(({ socketBytes, bodyBytes }) => socketBytes - bodyBytes)
  t.ok(sizes.every(over => over > 50 && over < HEAD_AT_MOST), `heads: ${sizes.join(', ')}`)
  const sum = origin.requests().reduce((all, { socketBytes }) => all + socketBytes, 0)
  t.equal(origin.socketBytes(), sum, 'and nothing else came')
  await origin.reset()
  t.equal(origin.socketBytes(), 0)
  await ask(origin, 'https://www.example.com/', { agent })
  t.ok(origin.socketBytes() > 0 && origin.socketBytes() < HEAD_AT_MOST)
})

for (const coding of ['content-length', 'chunked'] as const) {
  t.test(`a body that nobody reads counts all the same (${coding})`, async t => {
    const origin = await start(t)
    // Waits longer than the test takes, and reads nothing meanwhile.
    origin.behave({ delayMs: 60_000 })
    const request = httpsRequest({
      host: '127.0.0.1', port: origin.port, servername: 'content.dropboxapi.com', ca: origin.ca, agent: false,
      method: 'POST', path: '/2/files/upload?x=1',
      headers: {
        host: 'content.dropboxapi.com', 'dropbox-api-arg': '{"path":"/unread"}', ...(coding === 'chunked' ? {} : { 'content-length': String(SIZE) }),
      },
    })
    request.on('error', () => undefined) // it is cut below
    request.write(Buffer.alloc(10_000))
    await until('the bytes arrive', () => origin.fileBytes() >= 10_000)
    t.equal(origin.requests()[0]?.bodyBytes, 0, 'no handler has read any')
    t.ok(origin.fileBytes() < 10_000 + (coding === 'chunked' ? 20 : 1), `${origin.fileBytes()} bytes`)
    request.destroy()
    await until('the request is over', () => origin.requests()[0]?.aborted === true)
    t.ok(origin.fileBytes() >= 10_000, 'and they stay counted')
    t.ok(origin.socketBytes() >= 10_000)
  })
}

t.test('bytes of HTTP/2 connections are counted, and those of endpoints that are none', async t => {
  const origin = await start(t)
  const client = http2Connect('https://graph.microsoft.com', {
    createConnection: () => tlsConnect({ port: origin.port, host: '127.0.0.1', servername: 'graph.microsoft.com', ca: origin.ca, ALPNProtocols: ['h2'] }),
  })
  t.teardown(() => client.destroy())
  const stream = client.request({ ':path': '/v1.0/nothing/here', ':method': 'POST' })
  // Less than a stream's first window, so that all of it leaves although the answer comes early.
  const small = 50_000
  stream.end(Buffer.alloc(small))
  await once(stream.resume(), 'end')
  await until('the bytes arrive', () => origin.socketBytes() >= small)
  t.equal(origin.fileBytes(), 0, 'it takes no content')
  t.ok(origin.socketBytes() < small + 2000, `${origin.socketBytes()} bytes`)
  t.ok((origin.requests()[0]?.socketBytes ?? 0) <= origin.socketBytes())
})
