/** A client made of raw bytes: CONNECT, TLS and HTTP/1.1 without a library's manners, for what libraries never send. */
import { readFileSync } from 'node:fs'
import http2 from 'node:http2'
import net from 'node:net'
import type { Duplex } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import tls from 'node:tls'
import type { World } from './world.ts'

export const UPLOAD = '/2/files/upload'
export const CONTENT = 'content.dropboxapi.com'
export const API = 'api.dropboxapi.com'

/** What was read of a socket and not yet taken. One reader a socket. */
export class Wire {
  readonly socket: Duplex
  closed = false
  error: Error | null = null
  private bytes: Buffer = Buffer.alloc(0)
  private ended = false
  private wake: () => void = () => undefined

  constructor(socket: Duplex) {
    this.socket = socket
    socket.on('data', (chunk: Buffer) => {
      this.bytes = Buffer.concat([this.bytes, chunk])
      this.wake()
    })
    socket.on('end', () => {
      this.ended = true
      this.wake()
    })
    socket.on('error', (error) => {
      this.error = error
      this.wake()
    })
    socket.on('close', () => {
      this.closed = true
      this.ended = true
      this.wake()
    })
  }

  get over(): boolean {
    return this.ended
  }

  write(text: string | Buffer): void {
    this.socket.write(typeof text === 'string' ? Buffer.from(text, 'latin1') : text)
  }

  /** Waits until `found` answers a length, and takes that many bytes; at the end of the stream takes all that came. */
  async take(found: (bytes: Buffer) => number, timeoutMs = 8_000): Promise<Buffer> {
    const until = Date.now() + timeoutMs
    for (;;) {
      const length = found(this.bytes)
      if (length >= 0) {
        const taken = this.bytes.subarray(0, length)
        this.bytes = this.bytes.subarray(length)
        return taken
      }
      if (this.ended) {
        const rest = this.bytes
        this.bytes = Buffer.alloc(0)
        return rest
      }
      const left = until - Date.now()
      if (left <= 0) throw new Error(`nothing more came in ${timeoutMs} ms after ${JSON.stringify(this.bytes.toString('latin1').slice(0, 200))}`)
      await Promise.race([new Promise<void>((resolve) => { this.wake = resolve }), sleep(left, undefined, { ref: false })])
    }
  }

  /** Everything until the other side ends. */
  rest(timeoutMs?: number): Promise<Buffer> {
    return this.take(() => -1, timeoutMs)
  }

  /** One HTTP/1.1 response, Early Hints before it passed over; status 0 where the connection ended before one. */
  async response(options: { head?: boolean } = {}): Promise<RawResponse> {
    const head = (await this.take((bytes) => end(bytes.indexOf('\r\n\r\n'), 4))).toString('latin1')
    const [first = '', ...lines] = head.split('\r\n')
    const headers = new Map(lines.filter((line) => line !== '').map((line) => {
      const at = line.indexOf(':')
      return [line.slice(0, at).toLowerCase(), line.slice(at + 1).trim()] as const
    }))
    const status = Number(/^HTTP\/1\.[01] ([0-9]{3})/.exec(first)?.[1] ?? 0)
    if (status === 103) return this.response(options)
    const length = headers.get('content-length')
    const bodyless = options.head === true || status < 200 || status === 204 || status === 304
    if (bodyless) return { status, headers, body: Buffer.alloc(0), whole: true }
    if (headers.get('transfer-encoding') === 'chunked') return { status, headers, ...await this.chunked() }
    const body = await this.take((bytes) => length === undefined || bytes.length < Number(length) ? -1 : Number(length))
    return { status, headers, body, whole: length !== undefined && body.length === Number(length) }
  }

  close(): void {
    this.socket.destroy()
  }

  private async chunked(): Promise<{ body: Buffer; whole: boolean }> {
    const parts: Buffer[] = []
    for (;;) {
      const line = (await this.take((bytes) => end(bytes.indexOf('\r\n'), 2))).toString('latin1')
      if (!line.endsWith('\r\n')) return { body: Buffer.concat(parts), whole: false }
      const size = Number.parseInt(line, 16)
      if (size === 0) {
        let trailer = ''
        do trailer = (await this.take((bytes) => end(bytes.indexOf('\r\n'), 2))).toString('latin1')
        while (trailer.endsWith('\r\n') && trailer.length > 2)
        return { body: Buffer.concat(parts), whole: trailer === '\r\n' }
      }
      const part = await this.take((bytes) => bytes.length < size + 2 ? -1 : size + 2)
      if (part.length < size + 2) return { body: Buffer.concat([...parts, part]), whole: false }
      parts.push(part.subarray(0, size))
    }
  }
}

export interface RawResponse {
  readonly status: number
  readonly headers: ReadonlyMap<string, string>
  readonly body: Buffer
  /** The body came whole, by the framing that was declared. */
  readonly whole: boolean
}

function end(at: number, length: number): number {
  return at === -1 ? -1 : at + length
}

/** A TCP connection to the proxy port. */
export async function dialProxy(world: Pick<World, 'proxy'>, localAddress = '127.0.0.1'): Promise<Wire> {
  const { hostname, port } = new URL(world.proxy)
  const socket = net.connect({ host: hostname, port: Number(port), localAddress, allowHalfOpen: true, noDelay: true })
  await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject))
  return new Wire(socket)
}

export interface RawTunnel {
  /** Nothing reads the socket until a `Wire` or TLS is put on it. */
  readonly socket: net.Socket
  readonly status: number
  readonly head: string
}

/** Sends CONNECT and reads the head of the answer. */
export async function connect(world: Pick<World, 'proxy'>, target: string, options: { localAddress?: string; host?: string; field?: string } = {}): Promise<RawTunnel> {
  const { hostname, port } = new URL(world.proxy)
  const socket = net.connect({ host: hostname, port: Number(port), localAddress: options.localAddress ?? '127.0.0.1', allowHalfOpen: true, noDelay: true })
  await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject))
  socket.on('error', () => undefined) // whoever reads the socket sees it close
  socket.write(`CONNECT ${target} HTTP/1.1\r\nHost: ${options.host ?? target}\r\n${options.field === undefined ? '' : `${options.field}\r\n`}\r\n`)
  const head = await new Promise<string>((resolve) => {
    let text = ''
    const onReadable = (): void => {
      for (let byte = socket.read(1) as Buffer | null; byte !== null; byte = socket.read(1) as Buffer | null) {
        text += byte.toString('latin1')
        if (text.endsWith('\r\n\r\n')) return done()
      }
    }
    const done = (): void => {
      socket.off('readable', onReadable)
      socket.off('end', done)
      socket.off('close', done)
      resolve(text)
    }
    socket.on('readable', onReadable).once('end', done).once('close', done)
  })
  return { socket, status: Number(/^HTTP\/1\.1 ([0-9]{3})/.exec(head)?.[1] ?? 0), head }
}

export interface TlsOptions {
  readonly servername?: string
  readonly alpn?: readonly string[]
  readonly localAddress?: string
  /** PEM; the CA of the world's proxy without it. */
  readonly ca?: string
  readonly maxVersion?: tls.SecureVersion
  /** What `sessionOf` gave of a connection before. */
  readonly session?: Buffer
}

/** TLS through a tunnel, verified against the proxy's CA. */
export async function secure(world: Pick<World, 'caFile'>, socket: net.Socket, servername: string, options: TlsOptions = {}): Promise<tls.TLSSocket> {
  const secured = tls.connect({
    socket, servername, ca: options.ca ?? readFileSync(world.caFile, 'utf8'), ALPNProtocols: [...options.alpn ?? ['http/1.1']],
    ...options.maxVersion === undefined ? {} : { maxVersion: options.maxVersion },
    ...options.session === undefined ? {} : { session: options.session },
  })
  await new Promise<void>((resolve, reject) => secured.once('secureConnect', resolve).once('error', reject))
  secured.on('error', () => undefined) // whoever reads the socket sees it close
  return secured
}

/** A verified HTTP/1.1 connection to a host of the catalogue. */
export async function openHttp(world: Pick<World, 'proxy' | 'caFile'>, host: string, options: TlsOptions = {}): Promise<Wire> {
  const { socket } = await connect(world, `${host}:443`, options)
  return new Wire(await secure(world, socket, options.servername ?? host, options))
}

/** A verified HTTP/2 connection to a host of the catalogue. */
export async function openHttp2(world: Pick<World, 'proxy' | 'caFile'>, host: string, options: TlsOptions & { settings?: http2.Settings } = {}): Promise<http2.ClientHttp2Session> {
  const { socket } = await connect(world, `${host}:443`, options)
  const secured = await secure(world, socket, options.servername ?? host, { ...options, alpn: ['h2'] })
  const session = http2.connect(`https://${host}`, { createConnection: () => secured, maxSessionMemory: 64, ...(options.settings === undefined ? {} : { settings: options.settings }) })
  session.on('error', () => undefined) // streams tell
  return session
}

export interface StreamAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: string
  /** HTTP/2 error code that the stream ended with; 0 for none. */
  readonly code: number
}

/** Sends one HTTP/2 request and collects the answer, whatever way it ends. */
export function ask2(session: http2.ClientHttp2Session, headers: http2.OutgoingHttpHeaders, body?: Buffer): Promise<StreamAnswer> {
  const stream = session.request(headers, { endStream: body === undefined })
  if (body !== undefined) stream.end(body)
  return answerOf(stream)
}

export function answerOf(stream: http2.ClientHttp2Stream): Promise<StreamAnswer> {
  return new Promise((resolve) => {
    let status = 0
    let headers: Record<string, unknown> = {}
    const parts: Buffer[] = []
    stream.on('response', (given) => {
      status = given[':status'] ?? 0
      headers = given
    })
    stream.on('data', (chunk: Buffer) => parts.push(chunk))
    stream.on('error', () => undefined) // `code` tells
    stream.on('close', () => resolve({ status, headers, body: Buffer.concat(parts).toString('utf8'), code: stream.rstCode ?? 0 }))
  })
}

/** An upload to Dropbox as bytes. */
export function upload(body: string | Buffer, options: { host?: string; path?: string; name?: string; fields?: readonly string[] } = {}): Buffer {
  const head = [
    `POST ${options.path ?? UPLOAD} HTTP/1.1`, `Host: ${options.host ?? CONTENT}`, 'Authorization: Bearer t',
    `Dropbox-API-Arg: {"path":"/${options.name ?? 'a.txt'}"}`, 'Content-Type: application/octet-stream',
    ...options.fields ?? [`Content-Length: ${Buffer.byteLength(body)}`], '', '',
  ].join('\r\n')
  return Buffer.concat([Buffer.from(head, 'latin1'), Buffer.from(body)])
}

export const ALLOW_ALL = { default: 'allow', unknownTenant: 'allow', rules: [] }
export const BLOCK_UPLOADS = {
  default: 'allow', unknownTenant: 'allow',
  rules: [{ id: 'no-uploads', when: { activity: 'upload' }, action: 'block', message: 'Not here.' }],
}
