/** The proxy port of a real process: any bytes at any station of a connection, several connections at once. */
import net from 'node:net'
import type { Duplex } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { API, BLOCK_UPLOADS, CONTENT, connect, openHttp, secure, upload } from '../../e2e/wire.ts'
import { startMeasured } from '../measured-sluice.ts'
import type { MeasuredSluice } from '../measured-sluice.ts'
import { CUT, readStream, streams } from '../streams.ts'
import { hold, Over } from '../target.ts'
import type { Target } from '../target.ts'

const AT_ONCE = 8
/** Milliseconds that an answer may take to begin, and after which nothing more of it is waited for. */
const WAIT = { first: 500, more: 30 }
/** Milliseconds in which whatever a client left behind is to be gone: Sluice lets those linger that it has told of a fault. */
const SETTLE = 20_000
const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'
const LIST = `POST /2/files/list_folder HTTP/1.1\r\nHost: ${API}\r\nAuthorization: Bearer t\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{"path":""}`

export const target: Target = {
  name: 'proxy-port',
  sources: ['proxy/', 'policy/sessions.ts', 'policy/session-writer.ts'],
  dictionary: [
    CUT, 'raw\n', 'hello www.dropbox.com\n', 'http content.dropboxapi.com\n', 'http graph.microsoft.com\n', 'h2 api.dropboxapi.com\n', 'h2 content.dropboxapi.com\n', '\r\n', '\r\n\r\n', '\n', '\r', ' ', '\t', ':', '0\r\n\r\n', '5\r\nhello\r\n',
    'ffffffffffffffff\r\n', '5;a=b\r\n', 'GET ', 'POST ', 'CONNECT ', 'HTTP/1.0', 'HTTP/1.1', 'HTTP/2.0', 'Content-Length: 6\r\n', 'Content-Length: 0\r\n', 'Content-Length: 20000\r\n', 'Transfer-Encoding: chunked\r\n', 'Transfer-Encoding: gzip, chunked\r\n',
    'Transfer-Encoding:\x0bchunked\r\n', 'Expect: 100-continue\r\n', 'Connection: close\r\n', 'Connection: keep-alive, content-length\r\n', 'Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n', 'Host: content.dropboxapi.com\r\n',
    'Trailer: host\r\n', 'Proxy-Authorization: Basic YTpi\r\n', 'Via: 1.1 a\r\n', 'Max-Forwards: 0\r\n', 'Range: bytes=0-1\r\n', 'X-HTTP-Method-Override: PUT\r\n', '/2/files/upload', '/2/files/list_folder', 'http://www.example.com/', 'www.dropbox.com:443', '[::1]:443', '127.0.0.1:443',
    '\x00\x00\x00\x04\x00\x00\x00\x00\x00', '\x00\x00\x00\x04\x01\x00\x00\x00\x00', '\x00\x00\x04\x03\x00\x00\x00\x00\x01\x00\x00\x00\x08', '\x00\x00\x04\x08\x00\x00\x00\x00\x01\x7f\xff\xff\xff', '\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x04\x00\x00\x00\x00', '\x00\x00\x08\x06\x00\x00\x00\x00\x00',
    '\x00\x00\x01\x00\x01\x00\x00\x00\x01a', '\x00\x00\x00\x09\x04\x00\x00\x00\x01', '\x00\x07:method\x04POST', '\x00\x05:path\x01/', '\x00\x0a:authority\x12api.dropboxapi.com', '\x00\x0econtent-length\x016', '\x82', '\x84', '\x87', '\x3f\xe1\xff\x03',
  ],
  maxLength: 32 * 1024,
  // 4 MiB in five minutes; connections that were kept after their end made 15 in ten.
  mayGrow: 12 << 20,
  open: async () => {
    const sluice = await startMeasured()
    await sluice.putPolicy(BLOCK_UPLOADS)
    const pending = new Set<Promise<void>>()
    return {
      starts: streams(),
      // Several are under way at once; the next is taken as soon as there is room.
      run: async (bytes) => {
        const one = send(sluice, bytes).finally(() => pending.delete(one))
        pending.add(one)
        if (pending.size >= AT_ONCE) await Promise.race(pending)
      },
      settle: async () => {
        await Promise.all(pending)
        await check(sluice)
      },
      coverage: async () => {
        await Promise.all(pending)
        return sluice.ask('coverage')
      },
      memory: () => sluice.ask('memory'),
      close: async () => {
        await Promise.all(pending)
        await sluice.close()
      },
    }
  },
}

/** Sends one stream and waits a little for what is answered. Whatever becomes of the connection is right. */
async function send(sluice: MeasuredSluice, bytes: Buffer): Promise<void> {
  const { opening, host, pieces } = readStream(bytes)
  let socket: net.Socket | undefined
  try {
    let over: Duplex
    if (opening === 'raw') {
      const { hostname, port } = new URL(sluice.proxy)
      over = socket = net.connect({ host: hostname, port: Number(port), noDelay: true })
    } else {
      const tunnel = await connect(sluice, `${host}:443`)
      over = socket = tunnel.socket
      if (tunnel.status !== 200) return
      if (opening !== 'hello') over = await inTime(secure(sluice, socket, host, { alpn: [opening === 'h2' ? 'h2' : 'http/1.1'] }))
    }
    over.on('error', () => undefined) // a reset is an answer too
    if (opening === 'h2') over.write(PREFACE)
    for (const piece of pieces) {
      over.write(piece)
      if (pieces.length > 1) await sleep(2)
    }
    await answered(over)
    // Some clients say that they go.
    if (bytes.length % 2 === 0) {
      over.end()
      await sleep(5)
    }
  } catch {
    // It was refused: the host is unknown, or its handshake failed.
  } finally {
    socket?.destroy()
  }
}

function inTime<T>(promise: Promise<T>): Promise<T> {
  return Promise.race([promise, sleep(SETTLE, undefined, { ref: false }).then(() => { throw new Error('no handshake') })])
}

function answered(stream: Duplex): Promise<void> {
  return new Promise((resolve) => {
    let timer = setTimeout(resolve, WAIT.first)
    const done = (): void => {
      clearTimeout(timer)
      resolve()
    }
    stream.on('data', () => {
      clearTimeout(timer)
      timer = setTimeout(resolve, WAIT.more)
    }).once('end', done).once('close', done)
  })
}

/** What has to hold after any streams. */
async function check(sluice: MeasuredSluice): Promise<void> {
  if (sluice.hasEnded()) throw new Over(`Sluice has ended: ${sluice.said()}`)
  const [fault] = await sluice.ask('faults')
  hold(fault === undefined, () => `Sluice has met ${fault ?? ''}`)
  const said = sluice.said()
  hold(said === '', () => `Sluice says ${said}`)
  await bothPass(sluice)
  const { origin } = sluice
  hold(origin.stored().length === 0, () => `the origin has stored ${JSON.stringify(origin.stored())}`)
  // What Sluice has written itself bears its name, which nobody can guess: the rest came in the body of something else.
  const names = new Set(origin.requests().map(({ headers }) => /sluice-[0-9a-f]{20}$/.exec(headers.via ?? '')?.[0]))
  const smuggled = names.size > 1 ? origin.requests().filter(({ headers }) => !/sluice-[0-9a-f]{20}$/.test(headers.via ?? '')) : []
  hold(names.size === 1 && smuggled.length === 0, () => `the origin has read ${JSON.stringify(smuggled)}`)
  await origin.reset()
  await allClosed(sluice)
}

/** A sound request passes, and one that is forbidden does not. */
async function bothPass(sluice: MeasuredSluice): Promise<void> {
  for (const [host, request, expected] of [[API, Buffer.from(LIST), 200], [CONTENT, upload('secret'), 403]] as const) {
    const wire = await openHttp(sluice, host)
    wire.write(request)
    const { status } = await wire.response()
    wire.close()
    hold(status === expected, () => `a sound request to ${host} is answered with ${status}`)
  }
}

/** Connections and tunnels of clients that are gone are gone. */
async function allClosed(sluice: MeasuredSluice): Promise<void> {
  const until = performance.now() + SETTLE
  for (;;) {
    const text = await (await fetch(`${sluice.admin}/metrics`)).text()
    const open = [...text.matchAll(/^sluice_(?:connections|tunnels)_open (\S+)$/gm)].map(([, count]) => Number(count))
    if (open.length === 2 && open.every(count => count === 0)) return
    hold(performance.now() < until, () => `${open.join(' and ')} connections and tunnels are still open`)
    await sleep(50)
  }
}
