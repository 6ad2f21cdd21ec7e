/** Bytes that came before they could be taken, in order. Small pieces are gathered: one of a few bytes costs some hundred as an object of its own. */

/** Pieces smaller than this are copied… */
const SMALL = 1024
/** …into pages of this size. */
const PAGE = 4 * 1024

export class HeldBytes {
  readonly #pieces: Buffer[] = []
  /** How many there are. */
  length = 0
  /** What the last piece is the beginning of, where that is a page with room. */
  #page: Buffer | null = null
  #used = 0

  push(piece: Buffer): void {
    if (piece.length === 0) return
    this.length += piece.length
    if (piece.length >= SMALL) {
      this.#page = null
      this.#pieces.push(piece)
    } else this.#gather(piece)
  }

  /** To be taken again before everything else. */
  putBack(piece: Buffer): void {
    if (piece.length === 0) return
    this.#pieces.unshift(piece)
    this.length += piece.length
  }

  /** The next piece; null: there is none. */
  shift(): Buffer | null {
    const piece = this.#pieces.shift()
    if (piece === undefined) return null
    if (this.#pieces.length === 0) this.#page = null
    this.length -= piece.length
    return piece
  }

  /** All of it in one piece. */
  takeAll(): Buffer {
    const all = this.#pieces.length === 1 ? this.#pieces[0] : Buffer.concat(this.#pieces, this.length)
    this.clear()
    return all ?? NOTHING
  }

  clear(): void {
    this.#pieces.length = 0
    this.#page = null
    this.length = 0
  }

  /** The first of several small ones is kept as it is: most are alone. */
  #gather(piece: Buffer): void {
    const pieces = this.#pieces
    const last = pieces.at(-1)
    if (this.#page !== null && this.#used + piece.length <= PAGE) {
      piece.copy(this.#page, this.#used)
      this.#used += piece.length
      pieces[pieces.length - 1] = this.#page.subarray(0, this.#used)
    } else if (last !== undefined && last.length < SMALL && this.#page === null) {
      const page = Buffer.allocUnsafeSlow(PAGE)
      last.copy(page)
      piece.copy(page, last.length)
      this.#page = page
      this.#used = last.length + piece.length
      pieces[pieces.length - 1] = page.subarray(0, this.#used)
    } else {
      this.#page = null
      pieces.push(piece)
    }
  }
}

const NOTHING = Buffer.alloc(0)
