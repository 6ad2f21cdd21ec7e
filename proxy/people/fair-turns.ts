/**
 * Work that costs much, a little at a time: a few run, the others wait, and those who wait take turns by who asked, so that
 * one who asks often delays himself and nobody else. What cannot wait is refused.
 */
export interface FairTurnsOptions {
  /** How many run at once. */
  readonly running: number
  /** How many may wait for one asker, those that run included. */
  readonly each: number
  /** How many may wait in all. */
  readonly all: number
}

export class FairTurns {
  readonly #options: FairTurnsOptions
  /** By asker, in the order in which their turns come. */
  readonly #waiting = new Map<string, (() => void)[]>()
  readonly #counts = new Map<string, number>()
  #total = 0
  #running = 0

  constructor(options: FairTurnsOptions) {
    this.#options = options
  }

  /**
   * Runs `work` when its turn has come; null: too many wait already, and it does not run. Rejects as `work` does. By `rest`
   * (milliseconds) it keeps the next from starting for so long after its own end.
   */
  take<T>(asker: string, work: (rest: (ms: number) => void) => Promise<T>): Promise<T> | null {
    const { each, all } = this.#options
    const count = this.#counts.get(asker) ?? 0
    if (count >= each || this.#total >= all) return null
    this.#counts.set(asker, count + 1)
    this.#total++
    let restMs = 0
    return this.#turn(asker).then(() => work((ms) => { restMs = ms })).finally(() => {
      if (restMs === 0) this.#leave(asker)
      else setTimeout(() => { this.#leave(asker) }, restMs)
    })
  }

  #turn(asker: string): Promise<void> {
    if (this.#running < this.#options.running) {
      this.#running++
      return Promise.resolve()
    }
    return new Promise((resolve) => {
      const queue = this.#waiting.get(asker)
      if (queue === undefined) this.#waiting.set(asker, [resolve])
      else queue.push(resolve)
    })
  }

  #leave(asker: string): void {
    this.#total--
    const count = (this.#counts.get(asker) ?? 1) - 1
    if (count === 0) this.#counts.delete(asker)
    else this.#counts.set(asker, count)
    const next = this.#waiting.entries().next().value
    if (next === undefined) {
      this.#running--
      return
    }
    const [who, queue] = next
    const start = queue.shift()
    // To the end of the row, where there is more to wait for.
    this.#waiting.delete(who)
    if (queue.length > 0) this.#waiting.set(who, queue)
    start?.()
  }
}
