/** The heads that leave: those that came, less what belongs to one hop, in ranges of the very bytes. */
import type { Field } from '../../policy/restrictions.ts'
import { connectionNames, mayHaveBody, passesInAnswer, passesInRequest } from '../forward-headers.ts'
import type { Head } from '../head.ts'
import type { AnswerHead } from './answer-head.ts'
import type { FieldLines } from './field-lines.ts'
import type { RequestHeadBytes } from './request-head.ts'

/** For the origin. `restrictions` take the place of those that the client sent; `via`: Sluice's own entry. */
export function composeRequestHead(came: RequestHeadBytes, head: Head, restrictions: readonly Field[], via: string): Buffer {
  const named = connectionNames(head.headers.get('connection'))
  let more = ''
  for (const [name, value] of restrictions) more += `${name}: ${value}\r\n`
  more += `Via: ${via}\r\n`
  if (head.framing === 'none' && mayHaveBody(head.method)) more += 'Content-Length: 0\r\n'
  // An absolute target is for proxies.
  const line = came.url === head.target.full ? null : `${head.method} ${head.target.full} HTTP/1.1\r\n`
  // The body goes on in the coding that it came by.
  return compose(came.bytes, line, came, (field) => {
    const name = head.headers.nameOf(field)
    return name === 'transfer-encoding' || passesInRequest(name, came.rawHeaders[2 * field + 1] ?? '', named)
  }, more)
}

/** For the client. `close`: the connection ends with this answer. */
export function composeAnswerHead(came: AnswerHead, via: string, close: boolean): Buffer {
  const { bytes, rawHeaders, starts, status, framing, httpVersion } = came
  let connection = ''
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    if (rawHeaders[i]?.length === 10 && rawHeaders[i]?.toLowerCase() === 'connection') connection += `${rawHeaders[i + 1] ?? ''},`
  }
  const named = connectionNames(connection === '' ? undefined : connection)
  const line = httpVersion === '1.1' ? null : `HTTP/1.1${bytes.toString('latin1', 'HTTP/1.0'.length, starts[0])}`
  return compose(bytes, line, came, (field) => {
    const name = (rawHeaders[2 * field] ?? '').toLowerCase()
    return name === 'transfer-encoding' ? framing === 'chunked' : passesInAnswer(name, named, status)
  }, `Via: ${via}\r\n${close ? 'Connection: close\r\n' : ''}`)
}

/** `line`: in place of the first one, null: that stays. `passes`: whether the field at this place does. `more`: lines behind the others. */
function compose(bytes: Buffer, line: string | null, { starts }: FieldLines, passes: (field: number) => boolean, more: string): Buffer {
  const fields = starts[0] ?? 0
  const out = Buffer.allocUnsafe((line?.length ?? fields) + bytes.length - fields + more.length)
  let at = line === null ? bytes.copy(out, 0, 0, fields) : out.write(line, 0, 'latin1')
  // Lines that stay beside each other are copied as one.
  let from = fields
  for (let field = 0; field + 1 < starts.length; field++) {
    if (passes(field)) continue
    at += bytes.copy(out, at, from, starts[field])
    from = starts[field + 1] ?? 0
  }
  at += bytes.copy(out, at, from, starts.at(-1))
  at += out.write(more, at, 'latin1')
  at += out.write('\r\n', at, 'latin1')
  return out.subarray(0, at)
}
