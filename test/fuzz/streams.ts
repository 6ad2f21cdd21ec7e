/**
 * Streams for the proxy port as inputs: a first line says how far the connection is opened soundly (`raw`, `hello HOST`: CONNECT,
 * `http HOST`: and TLS, `h2 HOST`: and HTTP/2), the rest is sent as it stands, in pieces where it holds a `CUT`.
 */
import { requestTexts } from './request-texts.ts'
import { readInputs, seedFile } from './seeds.ts'

export type Opening = 'raw' | 'hello' | 'http' | 'h2'

export interface Stream {
  readonly opening: Opening
  readonly host: string
  readonly pieces: readonly Buffer[]
}

export const CUT = '\x00cut\x00'
const OPENINGS: readonly Opening[] = ['raw', 'hello', 'http', 'h2']
const HOST = /^[a-z0-9.-]{1,253}$/

export function readStream(bytes: Buffer): Stream {
  const end = bytes.indexOf(0x0a)
  const [word = '', host = ''] = bytes.subarray(0, Math.max(end, 0)).toString('latin1').split(' ')
  const opening = OPENINGS.find(each => each === word)
  if (opening === undefined || !HOST.test(host)) return { opening: 'raw', host: '', pieces: split(bytes.subarray(end + 1)) }
  return { opening, host, pieces: split(bytes.subarray(end + 1)) }
}

function split(bytes: Buffer): Buffer[] {
  const pieces: Buffer[] = []
  for (let rest = bytes; ;) {
    const at = rest.indexOf(CUT, 0, 'latin1')
    if (at < 0 || pieces.length === 32) return [...pieces, rest]
    pieces.push(rest.subarray(0, at))
    rest = rest.subarray(at + CUT.length)
  }
}

/** An HTTP/2 frame (RFC 9113 §4.1). */
export function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head.writeUInt8(type, 3)
  head.writeUInt8(flags, 4)
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

/** Fields as HPACK literals without names or values of a table (RFC 7541 §6.2.2). */
function fieldsOf(fields: readonly (readonly [string, string])[]): Buffer {
  const text = (value: string): Buffer => {
    const bytes = Buffer.from(value, 'latin1')
    const length = bytes.length < 127 ? [bytes.length] : [127, ((bytes.length - 127) & 127) | 128, (bytes.length - 127) >> 7]
    return Buffer.concat([Buffer.from(length), bytes])
  }
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.from([0]), text(name), text(value)]))
}

const SETTINGS = frame(4, 0, 0, Buffer.alloc(0))

function overHttp2(head: readonly (readonly [string, string])[], body: Buffer): Buffer<ArrayBuffer> {
  return Buffer.concat([SETTINGS, frame(1, body.length === 0 ? 5 : 4, 1, fieldsOf(head)), ...body.length === 0 ? [] : [frame(0, 1, 1, body)]])
}

function overHttp1(text: Buffer): Buffer<ArrayBuffer> {
  const end = text.indexOf('\n\n')
  const body = text.subarray(end + 2)
  const head = text.subarray(0, end).toString('latin1').replace(/\ncontent-length: [0-9]+/, `\ncontent-length: ${body.length}`)
  const chunked = /\ntransfer-encoding: chunked/.test(head)
  const framed = chunked ? Buffer.concat([Buffer.from(`${body.length.toString(16)}\r\n`), body, Buffer.from(`\r\n${body.length > 0 ? '0\r\n\r\n' : '\r\n'}`)]) : body
  return Buffer.concat([Buffer.from(head.replaceAll('\n', '\r\n'), 'latin1'), Buffer.from('\r\n\r\n'), framed])
}

const UPLOAD = 'POST /2/files/upload HTTP/1.1\r\nHost: content.dropboxapi.com\r\nAuthorization: Bearer t\r\nDropbox-API-Arg: {"path":"/secret.txt"}\r\nContent-Type: application/octet-stream\r\n'
const LIST = 'POST /2/files/list_folder HTTP/1.1\r\nHost: api.dropboxapi.com\r\nAuthorization: Bearer t\r\nContent-Type: application/json\r\n'
const GET = 'GET /v1.0/me/drive HTTP/1.1\r\nHost: graph.microsoft.com\r\nAuthorization: Bearer t\r\n'

/** Sound connections of each kind, and framings that two readers might read differently. */
export function streams(): Buffer[] {
  const content = (rest: string): string => `http content.dropboxapi.com\n${rest}`
  const api = (rest: string): string => `http api.dropboxapi.com\n${rest}`
  const made = [
    'raw\nGET / HTTP/1.1\r\nHost: localhost\r\n\r\n', 'raw\nGET http://www.example.com/ HTTP/1.1\r\nHost: www.example.com\r\n\r\n', 'raw\nGET /proxy.pac HTTP/1.1\r\nHost: localhost\r\n\r\n',
    'raw\nCONNECT www.example.com:443 HTTP/1.1\r\nHost: www.example.com:443\r\n\r\nx', 'raw\nPOST http://a.example/ HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
    'raw\nPRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'raw\nGET http://a.example/ HTTP/1.1\r\nHost: a.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n\x81\x05hello',
    'hello www.dropbox.com\nGET / HTTP/1.1\r\n\r\n', 'hello spliced.example\nGET / HTTP/1.1\r\n\r\n',
    content(`${UPLOAD}Content-Length: 6\r\n\r\nsecret`), content(`${UPLOAD}Transfer-Encoding: chunked\r\n\r\n6\r\nsecret\r\n0\r\n\r\n`), content(`${UPLOAD}Content-Length: 6\r\nExpect: 100-continue\r\n\r\n${CUT}secret`),
    content(`${UPLOAD}Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`), content(`GET / HTTP/1.1\r\nHost: content.dropboxapi.com\r\nContent-Length: 0\r\n\r\n${UPLOAD}Content-Length: 6\r\n\r\nsecret`),
    api(`${LIST}Content-Length: 11\r\n\r\n{"path":""}`), api(`${LIST}Content-Length: 11\r\n\r\n{"path":""}${UPLOAD}Content-Length: 6\r\n\r\nsecret`),
    api(`${LIST}Transfer-Encoding: chunked\r\n\r\nb;x="\n"\r\n{"path":""}\r\n0\r\nTrailer: x\r\n\r\n`), api(`${LIST}Content-Length : 11\r\n\r\n{"path":""}`), api(`${LIST}Content-Length: 11\r\nContent-Length: 400\r\n\r\n{"path":""}${UPLOAD}\r\n`),
    api(`${LIST}Transfer-Encoding: xchunked\r\nContent-Length: 11\r\n\r\n{"path":""}`), api(`${LIST}Content-Length: 11\r\nConnection: content-length, close\r\n\r\n{"path":""}`), `http graph.microsoft.com\n${GET}\r\n${GET}\r\n`,
    `http graph.microsoft.com\n${GET}X-HTTP-Method-Override: PUT\r\nContent-Length: 6\r\n\r\nsecret`, `http graph.microsoft.com\n${GET}Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABk\r\n\r\n`,
  ].map(text => Buffer.from(text, 'latin1'))
  const h2 = (host: string, frames: Buffer): Buffer<ArrayBuffer> => Buffer.concat([Buffer.from(`h2 ${host}\n`), frames])
  const head = (method: string, authority: string, path: string, ...more: readonly (readonly [string, string])[]): [string, string][] =>
    [[':method', method], [':scheme', 'https'], [':authority', authority], [':path', path], ['authorization', 'Bearer t'], ...more.map(([name, value]): [string, string] => [name, value])]
  const upload = head('POST', 'content.dropboxapi.com', '/2/files/upload', ['dropbox-api-arg', '{"path":"/secret.txt"}'], ['content-type', 'application/octet-stream'])
  made.push(
    h2('content.dropboxapi.com', overHttp2(upload, Buffer.from('secret'))), h2('content.dropboxapi.com', overHttp2([...upload, ['content-length', '0']], Buffer.from('secret'))),
    h2('api.dropboxapi.com', overHttp2(head('POST', 'api.dropboxapi.com', '/2/files/list_folder', ['content-type', 'application/json'], ['content-length', '11']), Buffer.from('{"path":""}'))),
    h2('api.dropboxapi.com', overHttp2([...head('GET', 'api.dropboxapi.com', '/2/x'), ['host', 'content.dropboxapi.com']], Buffer.alloc(0))),
    h2('graph.microsoft.com', Buffer.concat([SETTINGS, frame(8, 0, 0, Buffer.from([0, 1, 0, 0])), frame(6, 0, 0, Buffer.alloc(8)), frame(3, 0, 1, Buffer.alloc(4)), frame(9, 4, 1, Buffer.alloc(4)), frame(7, 0, 0, Buffer.alloc(8))])),
    h2('graph.microsoft.com', overHttp2([...head('GET', 'graph.microsoft.com', '/v1.0/me/drive'), ['transfer-encoding', 'chunked'], ['x-a', 'a\r\nb: c'], ['cookie', 'a'], ['cookie', 'b']], Buffer.from('0\r\n\r\n'))),
  )
  const recorded = requestTexts().filter((_, i) => i % 8 === 0).map((text) => {
    const host = /\nhost: ([^\n]*)/.exec(text.toString('latin1'))?.[1] ?? 'www.dropbox.com'
    return Buffer.concat([Buffer.from(`http ${host}\n`), overHttp1(text)])
  })
  const hellos = readInputs(seedFile('client-hello')).filter(bytes => bytes.length < 2000).map(bytes => Buffer.concat([Buffer.from('hello www.dropbox.com\n'), bytes]))
  return [...made, ...recorded, ...hellos]
}
