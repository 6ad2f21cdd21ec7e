/**
 * Reading of a socket into a buffer of ours. Node's own way makes one for each read, which the system has to give anew and which stays
 * until it is collected. It has the option `onread` for that (net.Socket), but none for sockets that a server has accepted or others have opened.
 */
import net from 'node:net'

/** Takes the first `length` bytes of the buffer, which are others' as soon as it returns. False: it is to read no more; `resume` goes on. */
type OnRead = (length: number) => boolean

/** What Node keeps of `onread`, by keys that have no name elsewhere. */
interface Internals {
  [key: symbol]: Buffer | OnRead
  readonly _handle?: { readonly useUserBuffer?: (buffer: Buffer) => void } | null
}

const KEYS = findKeys()

/** From now on what arrives comes to `onRead`, and not as `data`; all other events come as ever. False: this Node works in another way, and nothing is changed. */
export function readInto(socket: net.Socket, buffer: Buffer, onRead: OnRead): boolean {
  const internals = internalsOf(socket)
  const handle = internals._handle
  if (KEYS === null || typeof handle?.useUserBuffer !== 'function') return false
  internals[KEYS.buffer] = buffer
  internals[KEYS.onRead] = onRead
  handle.useUserBuffer(buffer)
  return true
}

/** Where a socket has what it was constructed with. Null: this Node keeps it in another way. */
function findKeys(): { readonly buffer: symbol; readonly onRead: symbol } | null {
  const given = Buffer.alloc(1)
  const callback: OnRead = () => true
  const probe = new net.Socket({ onread: { buffer: given, callback } })
  const internals = internalsOf(probe)
  const keyOf = (value: Buffer | OnRead): symbol | undefined => Object.getOwnPropertySymbols(probe).find((key) => internals[key] === value)
  const [buffer, onRead] = [keyOf(given), keyOf(callback)]
  probe.destroy()
  return buffer === undefined || onRead === undefined ? null : { buffer, onRead }
}

function internalsOf(socket: net.Socket): Internals {
  return socket as unknown as Internals
}
