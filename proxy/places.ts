/** Places that clients share: so many for each, and so many in all. Memory is one entry for each client that has any. */
export interface PlacesOptions {
  readonly each: number
  readonly all: number
}

export class Places {
  readonly #options: PlacesOptions
  readonly #taken = new Map<string, number>()
  #total = 0
  /** Taken of the same by other processes, as far as is known; `all` bounds these together. */
  others = 0

  constructor(options: PlacesOptions) {
    this.#options = options
  }

  /** How many are taken in all. */
  get total(): number {
    return this.#total
  }

  /** Of how many clients there is anything to remember. */
  get clients(): number {
    return this.#taken.size
  }

  /** Takes one for `who`; null: it is taken, and `giveBack` is to follow once. Else nothing was taken: what is full is told. */
  take(who: string): 'each' | 'all' | null {
    const own = this.#taken.get(who) ?? 0
    if (own >= this.#options.each) return 'each'
    if (this.#total + this.others >= this.#options.all) return 'all'
    this.#taken.set(who, own + 1)
    this.#total++
    return null
  }

  giveBack(who: string): void {
    this.#total--
    const left = (this.#taken.get(who) ?? 1) - 1
    if (left === 0) this.#taken.delete(who)
    else this.#taken.set(who, left)
  }
}
