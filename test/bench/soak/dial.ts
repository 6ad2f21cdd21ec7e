/** Ways through the proxy for the clients of a soak, each from an address of its own. */
import { request } from 'node:http'
import https from 'node:https'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import tls from 'node:tls'

export interface Way {
  /** `http://127.0.0.1:port`. */
  readonly proxy: string
  /** A loopback address that nobody else comes from. */
  readonly from: string
  /** `Proxy-Authorization`; left out: none is sent. */
  readonly credential?: string
  /** PEM, of whoever is behind the tunnel. */
  readonly ca: string
}

const DIAL_MS = 60_000

/** The proxy answered CONNECT with something else than 200. */
export class NotConnected extends Error {
  override readonly name = 'NotConnected'
  readonly status: number

  constructor(status: number) {
    super(`CONNECT was answered ${status}`)
    this.status = status
  }
}

/** Opens a tunnel. Rejects with `NotConnected` where the proxy refuses it. */
export function openTunnel({ proxy, from, credential }: Way, target: string): Promise<Socket> {
  const { hostname, port } = new URL(proxy)
  return new Promise((resolve, reject) => {
    const asked = request({
      host: hostname, port: Number(port), localAddress: from, method: 'CONNECT', path: target, agent: false,
      headers: { host: target, ...credential !== undefined && { 'proxy-authorization': credential } },
    })
    asked.setTimeout(DIAL_MS, () => asked.destroy(new Error('the proxy did not answer CONNECT')))
    asked.once('connect', (answer, socket: Socket, head: Buffer) => {
      socket.setTimeout(0)
      if (head.length > 0) socket.unshift(head)
      if (answer.statusCode === 200) resolve(socket)
      else {
        socket.destroy()
        reject(new NotConnected(answer.statusCode ?? 0))
      }
    })
    asked.once('response', answer => {
      answer.destroy()
      reject(new NotConnected(answer.statusCode ?? 0))
    })
    asked.once('error', reject)
    asked.end()
  })
}

/** TLS within a tunnel, verified. */
export function secure(way: Way, socket: Socket, servername: string, protocol: 'http/1.1' | 'h2' = 'http/1.1'): Promise<tls.TLSSocket> {
  return new Promise((resolve, reject) => {
    const secured = tls.connect({ socket, servername, ca: way.ca, ALPNProtocols: [protocol] })
    const timer = setTimeout(() => secured.destroy(new Error('the handshake took too long')), DIAL_MS)
    const failed = (error: Error): void => {
      clearTimeout(timer)
      socket.destroy()
      reject(error)
    }
    const closed = (): void => failed(new Error('closed during the handshake'))
    secured.once('error', failed).once('close', closed)
    secured.once('secureConnect', () => {
      clearTimeout(timer)
      secured.off('close', closed)
      secured.off('error', failed)
      secured.on('error', () => secured.destroy()) // 'close' tells
      resolve(secured)
    })
  })
}

export async function dial(way: Way, host: string, protocol: 'http/1.1' | 'h2' = 'http/1.1'): Promise<tls.TLSSocket> {
  return secure(way, await openTunnel(way, `${host}:443`), host, protocol)
}

/** Keeps a client's tunnels for its next requests, as programs do. */
export class TunnelAgent extends https.Agent {
  readonly #way: Way

  constructor(way: Way) {
    super({ keepAlive: true, maxSockets: 4 })
    this.#way = way
  }

  override getName(options?: https.AgentOptions & { host?: string }): string {
    return options?.host ?? ''
  }

  override createConnection(options: { host?: string | null }, callback?: (error: Error | null, stream: Duplex) => void): undefined {
    // Node's callback takes no stream with an error, whatever its type says.
    const done = callback as ((error: Error | null, stream?: Duplex) => void) | undefined
    dial(this.#way, String(options.host)).then(socket => done?.(null, socket), (error: Error) => done?.(error))
  }
}
