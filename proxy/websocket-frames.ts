/** Counts WebSocket payload (RFC 6455 §5.2) in bytes as they pass, across any cut of the stream. Nothing is kept. */
export class FrameCounter {
  /** Payload bytes of data frames so far. */
  payload = 0
  frames = 0
  private readonly header = Buffer.alloc(14)
  private have = 0
  private left = 0
  private isData = false

  /** Takes the next bytes; answers how many of them are payload of data frames. */
  take(chunk: Buffer): number {
    const before = this.payload
    let at = 0
    while (at < chunk.length) {
      if (this.left > 0) {
        const part = Math.min(this.left, chunk.length - at)
        this.left -= part
        at += part
        if (this.isData) this.payload += part
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
    // Opcodes 0 to 7 carry data, 8 and above control (§5.2).
    this.isData = ((this.header[0] ?? 0) & 0x0f) < 8
    this.left = extended === 0 ? short : extended === 2 ? this.header.readUInt16BE(2) : Number(this.header.readBigUInt64BE(2))
  }
}
