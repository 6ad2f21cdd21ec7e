/** Reading of plain sockets into one buffer for all of them. */
import net from 'node:net'
import { TLSSocket } from 'node:tls'
import type { Duplex } from 'node:stream'
import { readInto } from './read-into.ts'

/** As large as Node's own reads; twice or four times as much saves nothing that can be measured. */
export const SHARED_BYTES = 64 * 1024

const SHARED = Buffer.allocUnsafeSlow(SHARED_BYTES)

/**
 * From now on `take` gets what arrives, and nothing else does: there is no `data` any more, but for what the socket has read before; all
 * other events come as ever. False: this cannot be done with the stream, which stays as it was.
 */
export function readShared(stream: Duplex, take: (bytes: Buffer) => void): boolean {
  // Within TLS what arrives is deciphered into other buffers first, and comes on whether it is stopped or not.
  if (!(stream instanceof net.Socket) || stream instanceof TLSSocket) return false
  return readInto(stream, SHARED, (length) => {
    take(length === SHARED_BYTES ? SHARED : SHARED.subarray(0, length))
    return true
  })
}
