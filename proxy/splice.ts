/** A tunnel that is not opened: bytes pass blind, both ways, at the pace of the slower side, and are counted. */
import { pipeline, Transform } from 'node:stream'
import type { Duplex } from 'node:stream'

/** A tunnel in which nothing moves for this long is closed. Idle WebSockets and push channels stay under an hour. */
const IDLE_MS = 3_600_000

export interface SpliceCounts {
  readonly up: number
  readonly down: number
}

/**
 * Joins client and origin; `done` is called once when both have closed. `take` is asked before bytes of the client's are passed on;
 * false: the tunnel ends there.
 */
export function splice(client: Duplex, origin: Duplex, done: (counts: SpliceCounts) => void, take: ((bytes: number) => boolean) | null = null): void {
  // Sockets that Node connects close both ways when the other side closes one.
  origin.allowHalfOpen = true
  let up = 0
  let down = 0
  let last = performance.now()
  let open = 2
  const timer = setInterval(() => {
    if (performance.now() - last < IDLE_MS) return
    client.destroy()
    origin.destroy()
  }, 60_000)
  timer.unref()
  client.on('data', (chunk: Buffer) => {
    up += chunk.length
    last = performance.now()
  })
  origin.on('data', (chunk: Buffer) => {
    down += chunk.length
    last = performance.now()
  })
  const closed = (other: Duplex) => (error: unknown): void => {
    // A clean end of one direction leaves the other open (half-close); a failure ends both.
    if (error !== null && error !== undefined) other.destroy()
    open -= 1
    if (open > 0) return
    clearInterval(timer)
    client.destroy()
    origin.destroy()
    done({ up, down })
  }
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
