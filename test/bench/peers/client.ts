/** The client of the bench: CONNECT, verified TLS, and HTTP/1.1 written and read as bytes, so that it costs little beside what it measures. */
import net from 'node:net'
import tls from 'node:tls'
import type { SecureContext, TLSSocket } from 'node:tls'
import { AnswerReader } from './answer-reader.ts'
import type { AnswerStatus } from './answer-reader.ts'
import { AUTHORIZATION } from './names.ts'

/** How the client reaches an origin. */
export interface Way {
  readonly proxyPort: number
  /** What CONNECT names beside the host. */
  readonly originPort: number
  readonly context: SecureContext
  /** So many addresses on loopback (127.0.1.1 and on) from which its connections come in turn; without it from one. */
  readonly addresses?: number
}

export interface TunnelOptions {
  /** Which of the clients that the way has opens it, from 0. */
  readonly client?: number
  readonly alpn?: string
  /** Of a connection before, to resume. */
  readonly session?: Buffer | undefined
}

/** A tunnel with verified TLS inside. Rejects where the proxy refuses, or the certificate is not believed. */
export async function openTunnel(way: Way, host: string, { client = 0, alpn = 'http/1.1', session }: TunnelOptions = {}): Promise<TLSSocket> {
  const socket = await connect(way, host, client)
  return new Promise((resolve, reject) => {
    const secured = tls.connect({
      socket, servername: host, secureContext: way.context, ALPNProtocols: [alpn], ...session !== undefined && { session },
    })
    secured.once('secureConnect', () => resolve(secured))
    secured.on('error', reject) // stays: what breaks later is seen as a close
  })
}

function connect({ proxyPort, originPort, addresses }: Way, host: string, client: number): Promise<net.Socket> {
  return new Promise((resolve, reject) => {
    const from = addresses === undefined ? {} : { localAddress: `127.0.1.${client % addresses + 1}` }
    const socket = net.connect({ host: '127.0.0.1', port: proxyPort, noDelay: true, ...from })
    let said = ''
    const onData = (chunk: Buffer): void => {
      said += chunk.toString('latin1')
      if (!said.includes('\r\n\r\n')) return
      socket.off('data', onData)
      if (!/^HTTP\/1\.[01] 200 /.test(said)) return reject(new Error(`CONNECT ${host}: ${said.slice(0, 100)}`))
      resolve(socket)
    }
    socket.on('data', onData)
    socket.once('close', () => reject(new Error(`CONNECT ${host}: the proxy closed the connection`)))
    socket.on('error', reject)
    socket.write(`CONNECT ${host}:${originPort} HTTP/1.1\r\nHost: ${host}:${originPort}\r\n\r\n`)
  })
}

/** One connection inside a tunnel: a request at a time. */
export class Connection {
  readonly socket: TLSSocket
  isOpen = true
  private readonly reader = new AnswerReader(chunk => this.sink?.(chunk))
  private sink: ((chunk: Buffer) => void) | undefined
  private waiting: { resolve: (answer: AnswerStatus) => void; reject: (error: Error) => void } | null = null

  constructor(socket: TLSSocket) {
    this.socket = socket
    socket.on('data', (chunk: Buffer) => {
      try {
        const answer = this.reader.take(chunk)
        if (answer === null) return
        if (!answer.isKept) this.close()
        this.waiting?.resolve(answer)
        this.waiting = null
      } catch (error) {
        this.fail(error instanceof Error ? error : new Error(String(error)))
      }
    })
    let why = ''
    socket.on('error', error => { why = `: ${error.message}` })
    socket.once('close', () => this.fail(new Error(`the connection closed before the answer${why}`)))
  }

  static async open(way: Way, host: string, options?: TunnelOptions): Promise<Connection> {
    return new Connection(await openTunnel(way, host, options))
  }

  /** Sends a request, or its head; what the answer brings goes to `sink`. */
  ask(request: Buffer, sink?: (chunk: Buffer) => void): Promise<AnswerStatus> {
    this.sink = sink
    return new Promise((resolve, reject) => {
      this.waiting = { resolve, reject }
      if (this.isOpen) this.socket.write(request)
      else this.fail(new Error('the connection is closed'))
    })
  }

  /** As a client takes leave: with TLS's own end. */
  end(): void {
    this.isOpen = false
    this.socket.end()
  }

  close(): void {
    this.isOpen = false
    this.socket.destroy()
  }

  private fail(error: Error): void {
    this.close()
    this.waiting?.reject(error)
    this.waiting = null
  }
}

/** A request's head as bytes. Where the tunnel goes to another port than 443, Host says so too: Squid compares them. */
export function headOf({ originPort }: Way, method: string, host: string, path: string, fields: Readonly<Record<string, string | number>> = {}): Buffer {
  const authority = originPort === 443 ? host : `${host}:${originPort}`
  const common = { Host: authority, 'User-Agent': 'bench/1', Accept: '*/*', Authorization: AUTHORIZATION }
  const lines = Object.entries({ ...common, ...fields }).map(([name, value]) => `${name}: ${value}`)
  return Buffer.from([`${method} ${path} HTTP/1.1`, ...lines, '', ''].join('\r\n'), 'latin1')
}
