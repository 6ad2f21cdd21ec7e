import type { Duplex } from 'node:stream'

/** Writes nothing, which fails where the other side has reset the connection. For the TCP connection, not TLS above it. */
export function touch(socket: Duplex): void {
  if (socket.writable && socket.writableLength === 0) socket.write('')
}
