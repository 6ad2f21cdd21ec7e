/**
 * Reading of sockets into one buffer for all of them: Node's own way makes one of 64 KiB for each read, in memory that the system has to
 * give anew, and which stays until it is collected. It has the option `onread` for that, but none for sockets that a server has accepted.
 */
import net from 'node:net'
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { Duplex } from 'node:stream'

/** As large as Node's own reads; twice or four times as much saves nothing that can be measured. */
export const SHARED_BYTES = 64 * 1024

/** Takes the first `length` bytes of `shared`, which are others' as soon as it returns. False: it is to read no more; `resume` goes on. */
type Take = (length: number, shared: Buffer) => boolean

/** What Node keeps of `onread`, by keys that have no name elsewhere. */
interface ReadingSocket {
  [key: symbol]: Buffer | Take
  readonly _handle?: { readonly useUserBuffer?: (buffer: Buffer) => void } | null
}

const SHARED = Buffer.allocUnsafeSlow(SHARED_BYTES)
const KEYS = findKeys()

/**
 * From now on `take` gets what arrives, and nothing else does: there is no `data` any more, but for what the socket has read before; all
 * other events come as ever. False: this cannot be done with the stream, which stays as it was.
 */
export function readShared(stream: Duplex, take: (bytes: Buffer) => void): boolean {
  // Within TLS what arrives is deciphered into other buffers first, and comes on whether it is stopped or not.
  if (KEYS === null || !(stream instanceof net.Socket) || stream instanceof TLSSocket) return false
  const socket = reading(stream)
  const handle = socket._handle
  if (typeof handle?.useUserBuffer !== 'function') return false
  socket[KEYS.buffer] = SHARED
  socket[KEYS.take] = (length) => {
    take(length === SHARED_BYTES ? SHARED : SHARED.subarray(0, length))
    return true
  }
  handle.useUserBuffer(SHARED)
  return true
}

/** Where a socket has what it was constructed with. Null: this Node keeps it in another way. */
function findKeys(): { readonly buffer: symbol; readonly take: symbol } | null {
  const callback: Take = () => true
  const probe = new net.Socket({ onread: { buffer: SHARED, callback } })
  const socket = reading(probe)
  const keyOf = (value: Buffer | Take): symbol | undefined => Object.getOwnPropertySymbols(probe).find((key) => socket[key] === value)
  const [buffer, take] = [keyOf(SHARED), keyOf(callback)]
  probe.destroy()
  return buffer === undefined || take === undefined ? null : { buffer, take }
}

function reading(socket: Socket): ReadingSocket {
  return socket as unknown as ReadingSocket
}
