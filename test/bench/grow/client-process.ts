/**
 * A client in a process of its own, told by messages what to open: so many tunnels more, each from an address of its own, left open and idle
 * (`keep`) or closed after the handshake. Answers `done` when all are there.
 */
import net from 'node:net'
import tls from 'node:tls'

export interface OpenMore {
  readonly proxy: string
  readonly ca: string
  /** Numbers of the tunnels. */
  readonly from: number
  readonly to: number
  /** `#` stands for the number. */
  readonly host: string
  readonly protocol: 'http/1.1' | 'h2'
  /** The tunnel is opened by Sluice: what it shows is verified. Else the client is connected with the origin, and that is left to others. */
  readonly verify: boolean
  readonly keep: boolean
  /** One request through each, answered, before it is left: one that has carried none is closed by the limit on how long a head may take. */
  readonly ask: boolean
}

const AT_ONCE = 32
const kept: tls.TLSSocket[] = []

process.on('message', (more: OpenMore) => {
  const context = tls.createSecureContext({ ca: more.ca })
  let next = more.from
  const work = async (): Promise<void> => {
    while (next < more.to) await open(more, next++, context)
  }
  Promise.all(Array.from({ length: AT_ONCE }, work)).then(() => process.send?.('done'), (error: unknown) => {
    console.error(error)
    process.exit(1)
  })
})
process.on('disconnect', () => process.exit())

async function open(more: OpenMore, i: number, secureContext: tls.SecureContext): Promise<void> {
  const host = more.host.replace('#', String(i))
  const { hostname, port } = new URL(more.proxy)
  const socket = net.connect({ host: hostname, port: Number(port), localAddress: `127.1.${(i >> 7) & 255}.${1 + (i & 127)}` })
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject)
    socket.once('data', head => head.toString('latin1').startsWith('HTTP/1.1 200') ? resolve() : reject(new Error(head.toString('latin1'))))
    socket.write(`CONNECT ${host}:443 HTTP/1.1\r\nHost: ${host}:443\r\n\r\n`)
  })
  const secured = tls.connect({ socket, servername: host, secureContext, ALPNProtocols: [more.protocol], rejectUnauthorized: more.verify })
  await new Promise<void>((resolve, reject) => secured.once('secureConnect', resolve).once('error', reject))
  if (more.ask) await ask(secured, host)
  if (more.keep) kept.push(secured.on('error', () => secured.destroy()))
  else await new Promise<void>(resolve => secured.once('close', () => resolve()).destroy())
}

/** What the answer says is not looked at, but that its connection stays. */
async function ask(secured: tls.TLSSocket, host: string): Promise<void> {
  let said = ''
  await new Promise<void>((resolve, reject) => {
    const take = (bytes: Buffer): void => {
      said += bytes.toString('latin1')
      if (!said.includes('\r\n\r\n')) return
      secured.off('data', take).off('close', gone)
      if (/^HTTP\/1\.1 [2-5][^]*?\r\nconnection: close\r\n/i.test(said)) reject(new Error(said))
      else resolve()
    }
    const gone = (): void => reject(new Error(`closed after ${JSON.stringify(said)}`))
    secured.on('data', take).once('close', gone)
    secured.write(`GET /robots.txt HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
  })
  // What is left of the body.
  secured.resume()
}
