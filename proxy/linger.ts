/** Reads a client that is still sending when it has its answer: were its connection closed at once, a reset would overtake what it has not read yet. */
import type { Readable } from 'node:stream'

/** It is read for this long, so that it sees the answer and no reset… */
const LINGER_MS = 2_000
/** …and at most this much, so that it cannot make us read for ever. */
const LINGER_BYTES = 64 * 1024 * 1024

/**
 * `over` is called once: the source has ended or is closed, or, `isCut`, it goes on for too long. `hasEnded`: whether it ends with this
 * piece, where the source itself goes on.
 */
export function linger(source: Readable, over: (isCut: boolean) => void, hasEnded?: (piece: Buffer) => boolean): void {
  let read = 0
  const stop = (isCut: boolean): void => {
    clearTimeout(timer)
    source.off('data', count)
    source.off('end', end)
    source.off('close', end)
    over(isCut)
  }
  const end = (): void => stop(false)
  const count = (piece: Buffer): void => {
    read += piece.length
    if (read > LINGER_BYTES) stop(true)
    else if (hasEnded?.(piece) === true) stop(false)
  }
  const timer = setTimeout(() => stop(true), LINGER_MS)
  source.once('end', end)
  source.once('close', end)
  source.on('data', count)
  source.resume()
}
