/** Connections of HTTP/1.1 to begin with: sound ones, recorded ones, and those by which requests are smuggled past one of two readers. */
import { CUT, readStream, streams } from '../streams.ts'

const HOST = 'Host: content.dropboxapi.com'
const post = (fields: readonly string[], body: string): string => [`POST /2/files/upload HTTP/1.1`, HOST, ...fields, '', body].join('\r\n')
const chunked = (body: string, ...fields: readonly string[]): string => post(['Transfer-Encoding: chunked', ...fields], body)
const get = (...fields: readonly string[]): string => ['GET /a HTTP/1.1', HOST, ...fields, '', ''].join('\r\n')
const INNER = `GET /smuggled HTTP/1.1\r\n${HOST}\r\n\r\n`
const CHUNK = '5\r\nhello\r\n0\r\n\r\n'

/** As the security checklist has them, one a fault; each is followed by a request that only one of two readers might see. */
const SMUGGLED = [
  post(['Content-Length: 5', 'Transfer-Encoding: chunked'], CHUNK), post(['Transfer-Encoding: chunked', 'Content-Length: 5'], '0\r\n\r\n'), post(['Content-Length: 6', 'Transfer-Encoding: xchunked'], '0\r\n\r\nG'),
  ...['5, 5', '+5', '-5', '0x5', '5 5', '5\t', '05', '', '99999999999999999999', '5;', '5\x0b', '\xb5'].map(length => post([`Content-Length: ${length}`], 'hello')),
  post(['Content-Length: 5', 'Content-Length: 6'], 'hello!'), post(['Content-Length: 5', 'Content-Length: 5'], 'hello'), post(['Content-Length : 5'], 'hello'), post(['Content-Length\t: 5'], 'hello'),
  post(['Content_Length: 5'], 'hello'), post(['content-length:5'], 'hello'), post([' Content-Length: 5'], 'hello'), post(['X: y\nContent-Length: 5'], 'hello'), post(['X: y\rContent-Length: 5'], 'hello'),
  ...['chunked, identity', 'gzip, chunked', 'identity', '"chunked"', '\x0bchunked', 'chunked\x00', ' chunked ', 'Chunked', 'chunked,', ', chunked', 'chunked;a=b', 'chunke\xe4', ''].map(coding => post([`Transfer-Encoding: ${coding}`], CHUNK)),
  post(['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'], CHUNK), post(['Transfer-Encoding : chunked'], CHUNK), post(['Transfer-Encoding:', ' chunked'], CHUNK), post(['Transfer-Encoding\x00: chunked'], CHUNK),
  post(['Transfer-Encoding: identity', 'Transfer-Encoding: chunked'], CHUNK), post(['Foo: bar', '\tTransfer-Encoding: chunked'], CHUNK), post(['Transfer_Encoding: chunked'], CHUNK),
  ...['0x5', '-5', '+5', ' 5', '5 ', '5\t', '5;a=b', '5;a="\n"', '5;', '00000000000000005', '005', 'FFFFFFFFFFFFFFFF5', '10000000000000005', '5,', '5.0', '\xb5', ''].map(size => chunked(`${size}\r\nhello\r\n0\r\n\r\n`)),
  chunked('5\nhello\r\n0\r\n\r\n'), chunked('5\rhello\r\n0\r\n\r\n'), chunked('5\r\nhello0\r\n\r\n'), chunked('5\r\nhelloXX0\r\n\r\n'), chunked('5\r\nhello\n0\r\n\r\n'), chunked('5\r\nhello\r\n0\n\r\n'), chunked('5\r\nhello\r\n0\r\n\n'),
  chunked('5\r\nhello\r\n0\r\nContent-Length: 50\r\n\r\n'), chunked('0\r\nX: y\r\n\r\n'), chunked('0\r\n X: y\r\n\r\n'), chunked('0\r\nX : y\r\n\r\n'), chunked('0\r\nX\r\n\r\n'), chunked('0\r\nX: y\nZ: a\r\n\r\n'), chunked('0\r\nX: y\r\r\n\r\n'),
  chunked('0\r\nTransfer-Encoding: chunked\r\n\r\n'), chunked('0\r\nHost: other.example\r\n\r\n'), chunked('3\r\nabc\r\n00\r\n\r\n'), chunked(CHUNK, 'Connection: Transfer-Encoding, close'), chunked(CHUNK, 'Trailer: X', 'TE: trailers'),
  get('X-One: 1', ' folded'), get('X-One: 1').replaceAll('\r\n', '\n'), get('X-One: 1\nX-Two: 2'), get('X-One: 1\rX-Two: 2'), get('X-One: a\x00b'), get('X One: 1'), get('X-One'), get(': 1'), get('X-One: \x7f'), get('X-One: \xff\x80'), get('X-One:\t a\tb \t'), get('X-One:'), get('X-One:\t'),
  get('Content-Length: 0'), get('Content-Length: 5'), get('Transfer-Encoding: chunked'), get('Expect: 100-continue'), get('Expect: 200-ok'), get('Connection: close'), get('Connection: keep-alive, Close'), get('Connection: close-not'),
  get('Upgrade: websocket', 'Connection: Upgrade'), get('Upgrade: h2c', 'Connection: Upgrade, HTTP2-Settings', 'HTTP2-Settings: AAMAAABk'), get('Upgrade: websocket'), get('Cookie: a=b', 'Cookie: c=d'), get('X-Forwarded-Host: other.example'),
  get('Connection: Content-Length, Host, X-One', 'X-One: 1'), get('Sec-Restrict-Tenant-Access-Policy: x', 'Forwarded: host=other.example', 'Proxy-Connection: keep-alive', 'Keep-Alive: timeout=5'),
  ...['get', 'G<T', 'PRI', 'CONNECT', 'M-SEARCH', 'PROPFIND', 'SOURCE', 'NOTHING', 'OPTIONS', 'HEAD', 'QUERY', 'GET '].map(method => get().replace('GET', method)),
  ...['/a b', '/#a', '/\\a', 'a', '*', '/%00', '/\x80', '/a"b', '/<>', '/{}|^`[]', 'https://content.dropboxapi.com/x', 'http://content.dropboxapi.com/x', '//a.example/x', '/../x', ''].map(target => get().replace('/a', target)),
  ...['HTTP/1.0', 'HTTP/1.2', 'HTTP/2.0', 'HTTP/0.9', 'http/1.1', 'HTTP/1.10', 'HTTP/1.1 ', ''].map(version => get().replace('HTTP/1.1', version)),
  get().replace(`${HOST}\r\n`, ''), get(HOST), get().replace('GET ', 'GET\t'), `\r\n${get()}`, `\n${get()}`, ` ${get()}`, 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', '\x16\x03\x01\x02\x00', `${get()}\r\n`,
]

export function httpStreams(): Buffer[] {
  const recorded = streams().map(readStream).filter(({ opening }) => opening === 'http').map(({ pieces }) => Buffer.concat(pieces))
  return [...SMUGGLED.map(text => Buffer.from(text + INNER, 'latin1')), ...recorded]
}

/** What tears readers of HTTP/1.1 apart. */
export const HTTP_WORDS: readonly string[] = [
  '\r\n', '\r\n\r\n', '\n', '\r', '\n\n', '\r\r\n', ' ', '\t', ':', ': ', ' :', '\x00', '\x0b', '\x0c', '\x7f', '\x80', '\xff', '0\r\n\r\n', '0\r\n', '5\r\nhello\r\n', 'a\r\n', ';a=b', ';', '0x', '+', '-', ',', '"', '00000000',
  'GET ', 'POST ', 'PUT ', 'HEAD ', 'OPTIONS ', 'DELETE ', 'CONNECT ', 'M-SEARCH ', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', ' HTTP/1.1\r\n', ' HTTP/1.0\r\n', 'HTTP/1.1', 'HTTP/2', '/', '?', '#', '\\', '*', 'https://content.dropboxapi.com/',
  `${HOST}\r\n`, 'Host: a.example\r\n', 'Content-Length: 5\r\n', 'Content-Length: 0\r\n', 'Content-Length:', 'Transfer-Encoding: chunked\r\n', 'Transfer-Encoding:', 'chunked', 'identity', 'Connection: close\r\n',
  'Connection: keep-alive\r\n', 'Connection: Upgrade\r\n', 'Upgrade: websocket\r\n', 'Upgrade: h2c\r\n', 'Expect: 100-continue\r\n', 'Trailer: X\r\n', 'TE: trailers\r\n', 'X: y\r\n', ' folded\r\n', 'Cookie: a=b\r\n', 'Forwarded: host=x\r\n',
  'Via: 1.1 x\r\n', 'Content-Length', 'Transfer-Encoding', 'Content_Length: 5\r\n', 'Proxy-Authorization: Basic x\r\n', INNER,
].filter(word => word !== CUT)
