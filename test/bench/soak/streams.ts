/** What a soak's clients do that is no upload of HTTP/1.1: HTTP/2, downloads, tunnels, WebSockets, requests sent ahead. */
import { createHash } from 'node:crypto'
import http2 from 'node:http2'
import { once } from 'node:events'
import WebSocket from 'ws'
import { digest } from './client.ts'
import type { Client } from './client.ts'
import { dial, openTunnel, secure } from './dial.ts'
import { CONTENT, dropboxHeaders } from './files.ts'
import { TUNNEL_HOST } from './tunnel-origin.ts'

const STREAM_MS = 90_000
const FILLER = Buffer.alloc(64 << 10, 'sluice stand-in ')

/** A download whose content is known beforehand; `rate`: bytes a second at which it is read. */
export async function download(client: Client, size: number, rate?: number): Promise<void> {
  const expected = digestOfFiller(size)
  await client.ask({
    act: rate === undefined ? 'download' : 'slow-reader', expected: 'passed', host: CONTENT, path: `/bench/download?bytes=${size}`,
    isRight: ({ sha256, bytes }) => bytes === size && sha256 === expected, ...rate !== undefined && { readRate: rate },
  })
}

function digestOfFiller(size: number): string {
  const hash = createHash('sha256')
  for (let left = size; left > 0; left -= FILLER.length) hash.update(FILLER.subarray(0, Math.min(left, FILLER.length)))
  return hash.digest('hex')
}

/** Some uploads at the same time over one HTTP/2 connection. */
export async function uploadStreams(client: Client, token: string): Promise<void> {
  const secured = await dial(client.way, CONTENT, 'h2')
  const session = http2.connect(`https://${CONTENT}`, { createConnection: () => secured })
  session.on('error', () => undefined) // streams tell
  try {
    await Promise.all(Array.from({ length: client.random.between(3, 8) }, () => uploadStream(client, session, token)))
  } finally {
    session.close()
    secured.destroySoon()
  }
}

async function uploadStream(client: Client, session: http2.ClientHttp2Session, token: string): Promise<void> {
  const id = client.nextId()
  const size = client.random.between(1_000, 400_000)
  const { bytes, sha256 } = client.file(size)
  const name = `${id}.bin`
  const stream = session.request({
    ':method': 'POST', ':path': '/2/files/upload', 'user-agent': id, ...dropboxHeaders(client, token, name),
    ...client.random.chance(0.5) && { 'content-length': String(size) },
  })
  stream.setTimeout(STREAM_MS, () => stream.close(http2.constants.NGHTTP2_CANCEL))
  let status: number | null = null
  let down = 0
  stream.on('response', headers => { status = headers[':status'] ?? 0 })
  stream.on('data', (chunk: Buffer) => { down += chunk.length })
  stream.on('error', () => undefined) // 'close' follows
  stream.end(bytes)
  if (!stream.closed) await once(stream, 'close')
  const whole = status === 200 && stream.rstCode === 0
  client.ledger.note({ is: 'file', id, act: 'h2', name, must: whole ? 'be' : 'may', size, sha256 })
  client.ledger.note({
    is: 'asked', id, act: 'h2', protocol: 'h2', expected: 'passed', up: size, down, status, whole,
    ...!whole && { error: `HTTP/2 code ${stream.rstCode ?? 0}` },
  })
}

/** A tunnel to a host of no provider: bytes up, bytes down, and an orderly end. */
export async function passTunnel(client: Client, ca: string): Promise<void> {
  const id = client.nextId()
  const [up, down] = [client.random.between(0, 300_000), client.random.between(0, 600_000)]
  const socket = await openTunnel(client.way, `${TUNNEL_HOST}:443`)
  // What CONNECT itself took is not the tunnel's.
  const [sentBefore, readBefore] = [socket.bytesWritten, socket.bytesRead]
  let failure: string | undefined
  let read = 0
  try {
    const secured = await secure({ ...client.way, ca }, socket, TUNNEL_HOST)
    secured.on('data', (chunk: Buffer) => { read += chunk.length })
    secured.setTimeout(STREAM_MS, () => secured.destroy())
    secured.write(`${id} ${up} ${down}\n`)
    secured.write(client.file(up).bytes)
    await once(secured, 'close')
    if (read !== down) failure = `${read} of ${down} bytes came`
  } catch (error) {
    failure = String(error)
  }
  if (!socket.closed) await once(socket, 'close')
  client.ledger.note({
    is: 'tunnelled', id, up: socket.bytesWritten - sentBefore, down: socket.bytesRead - readBefore, whole: failure === undefined,
    ...failure !== undefined && { error: failure },
  })
}

/** Some messages that come back, over a WebSocket to an opened host. */
export async function chat(client: Client, token: string): Promise<void> {
  const id = client.nextId()
  const secured = await dial(client.way, CONTENT)
  const socket = new WebSocket(`wss://${CONTENT}/ws`, {
    createConnection: () => secured, perMessageDeflate: false, headers: { 'user-agent': id, authorization: `Bearer ${token}` },
  })
  let [up, down] = [0, 0]
  let status: number | null = null
  let failure: string | undefined
  socket.on('error', error => { failure = error.message })
  socket.on('unexpected-response', (_request, response) => {
    status = response.statusCode ?? 0
    secured.destroy()
  })
  socket.on('open', () => {
    status = 101
    void (async () => {
      for (let n = client.random.between(1, 8); n > 0; n--) {
        const message = client.file(client.random.between(1, 1_500)).bytes
        up += message.length
        socket.send(message)
        const [echo] = await once(socket, 'message') as [Buffer]
        if (digest(echo) !== digest(message)) failure = 'another message came back'
        down += frameLength(echo.length)
        await client.pause(client.random.between(0, 500))
      }
      // Two bytes of status go up, and come back in a frame of their own.
      up += 2
      down += frameLength(2)
      socket.close(1000)
    })().catch((error: unknown) => { failure = String(error) })
  })
  const timer = setTimeout(() => secured.destroy(), STREAM_MS)
  if (!secured.closed) await once(secured, 'close')
  clearTimeout(timer)
  const whole = status === 101 && failure === undefined
  client.ledger.note({
    is: 'asked', id, act: 'websocket', protocol: 'websocket', expected: 'passed', up, down, status, whole, ...failure !== undefined && { error: failure },
  })
}

/** RFC 6455 §5.2, unmasked. */
function frameLength(payload: number): number {
  return payload + (payload < 126 ? 2 : payload < 65_536 ? 4 : 10)
}

/** Several requests in one write, before any was answered (RFC 9112 §9.3.2); the last one asks to close. */
export async function sendAhead(client: Client, token: string): Promise<void> {
  const files = Array.from({ length: client.random.between(2, 4) }, () => {
    const id = client.nextId()
    return { id, name: `${id}.bin`, ...client.file(client.random.between(1, 20_000)) }
  })
  const secured = await dial(client.way, CONTENT)
  let text = ''
  secured.on('data', (chunk: Buffer) => { text += chunk.toString('latin1') })
  secured.setTimeout(STREAM_MS, () => secured.destroy())
  secured.write(Buffer.concat(files.flatMap(({ id, name, bytes }, i) => [Buffer.from([
    'POST /2/files/upload HTTP/1.1', `Host: ${CONTENT}`, `User-Agent: ${id}`, `Content-Length: ${bytes.length}`,
    ...Object.entries(dropboxHeaders(client, token, name)).map(([field, value]) => `${field}: ${value}`),
    ...i === files.length - 1 ? ['Connection: close'] : [], '', '',
  ].join('\r\n'), 'latin1'), bytes])))
  if (!secured.closed) await once(secured, 'close')
  const answers = readAnswers(text)
  for (const [i, { id, name, bytes, sha256 }] of files.entries()) {
    const answer = answers[i]
    client.ledger.note({ is: 'file', id, act: 'ahead', name, must: answer?.status === 200 ? 'be' : 'may', size: bytes.length, sha256 })
    client.ledger.note({
      is: 'asked', id, act: 'ahead', protocol: 'http/1.1', expected: 'passed', up: bytes.length, down: answer?.bytes ?? 0,
      status: answer?.status ?? null, whole: answer?.status === 200,
    })
  }
}

/** Status and length of each answer; those of the stand-in tell their length. */
function readAnswers(text: string): { status: number; bytes: number }[] {
  const answers: { status: number; bytes: number }[] = []
  for (let at = 0; at < text.length;) {
    const end = text.indexOf('\r\n\r\n', at)
    if (end < 0) break
    const head = text.slice(at, end)
    const bytes = Number(/^content-length: *(\d+)$/im.exec(head)?.[1] ?? 0)
    if (text.length < end + 4 + bytes) break
    answers.push({ status: Number(head.slice(9, 12)), bytes })
    at = end + 4 + bytes
  }
  return answers
}
