/** Bytes that came before they could be taken, in order. */
export class HeldBytes {
  readonly #pieces: Buffer[] = []
  /** How many there are. */
  length = 0

  push(piece: Buffer): void {
    if (piece.length === 0) return
    this.#pieces.push(piece)
    this.length += piece.length
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
    this.length -= piece.length
    return piece
  }

  clear(): void {
    this.#pieces.length = 0
    this.length = 0
  }
}
