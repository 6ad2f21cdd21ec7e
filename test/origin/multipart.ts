/** The parts of an upload of `multipart/related` (RFC 2387) or `multipart/form-data`: words first, then the media, which is streamed. */
export interface RelatedUpload {
  readonly metadata: string
  /** `Content-Type` of the media part. */
  readonly mediaType: string | undefined
  /** What a form's media part says of its file's name. */
  readonly fileName: string | undefined
  readonly media: AsyncGenerator<Buffer>
}

const HEAD_LIMIT = 1 << 20

/**
 * Reads the first part and the second one's headers, and hands out the second one's body as it comes. Lines end as the
 * first one does: Google's Python package writes bare line feeds. Throws a `SyntaxError` where the body is not two such parts.
 */
export async function readRelated(contentType: string, body: AsyncGenerator<Buffer>): Promise<RelatedUpload> {
  const boundary = /boundary="?([^";]+)"?/i.exec(contentType)?.[1]
  if (boundary === undefined) throw new SyntaxError('multipart: Content-Type names no boundary')
  let held: Buffer = Buffer.alloc(0)

  const more = async (): Promise<void> => {
    const next = await body.next()
    if (next.done === true) throw new SyntaxError('multipart: the body ends too early')
    held = Buffer.concat([held, next.value])
  }
  const through = async (mark: string | Buffer): Promise<Buffer> => {
    for (;;) {
      const at = held.indexOf(mark)
      if (at >= 0) {
        const before = held.subarray(0, at)
        held = held.subarray(at + mark.length)
        return before
      }
      if (held.length > HEAD_LIMIT) throw new SyntaxError(`multipart: the first part is longer than ${HEAD_LIMIT} bytes`)
      await more()
    }
  }
  await through(`--${boundary}`)
  const rest = (await through('\n')).toString('latin1')
  if (rest !== '' && rest !== '\r') throw new SyntaxError('multipart: something stands behind the first delimiter')
  const lineBreak = `${rest}\n`
  const delimiter = Buffer.from(`${lineBreak}--${boundary}`)
  // A part without headers has its blank line right behind the delimiter's: put back, the search finds both alike.
  held = Buffer.concat([Buffer.from(lineBreak), held])

  async function * media(): AsyncGenerator<Buffer> {
    for (;;) {
      const at = held.indexOf(delimiter)
      if (at >= 0) {
        yield held.subarray(0, at)
        break
      }
      const safe = held.length - delimiter.length
      if (safe > 0) {
        yield held.subarray(0, safe)
        held = held.subarray(safe)
      }
      await more()
    }
    for await (const rest of body) void rest
  }

  await through(lineBreak + lineBreak)
  const metadata = (await through(delimiter)).toString('utf8')
  const headers = (await through(lineBreak + lineBreak)).toString('utf8')
  return {
    metadata, mediaType: /^content-type:\s*(.+)$/im.exec(headers)?.[1]?.trim(),
    fileName: /^content-disposition:.*\bfilename="([^"]*)"/im.exec(headers)?.[1], media: media(),
  }
}
