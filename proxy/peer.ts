/** Who is at the other end of a connection to the proxy port. */
import type { Socket } from 'node:net'
import { unmap } from './host-port.ts'
import type { Peer } from './tunnel.ts'

/** The users of connections that were let in by certificate. */
const certified = new WeakMap<object, string>()

/** From now on the connection is this user's. */
export function noteUser(socket: object, user: string): void {
  certified.set(socket, user)
}

export function peerOf(socket: Socket): Peer {
  const user = certified.get(socket)
  return { ip: unmap(socket.remoteAddress ?? ''), port: socket.remotePort ?? 0, ...user === undefined ? {} : { user } }
}
