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

/** Reads what has arrived so far. Call again with all the bytes while the answer is `more`. */
export function readClientHello(bytes: Buffer): HelloReading {
  if (bytes.length === 0) return { is: 'more' }
  if (bytes[0] !== HANDSHAKE) return { is: 'not-tls' }
  if (bytes.length >= 2 && bytes[1] !== 3) return { is: 'not-tls' }
  const message = joinRecords(bytes)
  if (message === 'more') return bytes.length >= MAX_HELLO ? { is: 'malformed' } : { is: 'more' }
  if (message === 'malformed') return { is: 'malformed' }
  const hello = parseHello(new Reader(message))
  return hello === null ? { is: 'malformed' } : { is: 'hello', hello }
}

/** The handshake message may be split over several records (RFC 8446 §5.1), and hiding the name so is an old trick. */
function joinRecords(bytes: Buffer): Buffer | 'more' | 'malformed' {
  const parts: Buffer[] = []
  let have = 0
  let want = -1
  let at = 0
  while (want === -1 || have < want) {
    if (bytes.length < at + 5) return 'more'
    if (bytes[at] !== HANDSHAKE || bytes[at + 1] !== 3) return 'malformed'
    const length = bytes.readUInt16BE(at + 3)
    if (length === 0 || length > MAX_RECORD) return 'malformed'
    const part = bytes.subarray(at + 5, at + 5 + length)
    parts.push(part)
    have += part.length
    at += 5 + length
    if (want === -1 && have >= 4) {
      const head = parts.length === 1 ? part : Buffer.concat(parts)
      if (head[0] !== CLIENT_HELLO) return 'malformed'
      want = 4 + head.readUIntBE(1, 3)
      if (want > MAX_HELLO) return 'malformed'
    }
    if (part.length < length && (want === -1 || have < want)) return 'more'
  }
  return Buffer.concat(parts).subarray(4, want)
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
