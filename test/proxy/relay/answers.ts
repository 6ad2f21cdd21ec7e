/** Answers of origins, sound and hostile: whole ones, and what more are made of. */
import { pick } from '../../fuzz/random.ts'
import type { Random } from '../../fuzz/random.ts'

const CHUNKED = '2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n'

export const STATUS_LINES: readonly string[] = [
  'HTTP/1.1 200 OK', 'HTTP/1.1 200', 'HTTP/1.1 200 ', 'HTTP/1.0 200 OK', 'HTTP/1.1 204 No Content', 'HTTP/1.1 304 Not Modified', 'HTTP/1.1 206 Partial Content', 'HTTP/1.1 404 Nicht gefunden \xfc', 'HTTP/1.1 999 Denied', 'HTTP/1.1 500 a\tb',
  'HTTP/1.1 205 Reset Content', 'HTTP/1.0 304 Not Modified', 'HTTP/1.1 100 Continue', 'HTTP/1.1 103 Early Hints', 'HTTP/1.1 101 Switching Protocols',
  'HTTP/1.2 200 OK', 'HTTP/2 200 OK', 'HTTP/0.9 200 OK', 'HTTP/1.1  200 OK', 'HTTP/1.1\t200 OK', 'HTTP/1.1 20 OK', 'HTTP/1.1 2000 OK', 'HTTP/1.1 099 OK', 'HTTP/1.1 000 OK', 'HTTP/1.1 2x0 OK', 'http/1.1 200 OK', 'ICY 200 OK', ' HTTP/1.1 200 OK',
  '\r\nHTTP/1.1 200 OK', 'HTTP/1.1 200 O\x00K', 'HTTP/1.1 200 O\x7fK', 'HTTP/1.1 200 O\rK', 'HTTP/1.1 200 O\nX: y', 'HTTP/01.1 200 OK', 'HTTP/1.1 +20 OK', 'HTTP/1.1 200OK', 'HTTP/11 200 OK', '', 'RTSP/1.0 200 OK', 'SIP/2.0 200 OK',
]

export const FIELDS: readonly string[] = [
  'Content-Length: 5', 'content-length:5', 'Content-Length: 0', 'Content-Length: 6', 'Content-Length: 05', 'Content-Length: +5', 'Content-Length: -5', 'Content-Length: 5, 5', 'Content-Length: 5,', 'Content-Length: 0x5', 'Content-Length: 5 5', 'Content-Length:',
  'Content-Length: 5;', 'Content-Length: 99999999999999999999', 'Content-Length : 5', 'Content-Length\x00: 5', 'Content_Length: 5', 'Content-Length: 5\t', 'Content-Length: 9007199254740993', 'Content-Length: \xb5',
  'Transfer-Encoding: chunked', 'transfer-encoding:Chunked', 'Transfer-Encoding: chunked ', 'Transfer-Encoding: gzip, chunked', 'Transfer-Encoding: chunked, gzip', 'Transfer-Encoding: identity', 'Transfer-Encoding: xchunked', 'Transfer-Encoding: "chunked"',
  'Transfer-Encoding: chunked;a=b', 'Transfer-Encoding:', 'Transfer-Encoding: ,chunked', 'Transfer-Encoding:\r\n chunked', 'Transfer-Encoding : chunked', 'Transfer-Encoding: \x0bchunked', 'Transfer_Encoding: chunked',
  'Connection: close', 'Connection: keep-alive', 'Connection: Keep-Alive, Close', 'Connection: X-Hop, close-not', 'Connection: upgrade', 'Connection: content-length', 'Connection:', 'Keep-Alive: timeout=5', 'Upgrade: websocket', 'Upgrade: h2c',
  'Set-Cookie: a=b', 'Set-Cookie: c=d; Path=/', 'Content-Type: text/plain', 'Content-Encoding: gzip', 'X: \xff\x80', 'X:\t a\tb \t', 'X:', 'X: a\x00b', 'X: a\x7fb', 'X: a\rb', 'X: a\nb', ' X: y', 'X: y\r\n folded', 'X Y: 1', 'X', ': y', 'X\xe4: y', 'Trailer: X', 'Alt-Svc: h3=":443"',
]

/** What is in most heads. */
const SOUND = ['Set-Cookie: a=b', 'Content-Type: text/plain', 'Content-Encoding: gzip', 'X: \xff\x80']

export const BODIES: readonly string[] = [
  'abcde', '', 'abc', 'abcdef', CHUNKED, `${CHUNKED}HTTP/1.1 200 OK\r\n\r\n`, 'abcdeHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx', '0\r\n\r\n', '0\r\nX: y\r\n\r\n', '5\r\nabcde\r\n0\r\nX: y\r\nZ: w\r\n\r\n', '5\r\nabcde\r\n0\r\nContent-Length: 1\r\n\r\n',
  '5\r\nabcde\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n', '5\r\nabcde\r\n0\r\n X: y\r\n\r\n', '5\r\nabcde\r\n0\r\nX : y\r\n\r\n', '5;a=b\r\nabcde\r\n0\r\n\r\n', '5;a="\r\n"\r\nabcde\r\n0\r\n\r\n', '5 \r\nabcde\r\n0\r\n\r\n', '005\r\nabcde\r\n000\r\n\r\n', '5\nabcde\n0\n\n', '5\r\nabcdeX\r\n0\r\n\r\n',
  '5\r\nabcde0\r\n\r\n', '-5\r\nabcde\r\n0\r\n\r\n', '0x5\r\nabcde\r\n0\r\n\r\n', 'fffffffffffffffff\r\nabcde', '5\r\nab', '5\r\nabcde\r\n', 'A\r\nabcdefghij\r\n0\r\n\r\n', 'a\r\nabcdefghij\r\n0\r\n', '5\r\nabcde\r\n0\r\n\n', '\r\n5\r\nabcde\r\n0\r\n\r\n',
]

const INFORMATIONAL = ['HTTP/1.1 100 Continue\r\n\r\n', 'HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n', 'HTTP/1.1 102 Processing\r\nContent-Length: 5\r\n\r\n', 'HTTP/1.1 103 X\r\nTransfer-Encoding: chunked\r\n\r\n', 'HTTP/1.0 100 Continue\r\n\r\n']

export const METHODS = ['GET', 'HEAD', 'PUT'] as const

/** Each line, field and body once, beside what is sound. */
export function eachAnswer(): string[] {
  const bodies = ['abcde', CHUNKED]
  return [
    ...STATUS_LINES.flatMap((line) => [`${line}\r\nContent-Length: 5\r\n\r\nabcde`, `${line}\r\nTransfer-Encoding: chunked\r\n\r\n${CHUNKED}`, `${line}\r\n\r\nabcde`, `${line}\r\n\r\n`]),
    ...FIELDS.flatMap((field) => bodies.flatMap((body) => ['', 'Content-Length: 5\r\n', 'Transfer-Encoding: chunked\r\n'].flatMap((other) =>
      [`HTTP/1.1 200 OK\r\n${field}\r\n${other}\r\n${body}`, `HTTP/1.1 200 OK\r\n${other}${field}\r\n\r\n${body}`, `HTTP/1.0 200 OK\r\n${field}\r\n${other}\r\n${body}`]))),
    ...BODIES.flatMap((body) => ['', 'Content-Length: 5\r\n', 'Transfer-Encoding: chunked\r\n'].map((field) => `HTTP/1.1 200 OK\r\n${field}\r\n${body}`)),
    ...INFORMATIONAL.flatMap((first) => [`${first}HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcde`, `${first}${first}HTTP/1.1 204 No Content\r\n\r\n`, first]),
  ]
}

/** One of several lines, fields and bodies that chance puts together; most are sound in most. */
export function chanceAnswer(random: Random): string {
  const sound = (list: readonly string[], most: number): string => pick(random, random(3) === 0 ? list : list.slice(0, most)) ?? ''
  const fields = Array.from({ length: random(5) }, () => random(2) === 0 ? pick(random, SOUND) ?? '' : pick(random, FIELDS) ?? '')
  if (random(2) === 0) fields.push(random(2) === 0 ? 'Content-Length: 5' : 'Transfer-Encoding: chunked')
  const before = random(6) === 0 ? pick(random, INFORMATIONAL) ?? '' : ''
  return `${before}${sound(STATUS_LINES, 12)}\r\n${fields.map((field) => `${field}\r\n`).join('')}\r\n${sound(BODIES, 8)}`
}
