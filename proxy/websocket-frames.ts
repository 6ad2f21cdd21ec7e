/**
 * Counts WebSocket payload (RFC 6455 §5.2) in bytes as they pass, across any cut of the stream. Nothing is kept. That of
 * control frames counts too: a ping carries whatever its sender wants, and only an honest one keeps to 125 bytes.
 */
export class FrameCounter {
  /** Payload bytes so far. */
  payload = 0
  frames = 0
  private readonly header = Buffer.alloc(14)
  private have = 0
  private left = 0

  /** Takes the next bytes; answers how many of them are payload. */
  take(chunk: Buffer): number {
    const before = this.payload
    let at = 0
    while (at < chunk.length) {
      if (this.left > 0) {
        const part = Math.min(this.left, chunk.length - at)
        this.left -= part
        at += part
        this.payload += part
        continue
      }
      this.header[this.have++] = chunk[at++] ?? 0
      this.readHeader()
    }
    return this.payload - before
  }

  private readHeader(): void {
    if (this.have < 2) return
    const second = this.header[1] ?? 0
    const short = second & 0x7f
    const extended = short === 126 ? 2 : short === 127 ? 8 : 0
    const masked = (second & 0x80) !== 0 ? 4 : 0
    if (this.have < 2 + extended + masked) return
    this.have = 0
    this.frames += 1
    this.left = extended === 0 ? short : extended === 2 ? this.header.readUInt16BE(2) : Number(this.header.readBigUInt64BE(2))
  }
}
