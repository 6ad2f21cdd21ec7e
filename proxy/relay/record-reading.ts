/**
 * Reading of TLS connections into one buffer for all of them, while bodies pass: Node's own way makes a buffer for each record, which stays
 * until it is collected. Node has the option `onread` for that, but none for connections that others have opened.
 */
import net from 'node:net'
import type { TLSSocket } from 'node:tls'

/** What one record carries at most (RFC 8446 §5.1). */
const RECORD = 16 * 1024
/** Whose records are smaller does not send much at a time. */
export const BULK = 8 * 1024

/** Takes bytes that are others' as soon as it returns. False: it took none of them, and they come as `data`. */
export type TakeRecord = (bytes: Buffer) => boolean

type OnRead = (length: number) => boolean

/** What Node keeps of `onread`, by keys that have no name elsewhere. */
interface Internals {
  [key: symbol]: Buffer | OnRead
  readonly _handle?: { readonly useUserBuffer?: (buffer: Buffer) => void } | null
}

interface Reading {
  take: TakeRecord | null
}

const SHARED = Buffer.allocUnsafeSlow(RECORD)
const KEYS = findKeys()
const readings = new WeakMap<TLSSocket, Reading>()

/** From now on `take` is asked first for what arrives; whoever came before it is not any more. Without effect where this Node works in another way. */
export function takeRecords(socket: TLSSocket, take: TakeRecord): void {
  const known = readings.get(socket)
  if (known !== undefined) {
    known.take = take
    return
  }
  const internals = internalsOf(socket)
  const handle = internals._handle
  if (KEYS === null || typeof handle?.useUserBuffer !== 'function') return
  const reading: Reading = { take }
  readings.set(socket, reading)
  internals[KEYS.buffer] = SHARED
  internals[KEYS.onRead] = (length) => {
    const bytes = length === RECORD ? SHARED : SHARED.subarray(0, length)
    // What came before it has not been taken yet.
    if (socket.readableLength === 0 && reading.take?.(bytes) === true) return true
    const own = Buffer.allocUnsafeSlow(length)
    bytes.copy(own)
    return socket.push(own)
  }
  handle.useUserBuffer(SHARED)
}

/** All that arrives comes as `data` again. */
export function leaveRecords(socket: TLSSocket): void {
  const known = readings.get(socket)
  if (known !== undefined) known.take = null
}

/** Where a socket has what it was constructed with. Null: this Node keeps it in another way. */
function findKeys(): { readonly buffer: symbol; readonly onRead: symbol } | null {
  const callback: OnRead = () => true
  const probe = new net.Socket({ onread: { buffer: SHARED, callback } })
  const internals = internalsOf(probe)
  const keyOf = (value: Buffer | OnRead): symbol | undefined => Object.getOwnPropertySymbols(probe).find((key) => internals[key] === value)
  const [buffer, onRead] = [keyOf(SHARED), keyOf(callback)]
  probe.destroy()
  return buffer === undefined || onRead === undefined ? null : { buffer, onRead }
}

function internalsOf(socket: net.Socket): Internals {
  return socket as unknown as Internals
}
