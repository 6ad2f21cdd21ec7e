const LINE_LIMIT = 8 << 10

/**
 * The content of an `aws-chunked` body: chunks with signatures in their size lines, and trailers
 * (https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html). Trailers are put into `trailers` by lower-case
 * name. Throws a `SyntaxError` where the body is no such thing.
 */
export async function * decodeAwsChunked(body: AsyncGenerator<Buffer>, trailers: Map<string, string>): AsyncGenerator<Buffer> {
  let held: Buffer = Buffer.alloc(0)
  const more = async (): Promise<void> => {
    const next = await body.next()
    if (next.done === true) throw new SyntaxError('aws-chunked: the body ends too early')
    held = held.length === 0 ? next.value : Buffer.concat([held, next.value])
  }
  const line = async (): Promise<string> => {
    for (;;) {
      const end = held.indexOf('\r\n')
      if (end >= 0) {
        const text = held.toString('latin1', 0, end)
        held = held.subarray(end + 2)
        return text
      }
      if (held.length > LINE_LIMIT) throw new SyntaxError('aws-chunked: a line is too long')
      await more()
    }
  }
  for (;;) {
    const size = /^([0-9a-f]{1,12})(?:;|$)/i.exec(await line())?.[1]
    if (size === undefined) throw new SyntaxError('aws-chunked: a chunk has no size')
    let left = parseInt(size, 16)
    if (left === 0) break
    while (left > 0) {
      if (held.length === 0) await more()
      const part = held.subarray(0, left)
      held = held.subarray(part.length)
      left -= part.length
      yield part
    }
    if (await line() !== '') throw new SyntaxError('aws-chunked: a chunk is longer than its size')
  }
  for (let text = await line(); text !== ''; text = await line()) {
    const colon = text.indexOf(':')
    trailers.set(text.slice(0, colon).trim().toLowerCase(), text.slice(colon + 1).trim())
  }
  for await (const rest of body) void rest
}
