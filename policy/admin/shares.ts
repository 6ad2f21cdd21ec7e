import { SluiceError } from '../errors.ts'

/** What is scarce, shared among callers: so much for each, and so much in all. */
export interface SharesOptions {
  readonly each: number
  readonly all: number
  /** Completes "4 … with this token already", in the plural. */
  readonly what: string
  readonly remedy: string
}

export class Shares {
  readonly #options: SharesOptions
  readonly #taken = new Map<string, number>()
  #total = 0

  constructor(options: SharesOptions) {
    this.#options = options
  }

  /** Takes a share for `who`; what comes back gives it back, once. Throws `events.busy`. */
  take(who: string): () => void {
    const { each, all, what, remedy } = this.#options
    const own = this.#taken.get(who) ?? 0
    if (own >= each) throw new SluiceError('events.busy', `${each} ${what} with this token already`, remedy)
    if (this.#total >= all) throw new SluiceError('events.busy', `${all} ${what} already`, remedy)
    this.#taken.set(who, own + 1)
    this.#total++
    return () => this.#giveBack(who)
  }

  #giveBack(who: string): void {
    this.#total--
    const left = (this.#taken.get(who) ?? 1) - 1
    if (left === 0) this.#taken.delete(who)
    else this.#taken.set(who, left)
  }
}
