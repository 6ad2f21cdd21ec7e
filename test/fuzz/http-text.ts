/** Requests and answers as text, the form in which they are fuzzed: first line, fields, an empty line, body; all in Latin-1. */
import type { RawRequest } from '../../proxy/head.ts'
import type { StartResponse } from '../../policy/providers/provider.ts'

export interface RequestText {
  readonly raw: RawRequest
  /** What came of the body; it may be less or more than was declared. */
  readonly body: Buffer
}

/** Between a request and its answer. */
const ANSWER = '\n=== answer\n'
/** What Node's parsers let through. */
const FIELD = /^([!#$%&'*+.^_`|~0-9A-Za-z:-]+): ?([\t\x20-\x7e\x80-\xff]*)$/

export function readRequest(text: string): RequestText {
  const { first, fields, body } = split(text)
  const [method = '', url = '', version = ''] = first.split(' ')
  const isHttp2 = version === 'HTTP/2'
  return {
    raw: { method, url, rawHeaders: fields.flat(), httpVersionMajor: isHttp2 ? 2 : 1, httpVersionMinor: isHttp2 || version === 'HTTP/1.0' ? 0 : 1 },
    body: Buffer.from(body, 'latin1'),
  }
}

/** A request with the answer to it; without one, an answer with the request's body. */
export function readExchange(text: string): { request: RequestText; response: StartResponse } {
  const at = text.indexOf(ANSWER)
  const request = readRequest(at < 0 ? text : text.slice(0, at))
  const { first, fields, body } = split(at < 0 ? '200' : text.slice(at + ANSWER.length))
  const headers = new Map(fields.map(([name, value]) => [name.toLowerCase(), value]))
  const status = Number(first)
  return {
    request,
    response: {
      status: Number.isInteger(status) ? status : 200, header: name => headers.get(name.toLowerCase()),
      body: at < 0 ? request.body : first.endsWith(' ') ? null : Buffer.from(body, 'latin1'),
    },
  }
}

export function writeRequest(method: string, target: string, fields: readonly (readonly [string, string])[], body: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${method} ${target} HTTP/1.1\n${fields.map(([name, value]) => `${name}: ${value}\n`).join('')}\n`, 'latin1'), body])
}

export function writeExchange(request: Buffer, status: number, fields: readonly (readonly [string, string])[], body: string): Buffer {
  return Buffer.concat([request, Buffer.from(`${ANSWER}${status}\n${fields.map(([name, value]) => `${name}: ${value}\n`).join('')}\n${body}`)])
}

function split(text: string): { first: string; fields: [string, string][]; body: string } {
  const end = text.indexOf('\n\n')
  const [first = '', ...lines] = (end < 0 ? text : text.slice(0, end)).split('\n')
  const fields = lines.flatMap((line): [string, string][] => {
    const found = FIELD.exec(line)
    return found === null ? [] : [[found[1] ?? '', (found[2] ?? '').trim()]]
  })
  return { first, fields, body: end < 0 ? '' : text.slice(end + 2) }
}
