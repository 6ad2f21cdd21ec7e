/** Ends requests in which nothing moves or whose client has gone. One timer for all: a timer a request costs more than it tells. */
import type { ProxyLimits } from './config-limits.ts'
import type { RefusalCode } from './errors.ts'
import type { Exchange } from './exchange.ts'
import type { Roster } from './roster.ts'

/** Node's `requestTimeout` would cut long uploads that do move. */
export type StallLimits = Pick<ProxyLimits, 'bodyStall' | 'answerStall' | 'tunnelIdle'>

const EVERY_MS = 1_000

export class StallWatch<E extends Exchange> {
  private readonly timer: NodeJS.Timeout

  constructor(exchanges: Pick<Roster<E>, 'values'>, limits: StallLimits, stalled: (exchange: E, by: RefusalCode | 'idle') => void) {
    this.timer = setInterval(() => {
      const now = performance.now()
      for (const exchange of exchanges.values()) {
        // One that was ended may have ended others.
        if (exchange.state === 'done') continue
        const by = judgeStall(exchange, limits, now)
        if (by !== null) stalled(exchange, by)
        else exchange.probe()
      }
    }, EVERY_MS)
    this.timer.unref()
  }

  stop(): void {
    clearInterval(this.timer)
  }
}

/** Who keeps a request waiting too long, if anyone does; `idle`: nothing moves on a WebSocket. `now` is monotonic milliseconds. */
export function judgeStall(exchange: Exchange, { bodyStall, answerStall, tunnelIdle }: StallLimits, now: number): RefusalCode | 'idle' | null {
  const idle = now - exchange.lastActivity
  if (exchange.status === 101) return idle > tunnelIdle ? 'idle' : null
  const waitsForClient = !exchange.bodyEnded && !exchange.isHeldBack
  if (waitsForClient && exchange.state !== 'answering') return idle > bodyStall ? 'request.timeout' : null
  // An answer that its client does not read is no fault of the origin.
  const isUnread = exchange.state === 'answering' && exchange.isUnread
  return idle > answerStall ? (isUnread ? 'request.timeout' : 'upstream.timeout') : null
}
