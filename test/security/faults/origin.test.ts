/**
 * Origins that reset, truncate, go on without end or answer what was not asked, while uploads and downloads run. The client is never
 * told that something broken is whole, each request has its one event that says whose fault it was, what broke carries no further
 * request, and the next request passes.
 */
import { once } from 'node:events'
import net from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import t from 'tap'
import type { Test } from 'tap'
import { events, eventually, metric, watchProcess } from '../../e2e/observe.ts'
import { makeAuthority, startTlsServer } from '../../e2e/tls-server.ts'
import { ALLOW_ALL, API, CONTENT, ask2, openHttp, openHttp2, upload } from '../../e2e/wire.ts'
import { startWorld } from '../../e2e/world.ts'
import { until } from '../../policy/store/wait.ts'

/** More than all buffers on the way hold of it together. */
const BODY = Buffer.alloc(300_000, 'x')
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

/** What the origin does once the head of a request for a path is there. */
type Deed = (socket: TLSSocket, raw: Socket | undefined, arrived: number) => void
const reset = (raw: Socket | undefined): void => void raw?.resetAndDestroy()
const say = (text: string, then: (socket: TLSSocket, raw: Socket | undefined) => void): Deed => (socket, raw) => {
  socket.write(Buffer.from(text, 'latin1'))
  setTimeout(() => then(socket, raw), 40)
}
const end = (socket: TLSSocket): void => void socket.end()

/** Before there is an answer: 502, whatever came. */
const WITHOUT_ANSWER: Readonly<Record<string, Deed>> = {
  'resets at the head': (_socket, raw) => reset(raw),
  'ends at the head': end,
  'resets in the middle of the body': (_socket, raw, arrived) => { if (arrived > 50_000) reset(raw) },
  'ends in the middle of the body': (socket, _raw, arrived) => { if (arrived > 50_000) socket.end() },
  'resets within its own head': say('HTTP/1.1 200 OK\r\nContent-Le', (_socket, raw) => reset(raw)),
  'ends within its own head': say('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n', end),
  'answers no HTTP': say('\x16\x03\x01\x02\x00 220 mail ready\r\n\r\n', end),
  'has a head without end': (socket) => socket.write(`HTTP/1.1 200 OK\r\nX-Filler: ${'x'.repeat(200_000)}`),
  'has lines without end': (socket) => socket.write(`HTTP/1.1 200 OK\r\n${'a:b\r\n'.repeat(40_000)}`),
  'informs without end': (socket) => {
    const timer = setInterval(() => socket.write('HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'.repeat(20)), 5)
    socket.once('close', () => clearInterval(timer))
  },
}

/** After the head of an answer: what came of it comes, and no end. */
const WITHOUT_END: Readonly<Record<string, Deed>> = {
  'has less than it told, and ends': say('HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf', end),
  'has less than it told, and resets': say('HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf', (_socket, raw) => reset(raw)),
  'ends between chunks': say('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n', end),
  'ends within a chunk': say('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nhalf', end),
  'ends within its trailers': say('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\nX-Sum: ', end),
  'has a chunk that is none': say('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nzz\r\n', end),
  'resets a body that its end would end': say('HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhalf', (_socket, raw) => reset(raw)),
  'cuts what it has coded': say('HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1000\r\n\r\n\x1f\x8b\x08\x00half', end),
}

const faults = watchProcess(t)
const authority = await makeAuthority()
const deeds = new Map<string, Deed>()
const origin = await startTlsServer(authority.leaf({ names: [CONTENT] }), (socket, text, raw) => {
  // On a connection that was kept, the latest request counts.
  const latest = [...text.matchAll(/(?:GET|POST) \/(\S*) HTTP\/1\.1\r\n/g)].at(-1)
  const at = text.indexOf('\r\n\r\n', latest?.index)
  if (latest === undefined || at === -1) return
  const name = decodeURIComponent(latest[1] ?? '')
  const deed = deeds.get(name)
  const arrived = text.length - at - 4
  if (name === '') socket.write(OK)
  // Those that wait for a body are asked with each piece; the others once.
  else if (deed !== undefined && (arrived > 0 || deed.length < 3)) deed(socket, raw, arrived)
  if (deed !== undefined && deed.length < 3) deeds.delete(name)
})
/** Resets whoever connects. */
const resetting = net.createServer((socket) => socket.resetAndDestroy())
resetting.listen(0, '127.0.0.1')
await once(resetting, 'listening')
const world = await startWorld({ config: { upstream: {
  hosts: { [`${CONTENT}:443`]: origin.address, [`${API}:443`]: `127.0.0.1:${(resetting.address() as AddressInfo).port}`, 'notify.dropboxapi.com:443': '127.0.0.1:1' },
  ca: [authority.file],
} } })
await world.setPolicy(ALLOW_ALL)
t.teardown(async () => {
  await world.close()
  resetting.close()
  await origin.close()
  await authority.close()
})

/** One event more than before, the origin's fault; then a request that passes, on a connection of its own. */
async function checkAfter(t: Test, before: number, told: string): Promise<void> {
  await until(`the event of ${told}`, async () => (await events(world)).length > before)
  const all = await events(world)
  t.equal(all.length, before + 1, `${told}: one event`)
  t.strictSame(all.at(-1)?.sluice.reasons.filter((reason) => reason === 'upstream-failed' || reason === 'client-gone'), ['upstream-failed'], `${told}: whose fault it was`)
  t.ok(await eventually(() => origin.open() === 0), `${told}: no connection to the origin is kept`)
  const wire = await openHttp(world, CONTENT)
  const connections = origin.connections()
  wire.write(`GET / HTTP/1.1\r\nHost: ${CONTENT}\r\n\r\n`)
  t.match(await wire.response(), { status: 200, whole: true }, `${told}: the next request passes`)
  t.equal(origin.connections(), connections + 1, `${told}: on another connection`)
  wire.close()
  origin.drop()
  t.ok(await eventually(async () => await metric(world, 'sluice_tunnels_open') === 0), `${told}: no tunnel is left`)
  await until('the next event', async () => (await events(world)).length === before + 2)
  t.strictSame(faults, [], 'nothing that would have ended the process')
}

/** A request over HTTP/1.1 or HTTP/2; `whole`: it ended as a complete answer does. */
async function send(version: 1 | 2, path: string, host: string = CONTENT): Promise<{ status: number; body: string; whole: boolean }> {
  if (version === 2) {
    const session = await openHttp2(world, host)
    const { status, body, code } = await ask2(session, {
      ':method': 'POST', ':path': path, authorization: 'Bearer t', 'dropbox-api-arg': '{"path":"/a"}', 'content-type': 'application/octet-stream',
    }, BODY)
    session.destroy()
    return { status, body, whole: code === 0 }
  }
  const wire = await openHttp(world, host)
  wire.write(upload(BODY, { path, host }))
  const { status, body, whole } = await wire.response()
  wire.close()
  return { status, body: body.toString('latin1'), whole: whole && status > 0 }
}

t.beforeEach(() => origin.drop())
for (const version of [1, 2] as const) {
  const over = `over HTTP/${version}`

  t.test(`no connection to be had, ${over}`, async (t) => {
    for (const host of [API, 'notify.dropboxapi.com']) {
      const before = (await events(world)).length
      t.match(await send(version, '/2/files/upload', host), { status: 502, whole: true }, host)
      await checkAfter(t, before, host)
    }
  })

  t.test(`no answer, ${over}`, async (t) => {
    for (const [name, deed] of Object.entries(WITHOUT_ANSWER)) {
      const before = (await events(world)).length
      deeds.set(name, deed)
      t.match(await send(version, `/${encodeURIComponent(name)}`), { status: 502, whole: true }, name)
      deeds.delete(name)
      await checkAfter(t, before, name)
    }
  })

  t.test(`an answer without its end, ${over}`, async (t) => {
    for (const [name, deed] of Object.entries(WITHOUT_END)) {
      const before = (await events(world)).length
      deeds.set(name, deed)
      const answer = await send(version, `/${encodeURIComponent(name)}`)
      if (answer.status === 502) {
        // It broke in its first bytes, of which none had left.
        t.match(answer, { whole: true, body: /upstream/ }, name)
        t.notMatch(answer.body, 'half', 'nothing of the origin is mixed into it')
      } else {
        t.ok(!answer.whole && [0, 200].includes(answer.status), `${name}: ${JSON.stringify(answer)}`)
        t.notMatch(answer.body, 'upstream', 'nothing of ours is mixed into it')
      }
      await checkAfter(t, before, name)
    }
  })

  t.test(`an answer before the upload is over, ${over}`, async (t) => {
    const before = (await events(world)).length
    deeds.set('early', (socket) => void socket.write('HTTP/1.1 413 Too Large\r\nContent-Length: 5\r\n\r\nlarge'))
    t.match(await send(version, '/early'), { status: 413, body: 'large' })
    await until('its event', async () => (await events(world)).length === before + 1)
    t.ok(await eventually(() => origin.open() === 0), 'what is still on its way reaches nobody')
  })

  t.test(`a few informational answers before the one, ${over}`, async (t) => {
    deeds.set('informed', (socket) => void socket.write(`HTTP/1.1 100 Continue\r\n\r\n${'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'.repeat(5)}${OK}`))
    t.match(await send(version, '/informed'), { status: 200, whole: true })
  })
}

t.test('as many header fields as fit, none of them lost', async (t) => {
  deeds.set('fields', (socket) => void socket.write(`HTTP/1.1 200 OK\r\n${'a:b\r\n'.repeat(1_500)}X-Last: here\r\nContent-Length: 2\r\n\r\nok`))
  const wire = await openHttp(world, CONTENT)
  wire.write(`GET /fields HTTP/1.1\r\nHost: ${CONTENT}\r\n\r\n`)
  t.equal((await wire.response()).headers.get('x-last'), 'here')
  wire.close()
})

t.test('what an origin says unasked on a connection that rests answers no request', async (t) => {
  for (const delay of [0, 60]) {
    deeds.set('more', (socket) => {
      socket.write(OK)
      const unasked = (): void => void socket.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil')
      if (delay === 0) unasked()
      else setTimeout(unasked, delay)
    })
    const wire = await openHttp(world, CONTENT)
    wire.write(`GET /more HTTP/1.1\r\nHost: ${CONTENT}\r\n\r\n`)
    t.equal((await wire.response()).status, 200)
    await new Promise((resolve) => setTimeout(resolve, 200))
    wire.write(`GET / HTTP/1.1\r\nHost: ${CONTENT}\r\n\r\n`)
    t.equal((await wire.response()).body.toString(), 'ok', `after ${delay} ms`)
    wire.close()
  }
  t.strictSame(faults, [])
})
