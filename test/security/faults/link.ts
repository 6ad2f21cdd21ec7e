/** A TCP link before a server on loopback that can be slow, or carry nothing any more without closing. */
import { once } from 'node:events'
import net from 'node:net'
import type { AddressInfo, Socket } from 'node:net'

export interface Link {
  readonly port: number
  /** Every piece comes so much later, either way. 0: at once. */
  slow(ms: number): void
  /** Carries nothing of what is sent from now on, and says nothing of it either. */
  cut(): void
  /** Carries again; what was sent into the cut link is lost with its connection. */
  mend(): void
  close(): Promise<void>
}

export async function startLink(target: number): Promise<Link> {
  const pairs = new Set<readonly [Socket, Socket]>()
  let delayMs = 0
  let isCut = false
  const carry = (from: Socket, to: Socket): void => {
    from.on('data', (chunk: Buffer) => {
      if (isCut) return
      if (delayMs === 0) to.write(chunk)
      else setTimeout(() => void (isCut || to.destroyed || to.write(chunk)), delayMs).unref()
    })
    from.on('error', () => to.destroy())
    from.on('close', () => to.destroy())
  }
  const server = net.createServer((client) => {
    const behind = net.connect(target, '127.0.0.1')
    const pair = [client, behind] as const
    pairs.add(pair)
    client.once('close', () => pairs.delete(pair))
    carry(client, behind)
    carry(behind, client)
  })
  const drop = (): void => {
    for (const pair of pairs) for (const socket of pair) socket.destroy()
  }
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    slow: (ms) => { delayMs = ms },
    cut: () => { isCut = true },
    mend: () => {
      isCut = false
      drop()
    },
    close: async () => {
      const closed = once(server, 'close')
      server.close()
      drop()
      await closed
    },
  }
}
