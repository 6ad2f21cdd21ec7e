/** Work that is done one after the other, in the order in which it was asked for. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve()

  take<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work)
    // Whoever asked hears of a failure; the next turn comes all the same.
    this.#last = turn.catch(() => undefined)
    return turn
  }

  /** Resolves when all that was asked for is done. */
  async done(): Promise<void> {
    await this.#last
  }
}
