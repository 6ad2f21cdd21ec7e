/** One work through one proxy, done and measured. */
import http2 from 'node:http2'
import type { ClientHttp2Session } from 'node:http2'
import { setTimeout as sleep } from 'node:timers/promises'
import type { TLSSocket } from 'node:tls'
import { Connection, headOf, openTunnel } from './client.ts'
import type { Way } from './client.ts'
import { add, pieceAt, tallyOf } from './content.ts'
import type { Tally } from './content.ts'
import { API_HOST, API_PATH, AUTHORIZATION, filePath, newHost } from './names.ts'
import { cpuSeconds, peakBytes, resetPeaks } from './process-tree.ts'
import type { Duration, Repeated, Transfer, Work } from './works.ts'

export interface Measured {
  /** Requests, tunnels, hosts or bytes. */
  readonly count: number
  readonly seconds: number
  /** Of the proxy and all that it has started. */
  readonly cpuSeconds: number
  readonly peakBytes: number
  /** Milliseconds from asking to the answer, ascending; empty for transfers. */
  readonly waits: readonly number[]
  /** The share of handshakes that were resumed. */
  readonly resumed: number
}

/** How often somebody asks who is not concerned by what others begin. */
const BYSTANDER_MS = 2

interface Counts {
  count: number
  waits: number[]
  resumed: number
}

/** `pid`: the proxy. Rejects when an answer or a content is not what it must be. */
export async function measure(way: Way, pid: number, work: Work, duration: Duration): Promise<Measured> {
  const counts: Counts = { count: 0, waits: [], resumed: 0 }
  let began = { at: 0, cpu: 0 }
  const begin = (): void => {
    Object.assign(counts, { count: 0, waits: [], resumed: 0 })
    resetPeaks(pid)
    began = { at: performance.now(), cpu: cpuSeconds(pid) }
  }
  await run(way, work, duration, counts, begin)
  const seconds = (performance.now() - began.at) / 1000
  return {
    count: counts.count, seconds, cpuSeconds: cpuSeconds(pid) - began.cpu, peakBytes: peakBytes(pid),
    waits: counts.waits.sort((a, b) => a - b), resumed: counts.count === 0 ? 0 : counts.resumed / counts.count,
  }
}

async function run(way: Way, work: Work, duration: Duration, counts: Counts, begin: () => void): Promise<void> {
  if (work.kind === 'contact') {
    begin()
    let next = 0
    await atOnce(work.concurrency, async () => {
      while (next < work.hosts) await contact(way, newHost(next++), counts)
    })
  } else if (work.kind === 'requests' || work.kind === 'tunnels') await overAndOver(way, work, duration, counts, begin)
  else await transfer(way, work, counts, begin)
}

/** What is done until the time is over. Connections that are kept are open before it begins. */
async function overAndOver(way: Way, work: Repeated, { warmMs, ms }: Duration, counts: Counts, begin: () => void): Promise<void> {
  const { act, close } = await prepared(way, work, counts)
  let isOver = false
  const time = sleep(warmMs).then(begin).then(() => sleep(ms)).then(() => { isOver = true })
  // One that fails ends them all.
  await Promise.all([time, atOnce(work.concurrency, async n => {
    do {
      await act(n)
    } while (!isOver)
  })])
  close()
}

interface Prepared {
  /** What the client number n does once. */
  readonly act: (n: number) => Promise<void>
  readonly close: () => void
}

async function prepared(way: Way, work: Repeated, counts: Counts): Promise<Prepared> {
  const small = headOf(way, 'GET', API_HOST, API_PATH)
  if (work.kind === 'tunnels') return newTunnels(way, small, work.isResumed, counts)
  if (work.http === '2') return streams(() => openTunnel(way, API_HOST, { alpn: 'h2' }), counts)
  const connections = await Promise.all(Array.from({ length: work.concurrency }, (_, client) => Connection.open(way, API_HOST, { client })))
  return {
    act: async n => {
      const open = connections[n]?.isOpen === true ? connections[n] : connections[n] = await Connection.open(way, API_HOST, { client: n })
      await ask(open, small, counts)
    },
    close: () => connections.forEach(connection => connection.close()),
  }
}

async function atOnce(count: number, act: (n: number) => Promise<void>): Promise<void> {
  await Promise.all(Array.from({ length: count }, (_, n) => act(n)))
}

async function ask(connection: Connection, request: Buffer, counts: Counts): Promise<void> {
  const at = performance.now()
  const { status } = await connection.ask(request)
  if (status !== 200) throw new Error(`a small request was answered with ${status}`)
  counts.waits.push(performance.now() - at)
  counts.count++
}

function newTunnels(way: Way, small: Buffer, isResumed: boolean, counts: Counts): Prepared {
  /** The last of each client. */
  const sessions: Buffer[] = []
  const act: Prepared['act'] = async n => {
    const at = performance.now()
    const connection = await Connection.open(way, API_HOST, { client: n, session: sessions[n] })
    if (isResumed) connection.socket.on('session', given => { sessions[n] = given })
    const { status } = await connection.ask(small)
    if (status !== 200) throw new Error(`a small request was answered with ${status}`)
    counts.waits.push(performance.now() - at)
    counts.count++
    if (connection.socket.isSessionReused()) counts.resumed++
    connection.end()
  }
  return { act, close: () => undefined }
}

async function contact(way: Way, host: string, counts: Counts): Promise<void> {
  const at = performance.now()
  const connection = await Connection.open(way, host)
  const { status } = await connection.ask(headOf(way, 'GET', host, '/_api/web'))
  if (status !== 200) throw new Error(`${host} answered with ${status}`)
  counts.waits.push(performance.now() - at)
  counts.count++
  connection.end()
}

/** Asks for something known, again and again, until `isOver`; answers each wait. */
export async function bystand(way: Way, ready: () => void, isOver: () => boolean): Promise<number[]> {
  const counts: Counts = { count: 0, waits: [], resumed: 0 }
  const small = headOf(way, 'GET', API_HOST, API_PATH)
  const connection = await Connection.open(way, API_HOST)
  await ask(connection, small, { count: 0, waits: [], resumed: 0 })
  ready()
  while (!isOver()) {
    await ask(connection, small, counts)
    await sleep(BYSTANDER_MS)
  }
  connection.close()
  return counts.waits
}

/**
 * Streams of one connection, and of another once its proxy lets that one end (`requestsPerConnection`): what was not looked at any more is asked
 * for again, as every browser does (RFC 9113 §8.7).
 */
async function streams(open: () => Promise<TLSSocket>, counts: Counts): Promise<Prepared> {
  const connect = async (): Promise<ClientHttp2Session> => {
    const socket = await open()
    return http2.connect(`https://${API_HOST}`, { createConnection: () => socket }).on('error', () => undefined) // its streams tell
  }
  let session = connect()
  await session
  const act: Prepared['act'] = async () => {
    const at = performance.now()
    let asked = session
    while (!await askStream(await asked)) {
      // The first of those that meet the end opens the next for all.
      if (session === asked) session = connect()
      asked = session
    }
    counts.waits.push(performance.now() - at)
    counts.count++
  }
  return { act, close: () => void session.then(last => last.destroy()) }
}

/** False where the connection ended before the request was looked at. */
function askStream(session: ClientHttp2Session): Promise<boolean> {
  if (session.closed) return Promise.resolve(false)
  return new Promise((resolve, reject) => {
    const stream = session.request({ ':path': API_PATH, 'user-agent': 'bench/1', accept: '*/*', authorization: AUTHORIZATION })
    let answered: number | undefined
    stream.once('response', ({ ':status': status }) => { answered = status })
    stream.on('error', () => undefined) // its close tells
    stream.once('close', () => {
      if (stream.rstCode === http2.constants.NGHTTP2_REFUSED_STREAM && session.closed) resolve(false)
      else if (stream.rstCode === 0 && answered === 200) resolve(true)
      else reject(new Error(`a stream was answered with ${String(answered)} and closed with ${stream.rstCode}`))
    })
    stream.resume()
  })
}

async function transfer(way: Way, { kind, host, streams: count, bytes }: Transfer, counts: Counts, begin: () => void): Promise<void> {
  const expected = tallyOf(bytes)
  const connections = await Promise.all(Array.from({ length: count }, () => Connection.open(way, host)))
  const act = kind === 'upload' ? upload : download
  // The same, small, so that the way is there.
  await atOnce(count, async n => { await act(way, connections[n], host, n, tallyOf(1 << 20)) })
  begin()
  await atOnce(count, async n => {
    await act(way, connections[n], host, n, expected)
    counts.count += bytes
  })
  for (const connection of connections) connection.close()
}

type Act = (way: Way, connection: Connection | undefined, host: string, stream: number, expected: Tally) => Promise<void>

const upload: Act = async (way, connection, host, stream, expected) => {
  if (connection === undefined) throw new Error('no connection')
  const { bytes } = expected
  const { socket } = connection
  let said = ''
  const head = headOf(way, 'PUT', host, filePath(bytes, stream), {
    'Content-Type': 'application/octet-stream', 'Content-Length': bytes,
  })
  const answered = connection.ask(head, chunk => { said += chunk.toString('latin1') })
  let at = 0
  const more = (): void => {
    while (at < bytes && !socket.destroyed) {
      const piece = pieceAt(at, bytes)
      at += piece.length
      if (!socket.write(piece)) return void socket.once('drain', more)
    }
  }
  more()
  const { status } = await answered
  const arrived = JSON.stringify({ bytes, crc: expected.crc })
  if (status !== 200 || said !== arrived) throw new Error(`an upload of ${arrived} was answered with ${status} ${said}`)
}

const download: Act = async (way, connection, host, stream, expected) => {
  if (connection === undefined) throw new Error('no connection')
  const came: Tally = { bytes: 0, crc: 0 }
  const { status } = await connection.ask(headOf(way, 'GET', host, filePath(expected.bytes, stream)), chunk => add(came, chunk))
  if (status !== 200 || came.crc !== expected.crc || came.bytes !== expected.bytes) {
    throw new Error(`a download of ${JSON.stringify(expected)} came as ${status} ${JSON.stringify(came)}`)
  }
}
