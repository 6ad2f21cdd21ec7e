/** A tunnel that is not opened: bytes pass blind, both ways, at the pace of the slower side, and are counted. */
import { pipeline, Transform } from 'node:stream'
import type { Duplex } from 'node:stream'
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

/** Joins client and origin; `done` is called once when both have closed. */
export function splice(client: Duplex, origin: Duplex, { watch, startedAt, take = null }: SpliceOptions, done: (counts: SpliceCounts) => void): void {
  // Sockets that Node connects close both ways when the other side closes one.
  origin.allowHalfOpen = true
  let up = 0
  let down = 0
  let open = 2
  const watched = {
    startedAt,
    lastActivity: performance.now(),
    end(): void {
      client.destroy()
      origin.destroy()
    },
  }
  const leave = watch.add(watched)
  client.on('data', (chunk: Buffer) => {
    up += chunk.length
    watched.lastActivity = performance.now()
  })
  origin.on('data', (chunk: Buffer) => {
    down += chunk.length
    watched.lastActivity = performance.now()
  })
  const closed = (other: Duplex) => (error: unknown): void => {
    // A clean end of one direction leaves the other open (half-close); a failure ends both.
    if (error !== null && error !== undefined) other.destroy()
    open -= 1
    if (open > 0) return
    leave()
    client.destroy()
    origin.destroy()
    done({ up, down })
  }
  // Both directions together put a few more listeners on each side than Node takes for a leak (10).
  for (const side of [client, origin]) side.setMaxListeners(20)
  if (take === null) pipeline(client, origin, closed(client))
  else pipeline(client, gate(take), origin, closed(client))
  pipeline(origin, client, closed(origin))
}

function gate(take: (bytes: number) => boolean): Transform {
  return new Transform({
    transform(chunk: Buffer, _encoding, callback) {
      if (take(chunk.length)) callback(null, chunk)
      else callback(new Error('cut by policy'))
    },
  })
}
