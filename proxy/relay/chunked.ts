/**
 * The chunked coding (RFC 9112 §7.1) as it goes over the wire, for requests and answers: sizes in plain hexadecimal, no extensions,
 * trailers of strict field lines. What is faulty never completes: a fault is thrown before the end of the message is passed on.
 */
import { readFieldLines } from './field-lines.ts'

const CR = 13
const LF = 10
/** Of a size, leading zeros included. */
const MOST_DIGITS = 16
/** A size up to which another digit leaves it a safe integer. */
const MOST_BEFORE_DIGIT = (Number.MAX_SAFE_INTEGER - 15) / 16
/** Bytes of all trailers, the empty line included. */
const MOST_TRAILER = 8 * 1024

type State = 'size' | 'size-lf' | 'data' | 'data-cr' | 'data-lf' | 'trailer'

/** Of each byte its value as a hexadecimal digit, 255 where it is none. */
const DIGITS = new Uint8Array(256).fill(255)
for (let value = 0; value < 16; value++) {
  const digit = value.toString(16)
  DIGITS[digit.charCodeAt(0)] = value
  DIGITS[digit.toUpperCase().charCodeAt(0)] = value
}

export class ChunkedBody {
  /** The message is over: nothing more of it is taken. */
  isEnded = false
  /** Flat, names as written: what has come behind the content. */
  readonly trailers: string[] = []
  readonly #fault: (detail: string) => Error
  readonly #mayTrail: (name: string) => boolean
  #state: State = 'size'
  #digits = 0
  /** Bytes of the chunk that are still to come. */
  #left = 0
  #line: number[] = []
  #trailer = 0

  /** `mayTrail`: whether a field, its name in lower case, may come behind the content. */
  constructor(fault: (detail: string) => Error, mayTrail: (name: string) => boolean) {
    this.#fault = fault
    this.#mayTrail = mayTrail
  }

  /**
   * Scans from `from` on, tells `payload` of each run of content, answers the index behind the message's end, or behind the bytes.
   * Throws what `fault` makes of the first byte that does not fit; no more may be scanned then.
   */
  scan(bytes: Buffer, from: number, payload: (start: number, end: number) => void): number {
    let at = from
    while (at < bytes.length && !this.isEnded) {
      if (this.#state === 'data') {
        const end = Math.min(bytes.length, at + this.#left)
        payload(at, end)
        this.#left -= end - at
        at = end
        if (this.#left === 0) this.#state = 'data-cr'
      } else {
        this.#step(bytes[at] ?? 0)
        at++
      }
    }
    return at
  }

  #step(code: number): void {
    switch (this.#state) {
      case 'size': return this.#size(code)
      case 'size-lf':
        if (code !== LF) throw this.#fault('a chunk size without its line end')
        this.#digits = 0
        this.#state = this.#left === 0 ? 'trailer' : 'data'
        return
      case 'data-cr':
        if (code !== CR) throw this.#fault('a chunk longer than its size')
        this.#state = 'data-lf'
        return
      case 'data-lf':
        if (code !== LF) throw this.#fault('a chunk without its line end')
        this.#state = 'size'
        return
      default: this.#trail(code)
    }
  }

  #size(code: number): void {
    const value = DIGITS[code] ?? 255
    if (value < 16) {
      this.#digits++
      if (this.#digits > MOST_DIGITS || this.#left > MOST_BEFORE_DIGIT) throw this.#fault('a chunk size that is too large')
      this.#left = this.#left * 16 + value
    } else if (code === CR && this.#digits > 0) this.#state = 'size-lf'
    else throw this.#fault('a chunk size that is no plain number')
  }

  #trail(code: number): void {
    const line = this.#line
    line.push(code)
    this.#trailer++
    if (this.#trailer > MOST_TRAILER) throw this.#fault('trailers that are too large')
    if (code !== LF) {
      // A bare one could be a line's end to others.
      if (line.at(-2) === CR) throw this.#fault('a trailer with a bare CR')
      return
    }
    if (line.length === 2 && line[0] === CR) this.isEnded = true
    else this.#checkTrailer(Buffer.from([...line, CR, LF]))
    line.length = 0
  }

  #checkTrailer(line: Buffer): void {
    const [name = '', value = ''] = readFieldLines(line, 0, line.length, this.#fault).rawHeaders
    if (!this.#mayTrail(name.toLowerCase())) throw this.#fault('a trailer that belongs into the head')
    this.trailers.push(name, value)
  }
}
