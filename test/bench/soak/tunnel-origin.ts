/**
 * A TLS host of no provider. A client says in a first line what it wants, `ID UP DOWN`, sends UP bytes, is sent DOWN
 * bytes, and both close. What passes below the TLS is counted.
 */
import { createServer } from 'node:net'
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { makeTestCa } from '../../origin/ca.ts'
import { portOf } from '../../origin/control.ts'

export const TUNNEL_HOST = 'tunnel.example'
const PIECE = Buffer.alloc(32 << 10, 'soak tunnel ')
const LINE_LIMIT = 200

export interface TunnelCount {
  /** Empty: the connection ended before it said. */
  readonly id: string
  /** Bytes below the TLS that came from the client, and that were sent to it. */
  readonly up: number
  readonly down: number
}

export interface TunnelOrigin {
  readonly ca: string
  readonly address: string
  readonly counts: () => readonly TunnelCount[]
  readonly close: () => Promise<void>
}

export async function startTunnelOrigin(): Promise<TunnelOrigin> {
  const ca = makeTestCa()
  const secureContext = ca.contextFor(TUNNEL_HOST)
  const counts: TunnelCount[] = []
  const open = new Set<Socket>()
  const server = createServer(socket => {
    open.add(socket)
    let id = ''
    socket.once('close', () => {
      open.delete(socket)
      counts.push({ id, up: socket.bytesRead, down: socket.bytesWritten })
    })
    socket.on('error', () => undefined) // 'close' follows
    serve(new TLSSocket(socket, { isServer: true, secureContext }), told => { id = told })
  })
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve))
  return {
    ca: ca.pem,
    address: `127.0.0.1:${portOf(server.address())}`,
    counts: () => counts,
    close: () => new Promise(resolve => {
      server.close(() => resolve())
      for (const socket of open) socket.destroy()
    }),
  }
}

function serve(tls: TLSSocket, told: (id: string) => void): void {
  let line = ''
  let left = -1
  let down = 0
  tls.on('error', () => tls.destroy())
  tls.on('data', (chunk: Buffer) => {
    if (left < 0) {
      line += chunk.toString('latin1')
      const end = line.indexOf('\n')
      if (end < 0) {
        if (line.length > LINE_LIMIT) tls.destroy()
        return
      }
      const [id = '', up = '0', wanted = '0'] = line.slice(0, end).split(' ')
      told(id)
      down = Number(wanted)
      left = Number(up) - (line.length - end - 1)
    } else left -= chunk.length
    if (left <= 0) send()
  })
  const send = (): void => {
    while (down > 0) {
      const piece = PIECE.subarray(0, Math.min(down, PIECE.length))
      down -= piece.length
      if (!tls.write(piece)) {
        tls.once('drain', send)
        return
      }
    }
    tls.end()
  }
}
