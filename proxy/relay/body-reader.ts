/** A body by its framing (RFC 9112 §6): how far it reaches into the bytes that came, and what of them is content. */
import { ChunkedBody } from './chunked.ts'

/** `close`: it lasts as long as its connection, answers only. */
export type Framing = 'none' | 'length' | 'chunked' | 'close'

export class BodyReader {
  /** Told of each piece of content, where somebody reads along; null: nobody does. */
  reader: ((piece: Buffer) => void) | null = null
  /** Bytes of content in what was scanned last. */
  content = 0
  readonly #chunked: ChunkedBody | null
  /** Bytes that are still to come; without end for `close`. */
  #left: number
  #bytes: Buffer = NOTHING

  /** `fault` and `mayTrail`: see `ChunkedBody`. */
  constructor(framing: Framing, length: number | null, fault: (detail: string) => Error, mayTrail: (name: string) => boolean) {
    this.#chunked = framing === 'chunked' ? new ChunkedBody(fault, mayTrail) : null
    this.#left = framing === 'length' ? length ?? 0 : framing === 'close' ? Number.POSITIVE_INFINITY : 0
  }

  get isEnded(): boolean {
    return this.#chunked === null ? this.#left === 0 : this.#chunked.isEnded
  }

  /** Flat; what has come behind the content. */
  get trailers(): readonly string[] {
    return this.#chunked?.trailers ?? []
  }

  /** Scans from `from` on; answers the index behind what belongs to this body. Throws where its framing is faulty. */
  scan(bytes: Buffer, from: number): number {
    this.content = 0
    if (this.#chunked !== null) {
      this.#bytes = bytes
      const end = this.#chunked.scan(bytes, from, this.#payload)
      this.#bytes = NOTHING
      return end
    }
    const end = Math.min(bytes.length, from + this.#left)
    this.#left -= end - from
    this.content = end - from
    if (this.reader !== null && end > from) this.reader(bytes.subarray(from, end))
    return end
  }

  readonly #payload = (start: number, end: number): void => {
    this.content += end - start
    this.reader?.(this.#bytes.subarray(start, end))
  }
}

const NOTHING = Buffer.alloc(0)
