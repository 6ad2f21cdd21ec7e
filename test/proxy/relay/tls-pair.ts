/** Both ends of a TLS connection in this process. */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import tls from 'node:tls'
import type { TLSSocket } from 'node:tls'
import { makeAuthority } from '../../e2e/tls-server.ts'

const NAME = 'a.example'

export interface TlsPair {
  /** The side that connected, and the one that accepted. */
  readonly near: TLSSocket
  readonly far: TLSSocket
  close(): Promise<void>
}

export async function openPair(): Promise<TlsPair> {
  const authority = await makeAuthority()
  const server = tls.createServer(authority.leaf({ names: [NAME] })).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const accepted = once(server, 'secureConnection') as Promise<[TLSSocket]>
  const near = tls.connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', servername: NAME, ca: authority.pem })
  near.on('error', () => undefined)
  await once(near, 'secureConnect')
  const [far] = await accepted
  far.on('error', () => undefined)
  return {
    near, far,
    close: async () => {
      near.destroy()
      far.destroy()
      server.close()
      await authority.close()
    },
  }
}
