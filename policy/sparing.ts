/** Says of a thing that may happen very often only now and then that it did, and how often. The clock is an argument. */
export class Sparing {
  private readonly everyMs: number
  private count = 0
  private saidAt = Number.NEGATIVE_INFINITY

  constructor(everyMs: number) {
    this.everyMs = everyMs
  }

  /** Once each time. `now` is monotonic milliseconds. Answers how often it happened since it was last said; 0: say nothing. */
  note(now: number): number {
    this.count += 1
    if (now - this.saidAt < this.everyMs) return 0
    const { count } = this
    this.count = 0
    this.saidAt = now
    return count
  }
}
