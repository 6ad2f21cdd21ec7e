/** An edge as large providers have: one address and one certificate for a storage host and another name, told apart by Host alone. */
import { createSecureServer } from 'node:http2'
import type { AddressInfo, Socket } from 'node:net'
import { makeAuthority } from './tls-server.ts'
import { CONTENT, UPLOAD } from './wire.ts'

/** In no catalogue. */
export const NEUTRAL = 'neutral.example'

export interface SharedEdge {
  /** For `upstream.hosts`. */
  readonly hosts: Readonly<Record<string, string>>
  readonly caFile: string
  readonly ca: string
  /** Bytes of the files that came whole. */
  readonly stored: () => number
  /** Body bytes that arrived for the storage host, whole or not. */
  readonly arrived: () => number
  reset(): void
  close(): Promise<void>
}

/** Speaks HTTP/2 and HTTP/1.1; stores what is uploaded under the name of the storage host, whatever name the TLS was for. */
export async function startSharedEdge(): Promise<SharedEdge> {
  const authority = await makeAuthority()
  let stored = 0
  let arrived = 0
  const server = createSecureServer({ ...authority.leaf({ names: [CONTENT, NEUTRAL] }), allowHTTP1: true }, (request, response) => {
    const host = (request.authority ?? request.headers.host ?? '').replace(/:443$/, '')
    let bytes = 0
    request.on('error', () => undefined) // broken off
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (host === CONTENT) arrived += chunk.length
    })
    request.on('end', () => {
      if (request.method === 'POST' && request.url === UPLOAD && host === CONTENT) stored += bytes
      response.writeHead(200, { 'content-type': 'text/plain' })
      response.end(host)
    })
  })
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined) // cut by the proxy
    socket.once('close', () => sockets.delete(socket))
  })
  server.on('tlsClientError', () => undefined)
  server.on('sessionError', () => undefined)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    hosts: { [`${CONTENT}:443`]: address, [`${NEUTRAL}:443`]: address },
    caFile: authority.file,
    ca: authority.pem,
    stored: () => stored,
    arrived: () => arrived,
    reset() {
      stored = 0
      arrived = 0
    },
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      for (const socket of sockets) socket.destroy()
      await closed
      await authority.close()
    },
  }
}
