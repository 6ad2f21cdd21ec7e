/** What clients of a soak do that nobody should: leave in the midst, say nothing, speak nonsense, flood. Each is bounded in time. */
import { once } from 'node:events'
import net from 'node:net'
import type { Duplex } from 'node:stream'
import tls from 'node:tls'
import type { Client } from './client.ts'
import { dial, NotConnected, openTunnel, secure } from './dial.ts'
import type { Way } from './dial.ts'
import { CONTENT, dropboxHeaders } from './files.ts'
import { dataFrame, headersFrame, PREFACE, resetFrame } from './frames.ts'

export type Nuisance = (client: Client, token: string) => Promise<void>

const WAIT_MS = 20_000

/** Half of an upload, then a reset. */
const vanish: Nuisance = async (client, token) => {
  const { socket, secured, id, sent } = await beginUpload(client, token, 3_000_000)
  if (client.random.chance(0.5)) socket.resetAndDestroy()
  else secured.destroy()
  broken(client, 'vanish', id, sent)
}

/** Half of an upload, then a close of one side, and patience. */
const halfClose: Nuisance = async (client, token) => {
  const { secured, id, sent } = await beginUpload(client, token, 500_000)
  secured.end()
  await closed(secured)
  broken(client, 'half-close', id, sent)
}

/** Half of an upload, then nothing for a while. */
const standStill: Nuisance = async (client, token) => {
  const { secured, id, sent } = await beginUpload(client, token, 500_000)
  await client.pause(client.random.between(2_000, WAIT_MS))
  secured.destroy()
  broken(client, 'stand-still', id, sent)
}

/** A part of a ClientHello, then a close. */
const halfHello: Nuisance = async client => {
  const socket = await openTunnel(client.way, `${CONTENT}:443`)
  socket.on('error', () => undefined)
  const hello = await helloOf(CONTENT)
  socket.write(hello.subarray(0, client.random.between(1, hello.length - 1)))
  await client.pause(client.random.between(10, 500))
  if (client.random.chance(0.5)) socket.resetAndDestroy()
  else socket.end()
  await closed(socket)
  client.ledger.note({ is: 'turned-away', act: 'half-hello', reason: 'stalled', seen: false })
}

/** A whole ClientHello, then nothing. */
const noHandshake: Nuisance = async client => {
  const socket = await openTunnel(client.way, `${CONTENT}:443`)
  socket.on('error', () => undefined)
  socket.write(await helloOf(CONTENT))
  await client.pause(client.random.between(10, WAIT_MS))
  socket.destroy()
  client.ledger.note({ is: 'nuisance', act: 'no-handshake' })
}

/** A client that does not trust the proxy's authority. */
const distrust: Nuisance = async client => {
  const socket = await openTunnel(client.way, `${CONTENT}:443`)
  await secure({ ...client.way, ca: '' }, socket, CONTENT).then(secured => secured.destroy(), () => undefined)
  client.ledger.note({ is: 'nuisance', act: 'distrust' })
}

/** A connection on which nothing is ever said, or a tunnel. */
const silence: Nuisance = async client => {
  const isTunnel = client.random.chance(0.5)
  const socket = isTunnel ? await openTunnel(client.way, `${CONTENT}:443`) : await reach(client.way)
  socket.on('error', () => undefined)
  const ms = client.random.between(500, WAIT_MS)
  await Promise.race([closed(socket), client.pause(ms)])
  const seen = isTunnel && socket.readableEnded
  socket.destroy()
  client.ledger.note(isTunnel ? { is: 'turned-away', act: 'silence', reason: 'stalled', seen } : { is: 'nuisance', act: 'silence' })
}

/** Bytes that mean nothing: to the proxy, in a tunnel, within its TLS. */
const garbage: Nuisance = async client => {
  // It must not begin as TLS does.
  const bytes = Buffer.concat([Buffer.from('?'), client.file(client.random.between(1, 3_000)).bytes])
  const where = client.random.between(0, 2)
  const socket = where === 0 ? await reach(client.way) : where === 1 ? await openTunnel(client.way, `${CONTENT}:443`) : await dial(client.way, CONTENT)
  socket.on('error', () => undefined).resume()
  socket.write(bytes)
  await Promise.race([closed(socket), client.pause(WAIT_MS)])
  socket.destroy()
  client.ledger.note(where === 1 ? { is: 'turned-away', act: 'garbage', reason: 'opaque', seen: false } : { is: 'nuisance', act: 'garbage' })
}

const HEADS: readonly ((id: string) => readonly string[])[] = [
  () => ['Content-Length: 5', 'Transfer-Encoding: chunked'],
  () => ['Content-Length: 5', 'Content-Length: 6'],
  () => ['Transfer-Encoding: chunked, identity'],
  () => [`Host: evil.example`, 'Content-Length: 5'],
  () => ['Content-Length: 5', 'A: b\x00c'],
  () => ['Content-Length: 5', ...Array.from({ length: 300 }, (_, i) => `X-${i}: 1`)],
  () => ['Content-Length: 5', `X-Long: ${'a'.repeat(80_000)}`],
  () => ['Content-Length: 5', 'Expect: miracles'],
]

/** A head that two readers could read differently, or that is too much. */
const malformed: Nuisance = async (client, token) => {
  const id = client.nextId()
  const secured = await dial(client.way, CONTENT)
  secured.resume()
  const fields = client.random.pick(HEADS.map(head => [1, head] as const))(id)
  const name = `${id}.bin`
  client.ledger.note({ is: 'file', id, act: 'malformed', name, must: 'not', size: 5, sha256: '' })
  secured.write(`${head(client, token, id, name, fields)}hello`, 'latin1')
  await Promise.race([closed(secured), client.pause(WAIT_MS)])
  secured.destroy()
  broken(client, 'malformed', id, 5, 'refused')
}

/** HTTP/2 streams that are opened and reset, many at a time (CVE-2023-44487). */
const resets: Nuisance = async (client, token) => {
  const secured = await dial(client.way, CONTENT, 'h2')
  secured.resume()
  secured.write(PREFACE)
  for (let round = 0; round < 4 && !secured.destroyed; round++) {
    const frames = Array.from({ length: 20 }, (_, n) => {
      const id = client.nextId()
      const name = `${id}.bin`
      const stream = 2 * (round * 20 + n) + 1
      client.ledger.note({ is: 'file', id, act: 'resets', name, must: 'not', size: 3, sha256: '' })
      broken(client, 'resets', id, 3)
      return [Buffer.concat([headersFrame(stream, {
        ':method': 'POST', ':scheme': 'https', ':authority': CONTENT, ':path': '/2/files/upload', 'user-agent': id, ...dropboxHeaders(client, token, name),
      }), dataFrame(stream, Buffer.from('abc'))]), resetFrame(stream)] as const
    })
    // Some at once, some when the others have begun.
    const isAtOnce = client.random.chance(0.5)
    secured.write(Buffer.concat(frames.flatMap(([begun, reset]) => isAtOnce ? [begun, reset] : [begun])))
    await client.pause(client.random.between(0, 200))
    if (!isAtOnce && !secured.destroyed) secured.write(Buffer.concat(frames.map(([, reset]) => reset)))
  }
  secured.destroy()
}

/** A tunnel for one host, and TLS for another; what is asked for through it. */
const wrongName: Nuisance = async (client, token) => {
  const isStranger = client.random.chance(0.5)
  const socket = await openTunnel(client.way, `${CONTENT}:443`)
  const name = isStranger ? 'evil.example' : 'graph.microsoft.com'
  let secured: tls.TLSSocket
  try {
    secured = await secure(client.way, socket, name)
  } catch {
    client.ledger.note({ is: 'turned-away', act: 'wrong-name', reason: 'identity-mismatch', seen: isStranger })
    return
  }
  const id = client.nextId()
  secured.resume()
  const file = `${id}.bin`
  client.ledger.note({ is: 'file', id, act: 'wrong-name', name: file, must: 'not', size: 5, sha256: '' })
  secured.write(`${head(client, token, id, file, ['Content-Length: 5', 'Connection: close'])}hello`, 'latin1')
  await Promise.race([closed(secured), client.pause(WAIT_MS)])
  secured.destroy()
  broken(client, 'wrong-name', id, 5, 'refused')
}

/** No password, or a wrong one. */
const noPassword: Nuisance = async client => {
  const { proxy, from, ca } = client.way
  const wrong = `Basic ${Buffer.from(`user-1:wrong-${client.random.between(1, 1e9)}`).toString('base64')}`
  const way: Way = { proxy, from, ca, ...client.random.chance(0.05) && { credential: wrong } }
  await turnedAway(client, way, `${CONTENT}:443`, 'no-password', 'unauthenticated', [407, 429])
}

/** Ports and addresses that are none of the web's. */
const wrongPlace: Nuisance = async client => {
  const target = client.random.pick([[1, `${CONTENT}:22`], [1, 'www.example.com:25']] as const)
  await turnedAway(client, client.way, target, 'wrong-place', 'destination-refused', [403])
}

async function turnedAway(client: Client, way: Way, target: string, act: string, reason: string, statuses: readonly number[]): Promise<void> {
  try {
    const socket = await openTunnel(way, target)
    socket.destroy()
    client.ledger.note({ is: 'failure', act, client: client.name, error: `${target} was opened` })
  } catch (error) {
    const status = error instanceof NotConnected ? error.status : 0
    client.ledger.note({ is: 'turned-away', act, reason, seen: statuses.includes(status) })
  }
}

/** With their weights. */
export const NUISANCES: readonly (readonly [weight: number, nuisance: Nuisance])[] = [
  [4, vanish], [2, halfClose], [2, standStill], [2, halfHello], [1, noHandshake], [1, distrust], [2, silence], [3, garbage], [4, malformed],
  [1, resets], [2, wrongName], [3, noPassword], [1, wrongPlace],
]

interface Begun {
  /** The connection below the TLS. */
  readonly socket: net.Socket
  readonly secured: tls.TLSSocket
  readonly id: string
  readonly sent: number
}

/** Sends the head of an upload and a part of its body. */
async function beginUpload(client: Client, token: string, size: number): Promise<Begun> {
  const id = client.nextId()
  const name = `${id}.bin`
  const { bytes } = client.file(client.random.between(1, size))
  client.ledger.note({ is: 'file', id, act: 'begun', name, must: 'not', size, sha256: '' })
  const socket = await openTunnel(client.way, `${CONTENT}:443`)
  const secured = await secure(client.way, socket, CONTENT)
  secured.resume()
  const length = client.random.chance(0.5) ? [`Content-Length: ${size + 1}`] : ['Transfer-Encoding: chunked']
  secured.write(head(client, token, id, name, length), 'latin1')
  const isChunked = length[0]?.startsWith('Transfer') === true
  if (isChunked) secured.write(`${bytes.length.toString(16)}\r\n`)
  if (!secured.write(bytes)) await Promise.race([once(secured, 'drain'), closed(secured)])
  if (isChunked) secured.write('\r\n')
  await client.pause(client.random.between(0, 300))
  return { socket, secured, id, sent: bytes.length }
}

function head(client: Client, token: string, id: string, name: string, fields: readonly string[]): string {
  const own = Object.entries(dropboxHeaders(client, token, name)).map(([field, value]) => `${field}: ${value}`)
  return ['POST /2/files/upload HTTP/1.1', `Host: ${CONTENT}`, `User-Agent: ${id}`, ...own, ...fields, '', ''].join('\r\n')
}

function broken(client: Client, act: string, id: string, up: number, expected: 'broken' | 'refused' = 'broken'): void {
  client.ledger.note({
    is: 'asked', id, act, protocol: act === 'resets' ? 'h2' : 'http/1.1', expected, up, down: 0, status: null, whole: false,
  })
}

/** A connection to the proxy itself. */
async function reach({ proxy, from }: Way): Promise<net.Socket> {
  const { hostname, port } = new URL(proxy)
  const socket = net.connect({ host: hostname, port: Number(port), localAddress: from })
  await once(socket, 'connect')
  return socket
}

async function closed(stream: Duplex): Promise<void> {
  if (stream.closed) return
  await new Promise<void>(resolve => stream.once('close', () => resolve()))
}

/** What a client says first. */
function helloOf(host: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const server = net.createServer(socket => {
      socket.once('data', (bytes: Buffer) => {
        resolve(bytes)
        socket.destroy()
        server.close()
      })
      socket.on('error', () => undefined)
    })
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      if (address === null || typeof address === 'string') return
      tls.connect({ host: '127.0.0.1', port: address.port, servername: host, ALPNProtocols: ['http/1.1'] }).on('error', () => undefined)
    })
  })
}
