/** Gathers bytes until a head is there whole. What cannot become one is a fault at once: its sender would wait for nothing. */
const CR = 13
const LF = 10
const TAB = 9
const SPACE = 32
const END = Buffer.from('\r\n\r\n')
/** Bytes of room for the first piece of a head that came in several. */
const ROOM = 2 * 1024

export interface HeadFaults {
  tooLarge(): Error
  malformed(detail: string): Error
}

export class HeadFinder {
  readonly #most: number
  readonly #faults: HeadFaults
  /** What came without an end so far: its first `#length` bytes. */
  #kept: Buffer | null = null
  #length = 0

  /** `most`: bytes of a head, its empty line included. */
  constructor(most: number, faults: HeadFaults) {
    this.#most = most
    this.#faults = faults
  }

  /** Nothing of a head has come yet. */
  get isEmpty(): boolean {
    return this.#kept === null
  }

  /**
   * Null: not complete yet. `bytes`: the head with its empty line, no copy where it came in one piece; `rest`: what followed it.
   * Throws what the faults make, after which no more may be taken.
   */
  take(chunk: Buffer): { readonly bytes: Buffer; readonly rest: Buffer } | null {
    return this.#kept === null ? this.#takeFirst(chunk) : this.#takeMore(chunk, this.#kept)
  }

  #takeFirst(chunk: Buffer): { readonly bytes: Buffer; readonly rest: Buffer } | null {
    const at = chunk.indexOf(END)
    const end = at + END.length
    if (at >= 0 && end <= this.#most) return { bytes: end === chunk.length ? chunk : chunk.subarray(0, end), rest: chunk.subarray(end) }
    if (at >= 0 || chunk.length >= this.#most) throw this.#faults.tooLarge()
    if (chunk.length > 0) this.#keep(chunk, Buffer.allocUnsafe(Math.max(ROOM, chunk.length)))
    return null
  }

  #takeMore(chunk: Buffer, kept: Buffer): { readonly bytes: Buffer; readonly rest: Buffer } | null {
    const length = this.#length
    // More than a head may have is not copied: the end is within that, or it is too late.
    const piece = chunk.length > this.#most - length ? chunk.subarray(0, this.#most - length) : chunk
    const all = roomFor(kept, length, piece.length)
    piece.copy(all, length)
    const at = all.subarray(0, length + piece.length).indexOf(END, Math.max(0, length - END.length + 1))
    if (at >= 0) {
      const end = at + END.length
      this.#kept = null
      this.#length = 0
      return { bytes: all.subarray(0, end), rest: chunk.subarray(end - length) }
    }
    if (length + chunk.length >= this.#most) throw this.#faults.tooLarge()
    this.#keep(piece, all)
    return null
  }

  /** `all`: with room for the piece behind what was kept. */
  #keep(piece: Buffer, all: Buffer): void {
    if (this.#length === 0) piece.copy(all)
    this.#kept = all
    const before = this.#length
    this.#length += piece.length
    for (let i = Math.max(0, before - 1); i < this.#length; i++) {
      const code = all[i] ?? 0
      if (code >= SPACE || code === TAB) continue
      const isHalf = code === LF ? i === 0 || all[i - 1] !== CR : code === CR ? i + 1 < this.#length && all[i + 1] !== LF : true
      if (isHalf) throw this.#faults.malformed('a control character in a head')
    }
  }
}

/** Grown to twice its size, so that a head that comes byte by byte is not copied for each of them. */
function roomFor(kept: Buffer, length: number, more: number): Buffer {
  if (length + more <= kept.length) return kept
  const grown = Buffer.allocUnsafe(Math.max(2 * kept.length, length + more))
  kept.copy(grown, 0, 0, length)
  return grown
}
