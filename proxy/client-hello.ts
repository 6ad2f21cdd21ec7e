/**
 * Reads the part of a TLS ClientHello that Sluice decides by, from bytes as they arrive: whether it is TLS at all,
 * the server name, ALPN, and whether the real name is hidden (ECH). RFC 8446 §4.1.2, RFC 6066 §3, RFC 7301, RFC 9849.
 */

export interface ClientHello {
  /** The server name as sent; null when the extension is missing. */
  readonly serverName: string | null
  readonly alpn: readonly string[]
  /** An encrypted_client_hello extension of type `outer` is present (GREASE looks the same, RFC 9849 §6.2). */
  readonly ech: boolean
}

export type HelloReading =
  | { readonly is: 'hello'; readonly hello: ClientHello }
  | { readonly is: 'more' }
  /** Bytes that are no TLS: plain HTTP, SSH and so on. */
  | { readonly is: 'not-tls' }
  /** TLS by its first bytes, but broken or larger than any real ClientHello. */
  | { readonly is: 'malformed' }

/** A ClientHello with a post-quantum key share is under 2 KiB; 64 KiB leaves room and bounds what a client can make us keep. */
export const MAX_HELLO = 64 * 1024
const MAX_RECORD = 16384 + 256
const HANDSHAKE = 0x16
const CLIENT_HELLO = 1

const RECORD_HEAD = 5
const MESSAGE_HEAD = 4

/** Reads bytes that are all there are. */
export function readClientHello(bytes: Buffer): HelloReading {
  return new HelloReader().take(bytes)
}

/**
 * Reads bytes as they arrive. The handshake message may be split over several records (RFC 8446 §5.1), and hiding the name so is an
 * old trick. Each byte is looked at once: whoever sends records of one byte, a byte at a time, costs no more than others.
 */
export class HelloReader {
  private total = 0
  private readonly recordHead = Buffer.alloc(RECORD_HEAD)
  private recordHeadLength = 0
  /** Bytes of the record that are still to come. */
  private recordLeft = 0
  private readonly parts: Buffer[] = []
  private have = 0
  private readonly messageHead = Buffer.alloc(MESSAGE_HEAD)
  /** Length of the message with its head; -1 until that has been read. */
  private want = -1

  /** Takes the next bytes. Call it again while the answer is `more`, and not any more afterwards. */
  take(bytes: Buffer): HelloReading {
    this.total += bytes.length
    for (let at = 0; at < bytes.length;) {
      if (this.recordLeft === 0) {
        this.recordHead[this.recordHeadLength++] = bytes[at++] ?? 0
        const fault = this.readRecordHead()
        if (fault !== null) return { is: fault }
        continue
      }
      const part = bytes.subarray(at, at + this.recordLeft)
      at += part.length
      this.recordLeft -= part.length
      if (!this.add(part)) return { is: 'malformed' }
      if (this.want !== -1 && this.have >= this.want) return this.parse()
    }
    return { is: this.total >= MAX_HELLO ? 'malformed' : 'more' }
  }

  /** Why the record cannot be one of a ClientHello; null while it can. */
  private readRecordHead(): 'not-tls' | 'malformed' | null {
    const head = this.recordHead
    const isFirst = this.have === 0
    if (isFirst && ((this.recordHeadLength >= 1 && head[0] !== HANDSHAKE) || (this.recordHeadLength >= 2 && head[1] !== 3))) return 'not-tls'
    if (this.recordHeadLength < RECORD_HEAD) return null
    if (head[0] !== HANDSHAKE || head[1] !== 3) return 'malformed'
    this.recordLeft = head.readUInt16BE(3)
    this.recordHeadLength = 0
    return this.recordLeft === 0 || this.recordLeft > MAX_RECORD ? 'malformed' : null
  }

  /** False: it is no ClientHello, or one too long. */
  private add(part: Buffer): boolean {
    if (this.have < MESSAGE_HEAD) part.copy(this.messageHead, this.have)
    this.parts.push(part)
    this.have += part.length
    if (this.want !== -1 || this.have < MESSAGE_HEAD) return true
    this.want = MESSAGE_HEAD + this.messageHead.readUIntBE(1, 3)
    return this.messageHead[0] === CLIENT_HELLO && this.want <= MAX_HELLO
  }

  private parse(): HelloReading {
    const [first] = this.parts
    const whole = first !== undefined && this.parts.length === 1 ? first : Buffer.concat(this.parts)
    const hello = parseHello(new Reader(whole.subarray(MESSAGE_HEAD, this.want)))
    return hello === null ? { is: 'malformed' } : { is: 'hello', hello }
  }
}

function parseHello(reader: Reader): ClientHello | null {
  reader.skip(2 + 32)
  reader.skip(reader.u8())
  reader.skip(reader.u16())
  reader.skip(reader.u8())
  let serverName: string | null = null
  let alpn: string[] = []
  let ech = false
  const seen = new Set<number>()
  if (!reader.failed && reader.left > 0) {
    const end = reader.u16()
    if (end !== reader.left) return null
    while (reader.left > 0 && !reader.failed) {
      const type = reader.u16()
      const body = new Reader(reader.take(reader.u16()))
      // RFC 8446 §4.2: no extension twice. Two names could be read in two ways.
      if (seen.has(type)) return null
      seen.add(type)
      if (type === 0x0000) {
        const name = parseServerName(body)
        if (name === null) return null
        serverName = name
      } else if (type === 0x0010) {
        const names = parseAlpn(body)
        if (names === null) return null
        alpn = names
      } else if (type === 0xfe0d) ech = body.u8() === 0
    }
  }
  return reader.failed ? null : { serverName, alpn, ech }
}

function parseServerName(reader: Reader): string | null {
  const list = new Reader(reader.take(reader.u16()))
  const type = list.u8()
  const name = list.take(list.u16())
  // RFC 6066 §3: at most one name of a type, and host_name (0) is the only type.
  if (list.failed || list.left !== 0 || type !== 0 || name.length === 0 || name.length > 255) return null
  return name.toString('latin1')
}

function parseAlpn(reader: Reader): string[] | null {
  const list = new Reader(reader.take(reader.u16()))
  const names: string[] = []
  while (list.left > 0 && !list.failed) names.push(list.take(list.u8()).toString('latin1'))
  return list.failed ? null : names
}

/** Reads big-endian fields; past the end it yields zeros and remembers that it failed. */
class Reader {
  failed = false
  private at = 0
  private readonly bytes: Buffer

  constructor(bytes: Buffer) {
    this.bytes = bytes
  }

  get left(): number {
    return this.bytes.length - this.at
  }

  take(length: number): Buffer {
    if (length > this.left) this.failed = true
    const part = this.bytes.subarray(this.at, this.at + length)
    this.at = Math.min(this.at + length, this.bytes.length)
    return part
  }

  skip(length: number): void {
    this.take(length)
  }

  u8(): number {
    const part = this.take(1)
    return part.length === 1 ? part.readUInt8(0) : 0
  }

  u16(): number {
    const part = this.take(2)
    return part.length === 2 ? part.readUInt16BE(0) : 0
  }
}
