import type { IncomingHttpHeaders } from 'node:http'
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { ByteSpan } from './socket-bytes.ts'

/** One request as the origin saw it. It is filled while the request runs. */
export interface RequestRecord {
  /** From `Host` or `:authority`: lower case, without port. */
  readonly host: string
  /** The server name of the TLS connection; empty without one. */
  readonly sni: string
  readonly method: string
  /** As sent, without the query. */
  readonly path: string
  readonly query: string
  /** By lower-case name; repeated ones joined with `, `. */
  readonly headers: Readonly<Record<string, string>>
  /** Names and values in the order and case in which they came (HTTP/2 pseudo-headers included). */
  readonly rawHeaders: readonly (readonly [string, string])[]
  readonly httpVersion: string
  /** Tells connections apart. */
  readonly remotePort: number
  /** Whether the body is file content. */
  readonly content: boolean
  /** Body bytes that the origin has read so far, without transfer coding. */
  bodyBytes: number
  /**
   * Bytes that arrived at the TLS socket, deciphered, since this request's head began, whether anything read them or not:
   * head, transfer coding and body. With HTTP/2, all that the connection brought since then, other streams included.
   */
  readonly socketBytes: number
  /** The whole request arrived. */
  complete: boolean
  /** The connection or stream broke before the whole request had arrived or the whole answer had left. */
  aborted: boolean
  /** 0 until the answer starts. */
  status: number
}

/** What HTTP/1.1 and HTTP/2 request heads have in common. */
export interface RequestHead {
  readonly method?: string | undefined
  readonly url?: string | undefined
  readonly headers: IncomingHttpHeaders
  readonly rawHeaders: readonly string[]
  readonly httpVersion: string
  readonly socket: Socket
}

/** Writes down the head of a request. */
export function newRecord(
  head: RequestHead,
  carriesContent: (host: string, method: string, path: string) => boolean,
  span: ByteSpan,
): RequestRecord {
  const { headers, socket } = head
  const authority = headers[':authority']
  const host = (typeof authority === 'string' ? authority : headers.host ?? '').toLowerCase().replace(/:\d+$/, '')
  const target = head.url ?? ''
  const mark = target.indexOf('?')
  const path = mark < 0 ? target : target.slice(0, mark)
  const method = head.method ?? ''
  const rawHeaders: (readonly [string, string])[] = []
  for (let i = 0; i + 1 < head.rawHeaders.length; i += 2) rawHeaders.push([head.rawHeaders[i] ?? '', head.rawHeaders[i + 1] ?? ''])
  return {
    host,
    sni: socket instanceof TLSSocket && typeof socket.servername === 'string' ? socket.servername : '',
    method,
    path,
    query: mark < 0 ? '' : target.slice(mark + 1),
    headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : value ?? ''])),
    rawHeaders,
    httpVersion: head.httpVersion,
    remotePort: socket.remotePort ?? 0,
    content: carriesContent(host, method, path),
    bodyBytes: 0,
    get socketBytes() { return span.bytes() },
    complete: false,
    aborted: false,
    status: 0,
  }
}

/**
 * Body bytes of a request that arrived: what its handler read or, where it has read nothing, what is beyond the head at
 * the socket (HTTP/1.1; with its transfer coding), so that a body that nobody reads counts as well.
 */
export function arrivedBytes(record: RequestRecord): number {
  if (record.complete || record.bodyBytes > 0 || !record.httpVersion.startsWith('1')) return record.bodyBytes
  const line = record.method.length + record.path.length + (record.query === '' ? 0 : record.query.length + 1) + '  HTTP/1.1\r\n'.length
  const fields = record.rawHeaders.reduce((sum, [name, value]) => sum + name.length + value.length + ': \r\n'.length, 0)
  return Math.max(record.socketBytes - line - fields - '\r\n'.length, 0)
}
