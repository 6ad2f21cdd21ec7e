import { createServer } from 'node:http'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { portOf } from './control.ts'

export interface Tunnel {
  /** `http://127.0.0.1:port`, for HTTPS_PROXY. */
  readonly url: string
  /** What CONNECT asked for, in order: `host:port`. */
  readonly targets: readonly string[]
  readonly close: () => Promise<void>
}

/** A CONNECT proxy that leads every tunnel to one port on loopback: the way to the stand-in without Sluice. */
export async function startTunnel(to: { readonly port: number }): Promise<Tunnel> {
  const targets: string[] = []
  const sockets = new Set<Socket>()
  const keep = (socket: Socket): void => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  }
  const server = createServer((_request, response) => {
    response.writeHead(405, { 'content-type': 'text/plain' }).end('only CONNECT\n')
  })
  server.on('connection', keep)
  server.on('connect', (request, client, head) => {
    targets.push(request.url ?? '')
    const upstream = connect(to.port, '127.0.0.1', () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n')
      upstream.write(head)
      client.pipe(upstream).pipe(client)
    })
    keep(upstream)
    upstream.on('error', () => client.destroy())
    client.on('error', () => upstream.destroy())
    client.on('close', () => upstream.destroy())
  })
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${portOf(server.address())}`,
    targets,
    close: async () => {
      const closed = new Promise<void>(resolve => server.close(() => resolve()))
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}
