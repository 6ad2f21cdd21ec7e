/** What is under way (requests, WebSockets, spliced tunnels), so that a stop can let it finish. */
export class UnderWay {
  private count = 0
  private waiting: Array<() => void> = []
  private isStopping = false

  /** From then on no new tunnel is taken. */
  get stopping(): boolean {
    return this.isStopping
  }

  get running(): number {
    return this.count
  }

  begin(): void {
    this.count += 1
  }

  /** Once for each `begin`. */
  end(): void {
    this.count -= 1
    if (this.count > 0) return
    for (const wake of this.waiting.splice(0)) wake()
  }

  /** Resolves when nothing is under way any more. */
  stop(): Promise<void> {
    this.isStopping = true
    return this.count === 0 ? Promise.resolve() : new Promise((resolve) => { this.waiting.push(resolve) })
  }
}
