/** A tunnel that is not opened: bytes pass blind, both ways, at the pace of the slower side, and are counted. */
import type { Duplex } from 'node:stream'
import { readShared, SHARED_BYTES } from './shared-reading.ts'
import type { TunnelWatch } from './tunnel-watch.ts'

export interface SpliceCounts {
  readonly up: number
  readonly down: number
}

export interface SpliceOptions {
  /** Ends it when nothing moves, or when it has lasted long enough since `startedAt` (monotonic milliseconds). */
  readonly watch: Pick<TunnelWatch, 'add'>
  readonly startedAt: number
  /** Asked before bytes of the client's are passed on; false: the tunnel ends there. */
  readonly take?: ((bytes: number) => boolean) | null
}

/** Joins client and origin; `done` is called once, when both have closed their sides or one has failed. */
export function splice(client: Duplex, origin: Duplex, { watch, startedAt, take = null }: SpliceOptions, done: (counts: SpliceCounts) => void): void {
  // Sockets that Node connects close both ways when the other side closes one.
  origin.allowHalfOpen = true
  let up = 0
  let down = 0
  let isOver = false
  const end = (): void => {
    if (isOver) return
    isOver = true
    leave()
    client.destroy()
    origin.destroy()
    done({ up, down })
  }
  const watched = { startedAt, lastActivity: performance.now(), end }
  const leave = watch.add(watched)
  pass(client, origin, (bytes) => {
    // A stream that is destroyed still gives what it had read.
    if (isOver) return false
    up += bytes
    watched.lastActivity = performance.now()
    if (take === null || take(bytes)) return true
    end()
    return false
  })
  pass(origin, client, (bytes) => {
    if (isOver) return false
    down += bytes
    watched.lastActivity = performance.now()
    return true
  })
  for (const side of [client, origin]) {
    // It closes after that.
    side.on('error', () => undefined)
    side.on('finish', () => { if (client.writableFinished && origin.writableFinished) end() })
    // A clean end of one direction leaves the other open (half-close); a failure ends both.
    side.on('close', () => { if (!side.readableEnded || !side.writableFinished) end() })
    if (side.destroyed) end()
  }
}

/** Passes on what `from` sends, and its end. `mayPass` is asked before; false: nothing of it goes further. */
function pass(from: Duplex, to: Duplex, mayPass: (bytes: number) => boolean): void {
  /** A block that is being written. */
  let block: Buffer | null = null
  const sent = (): void => {
    if (!from.isPaused() || to.writableLength > 0 || to.destroyed) return
    if (block !== null) giveBack(block)
    block = null
    from.resume()
  }
  /** Whether all of it has left. Else nothing more is read until it has. */
  const send = (bytes: Buffer): boolean => {
    to.write(bytes, sent)
    if (to.writableLength === 0) return true
    from.pause()
    return false
  }
  from.on('data', (bytes: Buffer) => { if (mayPass(bytes.length)) send(bytes) })
  from.on('end', () => to.end())
  if (from.readableEnded) to.end()
  readShared(from, (bytes) => {
    if (!mayPass(bytes.length)) return
    bytes.copy(spare)
    if (send(bytes.length === SHARED_BYTES ? spare : spare.subarray(0, bytes.length))) return
    block = spare
    spare = spares.pop() ?? newBlock()
  })
  from.resume()
}

/** What is passed on is copied here, where it can stay until it has left. Most leaves at once, and the same block serves again. */
let spare = newBlock()
const spares: Buffer[] = []
/** More are left to the collector. */
const MOST_SPARES = 16

function newBlock(): Buffer {
  return Buffer.allocUnsafeSlow(SHARED_BYTES)
}

function giveBack(block: Buffer): void {
  if (spares.length < MOST_SPARES) spares.push(block)
}
