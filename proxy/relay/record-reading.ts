/** Reading of TLS connections into one buffer for all of them, while bodies pass. */
import type { TLSSocket } from 'node:tls'
import { readInto } from '../read-into.ts'

/** What one record carries at most (RFC 8446 §5.1). */
const RECORD = 16 * 1024
/** Whose records are smaller does not send much at a time. */
export const BULK = 8 * 1024

/** Takes bytes that are others' as soon as it returns. False: it took none of them, and they come as `data`. */
export type TakeRecord = (bytes: Buffer) => boolean

interface Reading {
  take: TakeRecord | null
}

const SHARED = Buffer.allocUnsafeSlow(RECORD)
const readings = new WeakMap<TLSSocket, Reading>()

/** From now on `take` is asked first for what arrives; whoever came before it is not any more. Without effect where this Node works in another way. */
export function takeRecords(socket: TLSSocket, take: TakeRecord): void {
  const known = readings.get(socket)
  if (known !== undefined) {
    known.take = take
    return
  }
  const reading: Reading = { take }
  const isRead = readInto(socket, SHARED, (length) => {
    const bytes = length === RECORD ? SHARED : SHARED.subarray(0, length)
    // What came before it has not been taken yet.
    if (socket.readableLength === 0 && reading.take?.(bytes) === true) return true
    const own = Buffer.allocUnsafeSlow(length)
    bytes.copy(own)
    return socket.push(own)
  })
  if (isRead) readings.set(socket, reading)
}

/** All that arrives comes as `data` again. */
export function leaveRecords(socket: TLSSocket): void {
  const known = readings.get(socket)
  if (known !== undefined) known.take = null
}
