/** Reads answers of HTTP/1.1 for a client that is to cost as little as it can: the status, and the body's bytes as they come. */

export interface AnswerStatus {
  readonly status: number
  /** The other side keeps the connection. */
  readonly isKept: boolean
}

export class AnswerReader {
  private readonly sink: (chunk: Buffer) => void
  private answer: AnswerStatus | null = null
  /** What is left over of a head or of a chunk's line. */
  private kept: Buffer = Buffer.alloc(0)
  /** Bytes of the body, or of the chunk with its line's end, that are still to come. */
  private left = 0
  private isChunked = false
  private isLast = false

  /** `sink` is given the body. */
  constructor(sink: (chunk: Buffer) => void) {
    this.sink = sink
  }

  /** The answer, once it is whole. One answer at a time: none is asked for before the last has come. */
  take(chunk: Buffer): AnswerStatus | null {
    let bytes = this.kept.length === 0 ? chunk : Buffer.concat([this.kept, chunk])
    this.kept = bytes.subarray(0, 0)
    if (this.answer === null) {
      const end = bytes.indexOf('\r\n\r\n')
      if (end === -1) return this.keep(bytes)
      this.readHead(bytes.toString('latin1', 0, end + 2))
      bytes = bytes.subarray(end + 4)
    }
    return this.isChunked ? this.takeChunks(bytes) : this.takeBody(bytes)
  }

  private readHead(head: string): void {
    const lower = head.toLowerCase()
    this.answer = { status: Number(head.slice(9, 12)), isKept: !lower.includes('\r\nconnection: close\r\n') }
    this.isChunked = lower.includes('\r\ntransfer-encoding: chunked\r\n')
    this.isLast = false
    const length = /\r\ncontent-length: *(\d+)\r\n/.exec(lower)?.[1]
    if (!this.isChunked && length === undefined) throw new Error(`an answer of no known length: ${head}`)
    this.left = this.isChunked ? 0 : Number(length)
  }

  private takeBody(bytes: Buffer): AnswerStatus | null {
    if (bytes.length > this.left) throw new Error('more came than the answer has')
    if (bytes.length > 0) this.sink(bytes)
    this.left -= bytes.length
    return this.left === 0 ? this.done() : null
  }

  private takeChunks(bytes: Buffer): AnswerStatus | null {
    let at = 0
    while (at < bytes.length) {
      if (this.left > 2) {
        const run = bytes.subarray(at, at + this.left - 2)
        this.sink(run)
        this.left -= run.length
        at += run.length
        continue
      }
      if (this.left > 0) { // the end of a chunk's line
        const skipped = Math.min(this.left, bytes.length - at)
        this.left -= skipped
        at += skipped
        if (this.left === 0 && this.isLast) return this.done()
        continue
      }
      const end = bytes.indexOf('\r\n', at)
      if (end === -1) return this.keep(bytes.subarray(at))
      const size = Number.parseInt(bytes.toString('latin1', at, end), 16)
      if (!Number.isSafeInteger(size)) throw new Error('a chunk of no known size')
      this.isLast = size === 0
      this.left = size + 2
      at = end + 2
    }
    return null
  }

  private keep(bytes: Buffer): null {
    this.kept = Buffer.from(bytes)
    return null
  }

  private done(): AnswerStatus | null {
    const { answer } = this
    this.answer = null
    return answer
  }
}
