/** The input that a thread is at, where another thread can see it. */
export class Current {
  /** Whether one is under way, its number, its length. */
  private readonly numbers: Int32Array
  private readonly bytes: Uint8Array

  static readonly MAX = 1 << 20

  static make(): SharedArrayBuffer {
    return new SharedArrayBuffer(16 + Current.MAX)
  }

  constructor(shared: SharedArrayBuffer) {
    this.numbers = new Int32Array(shared, 0, 3)
    this.bytes = new Uint8Array(shared, 16)
  }

  /** Which one is under way; null between two. */
  get number(): number | null {
    return Atomics.load(this.numbers, 0) === 0 ? null : Atomics.load(this.numbers, 1)
  }

  get input(): Buffer {
    return Buffer.from(this.bytes.subarray(0, Atomics.load(this.numbers, 2)))
  }

  begin(bytes: Buffer): void {
    const part = bytes.subarray(0, Current.MAX)
    this.bytes.set(part)
    Atomics.store(this.numbers, 2, part.length)
    Atomics.add(this.numbers, 1, 1)
    Atomics.store(this.numbers, 0, 1)
  }

  end(): void {
    Atomics.store(this.numbers, 0, 0)
  }
}
