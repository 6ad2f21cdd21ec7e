/** Worlds with `proxy.limits`, before a server of bytes that is passed on blind and one of WebSockets. */
import { once } from 'node:events'
import https from 'node:https'
import net from 'node:net'
import type { AddressInfo, Server } from 'node:net'
import type { Duplex } from 'node:stream'
import { makeAuthority } from '../e2e/tls-server.ts'
import type { Authority } from '../e2e/tls-server.ts'
import { ALLOW_ALL, API } from '../e2e/wire.ts'
import { startWorld } from '../e2e/world.ts'
import type { World } from '../e2e/world.ts'

/** A host that is passed on blind; what comes is sent back. */
export const BLIND = 'raw.example'

export interface LimitedWorlds {
  readonly authority: Authority
  /** `more`: further configuration, merged over it by section. */
  start(limits: Record<string, unknown>, more?: Record<string, Record<string, unknown>>): Promise<World>
}

/** All of it ends with the test `t`. */
export async function limitedWorlds(t: { teardown(done: () => unknown): void }): Promise<LimitedWorlds> {
  const authority = await makeAuthority()
  t.teardown(() => authority.close())
  const echo = (socket: Duplex): void => {
    socket.on('error', () => socket.destroy())
    socket.pipe(socket)
  }
  const blind = await bind(net.createServer(echo))
  const leaf = authority.leaf({ names: [API] })
  const webSockets = await bind(https.createServer({ cert: leaf.cert, key: leaf.key }).on('upgrade', (_request, socket: Duplex) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
    echo(socket)
  }))
  for (const { server } of [blind, webSockets]) t.teardown(() => server.close())
  return {
    authority,
    async start(limits, more = {}) {
      const world = await startWorld({ config: (origin) => ({
        intercept: { opaque: 'splice' },
        upstream: {
          hosts: { ...origin.upstreamHosts(), [`${BLIND}:443`]: blind.address, [`${API}:443`]: webSockets.address },
          ca: [origin.caFile, authority.file],
        },
        ...more,
        proxy: { ...more.proxy, limits },
      }) })
      t.teardown(() => world.close())
      await world.setPolicy(ALLOW_ALL)
      return world
    },
  }
}

async function bind(server: Server): Promise<{ server: Server; address: string }> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { server, address: `127.0.0.1:${(server.address() as AddressInfo).port}` }
}
