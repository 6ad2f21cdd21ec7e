/** Gathers bytes until a head is there whole. What cannot become one is a fault at once: its sender would wait for nothing. */
const CR = 13
const LF = 10
const TAB = 9
const SPACE = 32
const END = Buffer.from('\r\n\r\n')

export interface HeadFaults {
  tooLarge(): Error
  malformed(detail: string): Error
}

export class HeadFinder {
  readonly #most: number
  readonly #faults: HeadFaults
  #kept: Buffer | null = null
  /** So much of what is kept was looked at. */
  #seen = 0

  /** `most`: bytes of a head, its empty line included. */
  constructor(most: number, faults: HeadFaults) {
    this.#most = most
    this.#faults = faults
  }

  /** Nothing of a head has come yet. */
  get isEmpty(): boolean {
    return this.#kept === null
  }

  /** Null: not complete yet. `bytes`: the head with its empty line, no copy where it came in one piece; `rest`: what followed it. */
  take(chunk: Buffer): { readonly bytes: Buffer; readonly rest: Buffer } | null {
    const all = this.#kept === null ? chunk : Buffer.concat([this.#kept, chunk])
    const at = all.indexOf(END, Math.max(0, this.#seen - 3))
    const end = at + 4
    if (at >= 0 && end <= this.#most) {
      this.#kept = null
      this.#seen = 0
      return { bytes: end === all.length ? all : all.subarray(0, end), rest: all.subarray(end) }
    }
    if (at >= 0 || all.length >= this.#most) throw this.#faults.tooLarge()
    this.#check(all)
    // Kept beyond this turn: not the whole of a buffer that others fill.
    this.#kept = all
    this.#seen = all.length
    return null
  }

  #check(all: Buffer): void {
    for (let i = Math.max(0, this.#seen - 1); i < all.length; i++) {
      const code = all[i] ?? 0
      if (code === LF ? all[i - 1] !== CR : code === CR ? i + 1 < all.length && all[i + 1] !== LF : code < SPACE && code !== TAB) {
        throw this.#faults.malformed('a control character in a head')
      }
    }
  }
}
