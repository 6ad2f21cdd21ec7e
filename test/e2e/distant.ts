/** A way to the proxy that is long: what passes arrives later, in the order and at the pace in which it was sent. */
import { once } from 'node:events'
import net from 'node:net'
import type { AddressInfo } from 'node:net'
import type { World } from './world.ts'

export interface Distant extends Pick<World, 'proxy' | 'caFile'> {
  /** Bytes that clients have sent. */
  readonly sent: () => number
  close(): Promise<void>
}

/** `roundTripMs`: there and back. */
export async function keepDistance(world: Pick<World, 'proxy' | 'caFile'>, roundTripMs: number): Promise<Distant> {
  const { hostname, port } = new URL(world.proxy)
  const open = new Set<net.Socket>()
  let sent = 0
  const pass = (from: net.Socket, to: net.Socket, count: (bytes: number) => void): void => {
    open.add(from)
    const later = (act: () => void): void => { setTimeout(() => { if (!to.destroyed) act() }, roundTripMs / 2) }
    from.setNoDelay(true)
    from.on('error', () => from.destroy())
    from.on('data', (chunk: Buffer) => {
      count(chunk.length)
      later(() => to.write(chunk))
    })
    from.on('end', () => later(() => to.end()))
    from.on('close', () => {
      open.delete(from)
      later(() => to.destroy())
    })
  }
  const server = net.createServer({ allowHalfOpen: true }, (client) => {
    const proxy = net.connect({ host: hostname, port: Number(port), allowHalfOpen: true })
    pass(client, proxy, (bytes) => { sent += bytes })
    pass(proxy, client, () => undefined)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    proxy: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    caFile: world.caFile,
    sent: () => sent,
    async close() {
      for (const socket of open) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
