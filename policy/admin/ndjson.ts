import type { Readable } from 'node:stream'
import { SluiceError } from '../errors.ts'

const NEWLINE = 0x0a

export type Line = { readonly value: unknown } | { readonly error: SluiceError }

/**
 * The lines of a stream of newline-delimited JSON, parsed; blank ones are left out. A line that is not JSON comes
 * as a SluiceError in its place. Throws `admin.too-large` for a line of more than `maxBytes`.
 */
export async function* jsonLines(stream: Readable, maxBytes: number): AsyncGenerator<Line> {
  let parts: Buffer[] = []
  let length = 0
  const take = (part: Buffer): void => {
    length += part.length
    if (length > maxBytes) {
      throw new SluiceError('admin.too-large', `A line is longer than ${maxBytes} bytes.`, 'Send one request a line.')
    }
    parts.push(part)
  }
  const line = (): string => {
    const text = Buffer.concat(parts).toString('utf8').trim()
    parts = []
    length = 0
    return text
  }
  for await (const chunk of stream) {
    let rest = Buffer.from(chunk)
    for (let end = rest.indexOf(NEWLINE); end !== -1; end = rest.indexOf(NEWLINE)) {
      take(rest.subarray(0, end))
      rest = rest.subarray(end + 1)
      const text = line()
      if (text !== '') yield parsed(text)
    }
    take(rest)
  }
  const text = line()
  if (text !== '') yield parsed(text)
}

function parsed(text: string): Line {
  try {
    return { value: JSON.parse(text) }
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    return { error: new SluiceError('admin.invalid', 'The line is not JSON.', 'Send one JSON object a line.') }
  }
}
