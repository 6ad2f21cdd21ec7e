/** Break-glass on this node: whether it lasts now, what passes unseen meanwhile, and what the log says of it. */
import { isBroken } from '../policy/break-glass.ts'
import { Sparing } from '../policy/sparing.ts'
import { steadyNow } from '../policy/steady-clock.ts'
import type { BreakGlass } from '../policy/store/store.ts'

const LOOK_MS = 500
const SAY_MS = 60_000

export interface BreakGlassParts {
  /** What is stored; it counts until its `until`. */
  readonly stored: () => BreakGlass | null
  readonly warn: (detail: Readonly<Record<string, unknown>>, message: string) => void
}

/** What passes because of break-glass alone, a tunnel or a request. */
export interface Held {
  once(event: 'close', closed: () => void): unknown
  destroy(): unknown
}

export class BreakGlassWatch {
  readonly #parts: BreakGlassParts
  readonly #held = new Set<Held>()
  readonly #timer: NodeJS.Timeout
  #sparing = new Sparing(SAY_MS)
  #wasOn = false

  constructor(parts: BreakGlassParts) {
    this.#parts = parts
    this.look()
    this.#timer = setInterval(() => this.look(), LOOK_MS).unref()
  }

  isOn(): boolean {
    return this.lasting() !== null
  }

  /** What lasts now; null: nothing does. */
  lasting(): BreakGlass | null {
    const stored = this.#parts.stored()
    return isBroken(stored, steadyNow()) ? stored : null
  }

  /** What is not opened, or not judged, for this alone: it is closed when this ends, so that nothing goes on unseen. */
  hold(held: Held): void {
    this.look()
    this.#held.add(held)
    held.once('close', () => this.#held.delete(held))
    // It may have ended since it was let through.
    if (!this.isOn()) held.destroy()
  }

  /** Says what has changed, and while it lasts once a minute that it does. Called at each change too, however short it lasts. */
  look(): void {
    const lasting = this.lasting()
    if (lasting !== null) {
      if (this.#sparing.note(performance.now()) === 0) return
      const { reason, author, until } = lasting
      this.#parts.warn({ reason, author, until }, 'break-glass is on: nothing is opened and no policy holds')
      this.#wasOn = true
    } else if (this.#wasOn) {
      this.#wasOn = false
      this.#sparing = new Sparing(SAY_MS)
      this.#parts.warn({ closed: this.#held.size }, 'break-glass is off: the policy holds again')
      for (const held of this.#held) held.destroy()
    }
  }

  close(): void {
    clearInterval(this.#timer)
  }
}
