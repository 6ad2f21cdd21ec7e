/** Ends tunnels in which nothing moves, and those that have lasted long enough. One timer for all. */
import type { ProxyLimits } from './config-limits.ts'
import { Roster } from './roster.ts'

/** What is watched of a tunnel; times are monotonic milliseconds. */
export interface Watched {
  readonly startedAt: number
  /** When the last byte passed, either way; null where somebody else looks after that. */
  readonly lastActivity: number | null
  /** Called once. A tunnel that has lasted long enough may finish what is under way, where it knows what that is. */
  end(by: 'idle' | 'age'): void
}

const EVERY_MS = 1_000

export class TunnelWatch {
  readonly #limits: Pick<ProxyLimits, 'tunnelIdle' | 'tunnelAge'>
  readonly #ended: (by: 'idle' | 'age') => void
  readonly #tunnels = new Roster<Watched>()
  readonly #timer: NodeJS.Timeout

  constructor(limits: Pick<ProxyLimits, 'tunnelIdle' | 'tunnelAge'>, ended: (by: 'idle' | 'age') => void) {
    this.#limits = limits
    this.#ended = ended
    this.#timer = setInterval(() => { this.#look(performance.now()) }, EVERY_MS)
    this.#timer.unref()
  }

  /** What comes back is called when the tunnel ends, by itself or not. */
  add(tunnel: Watched): () => void {
    const seat = this.#tunnels.join(tunnel)
    return () => { this.#tunnels.leave(seat) }
  }

  close(): void {
    clearInterval(this.#timer)
  }

  #look(now: number): void {
    for (const seat of this.#tunnels.seats()) {
      const by = judgeTunnel(seat.member, this.#limits, now)
      if (by === null || !this.#tunnels.leave(seat)) continue
      this.#ended(by)
      seat.member.end(by)
    }
  }
}

/** Which limit a tunnel has reached. `now` is monotonic milliseconds. */
export function judgeTunnel(
  { startedAt, lastActivity }: Pick<Watched, 'startedAt' | 'lastActivity'>, { tunnelIdle, tunnelAge }: Pick<ProxyLimits, 'tunnelIdle' | 'tunnelAge'>, now: number,
): 'idle' | 'age' | null {
  if (lastActivity !== null && now - lastActivity > tunnelIdle) return 'idle'
  return tunnelAge !== null && now - startedAt > tunnelAge ? 'age' : null
}
