/** What one hostile client or origin sends must not end the process, which serves all others. */
import t from 'tap'
import type { Test } from 'tap'
import { makeAuthority, startTlsServer } from '../e2e/tls-server.ts'
import { eventually, metric, watchProcess } from '../e2e/observe.ts'
import { ALLOW_ALL, BLOCK_UPLOADS, CONTENT, ask2, dialProxy, openHttp, openHttp2, upload } from '../e2e/wire.ts'
import { startWorld } from '../e2e/world.ts'
import { ENGINE } from '../engine.ts'

const GET = `GET / HTTP/1.1\r\nHost: ${CONTENT}\r\n\r\n`
const UPGRADE = `GET /ws HTTP/1.1\r\nHost: ${CONTENT}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
  'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n'

const faults = watchProcess(t)
const authority = await makeAuthority()
/** What the origin answers to each path. */
const answers = new Map<string, string>([['/', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok']])
const origin = await startTlsServer(authority.leaf({ names: [CONTENT] }), (socket, text) => {
  const path = /^[A-Z]+ (\S+) /.exec(text)?.[1] ?? ''
  const answer = answers.get(path)
  if (answer !== undefined && text.includes('\r\n\r\n')) socket.end(Buffer.from(answer, 'latin1'))
})
const world = await startWorld({ config: { upstream: { hosts: { [`${CONTENT}:443`]: origin.address }, ca: [authority.file] } } })
await world.setPolicy(ALLOW_ALL)
t.teardown(async () => {
  await world.close()
  await origin.close()
  await authority.close()
})
const checkAlive = async (t: Test): Promise<void> => {
  t.strictSame(faults, [], 'nothing that would have ended the process')
  const wire = await openHttp(world, CONTENT)
  wire.write(GET)
  t.equal((await wire.response()).status, 200, 'others are served')
  wire.close()
}

t.test('an Origin that passes for a host name but is none', async t => {
  for (const given of ['https://1.2.3.4.5', 'https://a:99999', 'https://..', 'https://xn--a']) {
    const wire = await openHttp(world, CONTENT)
    wire.write(`GET / HTTP/1.1\r\nHost: other.example\r\nOrigin: ${given}\r\n\r\n`)
    t.equal((await wire.response()).status, 400, given)
    wire.close()
  }
  await world.setPolicy(BLOCK_UPLOADS)
  const wire = await openHttp(world, CONTENT)
  wire.write(upload('x', { fields: ['Content-Length: 1', 'Origin: https://1.2.3.4.5'] }))
  t.equal((await wire.response()).status, 403)
  wire.close()
  await world.setPolicy(ALLOW_ALL)
  await checkAlive(t)
})

t.test('an upgrade pipelined behind a request that has no answer yet', async t => {
  const wire = await openHttp(world, CONTENT)
  wire.write(`GET /silent HTTP/1.1\r\nHost: ${CONTENT}\r\n\r\n${UPGRADE}`)
  if (ENGINE === 'pipeline') t.ok(await eventually(() => wire.over), 'the connection is closed')
  else {
    await new Promise((resolve) => setTimeout(resolve, 300))
    t.notOk(wire.over, 'it waits for its turn')
  }
  wire.close()
  await checkAlive(t)
})

t.test('answers that break the rules of HTTP become a 502 or pass, over HTTP/1.1 and HTTP/2', async t => {
  const odd: Record<string, readonly [answer: string, http1: number, http2: number]> = {
    '/status-099': ['HTTP/1.1 099 Odd\r\nContent-Length: 0\r\n\r\n', 502, 502],
    '/status-000': ['HTTP/1.1 000 Odd\r\nContent-Length: 0\r\n\r\n', 502, 502],
    '/status-999': ['HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n', 999, 502],
    '/twice': ['HTTP/1.1 200 OK\r\nX-Content-Type-Options: nosniff\r\nX-Content-Type-Options: nosniff\r\nETag: "a"\r\nETag: "b"\r\nContent-Length: 0\r\n\r\n', 200, 200],
    '/latin1': ['HTTP/1.1 200 OK\r\nX-Name: caf\xe9\r\nContent-Length: 0\r\n\r\n', 200, 200],
    '/both-framings': ['HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 502, 502],
    '/garbage': ['\x00\x01\x02 no HTTP at all\r\n\r\n', 502, 502],
    '/nothing': ['', 502, 502],
    '/unasked-upgrade': ['HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n', 502, 502],
    '/connection-names': ['HTTP/1.1 200 OK\r\nConnection: close, x-secret\r\nX-Secret: 1\r\nKeep-Alive: timeout=1\r\nUpgrade: h2c\r\nContent-Length: 0\r\n\r\n', 200, 200],
  }
  for (const [path, [answer]] of Object.entries(odd)) answers.set(path, answer)
  for (const [path, [, http1, http2]] of Object.entries(odd)) {
    const wire = await openHttp(world, CONTENT)
    wire.write(`GET ${path} HTTP/1.1\r\nHost: ${CONTENT}\r\n\r\n`)
    const response = await wire.response()
    t.equal(response.status, http1, `HTTP/1.1 ${path}`)
    t.notOk(response.headers.has('x-secret'))
    wire.close()
    const session = await openHttp2(world, CONTENT)
    t.equal((await ask2(session, { ':path': path })).status, http2, `HTTP/2 ${path}`)
    session.destroy()
  }
  await checkAlive(t)
})

t.test('an upgrade that the origin answers oddly', async t => {
  for (const [answer, status] of [
    ['HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno', 200], ['HTTP/1.1 099 Odd\r\n\r\n', 502], ['', 502], ['garbage\r\n\r\n', 502],
  ] as const) {
    answers.set('/ws', answer)
    const wire = await openHttp(world, CONTENT)
    wire.write(UPGRADE)
    t.equal((await wire.response()).status, status, JSON.stringify(answer))
    wire.close()
  }
  await checkAlive(t)
})

t.test('clients that leave at every step', async t => {
  answers.delete('/ws')
  const steps = ['', 'C', 'CONNECT', `CONNECT ${CONTENT}:443 HTTP/1.1\r\n`, `CONNECT ${CONTENT}:443 HTTP/1.1\r\nHost: ${CONTENT}\r\n\r\n`,
    `CONNECT ${CONTENT}:443 HTTP/1.1\r\n\r\n\x16\x03\x01`, `CONNECT ${CONTENT}:443 HTTP/1.1\r\n\r\n\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03`]
  for (const step of steps) {
    for (const leave of ['end', 'destroy', 'reset'] as const) {
      const wire = await dialProxy(world)
      if (step !== '') wire.write(step)
      await new Promise((resolve) => setTimeout(resolve, 15))
      const { socket } = wire
      if (leave === 'end') socket.end()
      else if (leave === 'reset' && 'resetAndDestroy' in socket && typeof socket.resetAndDestroy === 'function') socket.resetAndDestroy()
      else socket.destroy()
      if (leave === 'end') t.ok(await eventually(() => wire.over), `the proxy hangs up on ${JSON.stringify(step)} too`)
      wire.close()
    }
  }
  for (const request of [GET.replace('/ ', '/silent '), UPGRADE, upload('x', { path: '/silent', fields: ['Content-Length: 1000'] }).toString('latin1')]) {
    const wire = await openHttp(world, CONTENT)
    wire.write(request)
    t.ok(await eventually(() => origin.open() > 0))
    await new Promise((resolve) => setTimeout(resolve, 30))
    wire.close()
  }
  t.ok(await eventually(async () => await metric(world, 'sluice_tunnels_open') === 0), 'no tunnel is left')
  t.ok(await eventually(() => origin.open() === 0), 'no connection to a silent origin is left')
  await checkAlive(t)
})
