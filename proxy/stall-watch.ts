/** Ends requests in which nothing moves or whose client has gone. One timer for all: a timer a request costs more than it tells. */
import type { RefusalCode } from './errors.ts'
import type { Exchange } from './exchange.ts'
import { probeClient } from './gone-probe.ts'

/** A client that owes us bytes of its body. Node's `requestTimeout` would cut long uploads that do move. */
const CLIENT_STALL_MS = 120_000
/** An origin that owes us an answer. Dropbox's long poll takes up to 480 s and 90 s of jitter (`list_folder/longpoll`). */
const ORIGIN_STALL_MS = 660_000
/** A WebSocket on which nothing moves; the same as for a spliced tunnel (`splice.ts`). */
const WEBSOCKET_STALL_MS = 3_600_000
const EVERY_MS = 1_000

export class StallWatch {
  private readonly timer: NodeJS.Timeout

  constructor(exchanges: ReadonlyMap<unknown, Exchange>, stalled: (exchange: Exchange, code: RefusalCode) => void) {
    this.timer = setInterval(() => {
      const now = performance.now()
      for (const exchange of exchanges.values()) {
        const code = judgeStall(exchange, now)
        if (code !== null) stalled(exchange, code)
        else probeClient(exchange)
      }
    }, EVERY_MS)
    this.timer.unref()
  }

  stop(): void {
    clearInterval(this.timer)
  }
}

/** Who keeps a request waiting too long, if anyone does. `now` is monotonic milliseconds. */
export function judgeStall(exchange: Exchange, now: number): RefusalCode | null {
  const idle = now - exchange.lastActivity
  if (exchange.status === 101) return idle > WEBSOCKET_STALL_MS ? 'upstream.timeout' : null
  const waitsForClient = !exchange.bodyEnded && exchange.upstream?.writableNeedDrain !== true
  if (waitsForClient && exchange.state !== 'answering') return idle > CLIENT_STALL_MS ? 'request.timeout' : null
  // An answer that its client does not read is no fault of the origin.
  const isUnread = exchange.state === 'answering' && exchange.response.writableNeedDrain
  return idle > ORIGIN_STALL_MS ? (isUnread ? 'request.timeout' : 'upstream.timeout') : null
}
