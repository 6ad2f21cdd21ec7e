/** HTTP/2 by hand (RFC 9113 §4.1, RFC 7541 §6.2.2): Node's client ends a stream before it resets it, and others do not. */

export const PREFACE = Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame(4, 0, 0, Buffer.alloc(0))])

/** A whole head, without an end of the stream. */
export function headersFrame(stream: number, fields: Readonly<Record<string, string>>): Buffer {
  return frame(1, 4, stream, Buffer.concat(Object.entries(fields).flatMap(([name, value]) => [Buffer.of(0), literal(name), literal(value)])))
}

export function dataFrame(stream: number, bytes: Buffer): Buffer {
  return frame(0, 0, stream, bytes)
}

/** CANCEL. */
export function resetFrame(stream: number): Buffer {
  return frame(3, 0, stream, Buffer.of(0, 0, 0, 8))
}

function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

/** A string as it is, its length with a prefix of seven bits (RFC 7541 §5). */
function literal(text: string): Buffer {
  const bytes = Buffer.from(text)
  if (bytes.length < 127) return Buffer.concat([Buffer.of(bytes.length), bytes])
  const length = [127]
  let left = bytes.length - 127
  for (; left >= 128; left = Math.floor(left / 128)) length.push(left % 128 + 128)
  return Buffer.concat([Buffer.of(...length, left), bytes])
}
