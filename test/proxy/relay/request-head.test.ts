import t from 'tap'
import { RefusedError } from '../../../proxy/errors.ts'
import { readRequestHead } from '../../../proxy/relay/request-head.ts'
import { recordings, rcloneRecordings } from '../../policy/providers/recording.ts'

const read = (text: string) => readRequestHead(Buffer.from(text, 'latin1'))
function refusal(text: string): string {
  try {
    return read(text) === 'handed-on' ? 'handed-on' : 'taken'
  } catch (error) {
    if (error instanceof RefusedError) return error.code
    throw error
  }
}

t.test('a request as it was written', async (t) => {
  const text = 'POST /2/files?a=%20 HTTP/1.1\r\nHost: a.example\r\nX-A:  b \r\n\r\n'
  t.match(read(text), {
    method: 'POST', url: '/2/files?a=%20', rawHeaders: ['Host', 'a.example', 'X-A', 'b'], starts: [30, 47, 57], httpVersion: '1.1', httpVersionMajor: 1, httpVersionMinor: 1,
  })
  t.match(read('GET https://a.example/ HTTP/1.1\r\n\r\n'), { url: 'https://a.example/', rawHeaders: [] })
})

t.test('every target that real clients were recorded with', async (t) => {
  const heads = [...recordings().map(({ head }) => head), ...rcloneRecordings().map(({ head }) => head)]
  const refused = heads.filter(({ method, path, query }) => refusal(`${method} ${query === '' ? path : `${path}?${query}`} HTTP/1.1\r\n\r\n`) !== 'taken')
  t.strictSame(refused.map(({ method, path, query }) => [method, path, query]), [])
  t.ok(heads.length > 100)
})

t.test('what URL parsers leave as it is may stand in a target, nothing else', async (t) => {
  for (let code = 0; code < 256; code++) {
    const character = String.fromCharCode(code)
    const stays = code > 0x20 && code < 0x7f && !'"#<>\\'.includes(character)
    t.equal(refusal(`GET /a${character}b HTTP/1.1\r\n\r\n`), stays ? 'taken' : 'request.malformed', String(code))
  }
})

t.test('HTTP/1.0 and upgrades to WebSocket are handed on, other upgrades are not', async (t) => {
  t.equal(refusal('GET / HTTP/1.0\r\n\r\n'), 'handed-on')
  t.equal(refusal('GET / HTTP/1.1\r\nConnection: Upgrade\r\nUPGRADE: WebSocket\r\n\r\n'), 'handed-on')
  t.equal(refusal('GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n'), 'taken')
})

t.test('what is not the strict grammar is refused', async (t) => {
  const rest = '\r\nHost: a.example\r\n\r\n'
  for (const text of [
    `\r\nGET / HTTP/1.1${rest}`, ` GET / HTTP/1.1${rest}`, `GET  / HTTP/1.1${rest}`, `GET /  HTTP/1.1${rest}`, `GET\t/ HTTP/1.1${rest}`, `GET / HTTP/1.1 ${rest}`, `GET /${rest}`, `GET HTTP/1.1${rest}`,
    `GET / HTTP/1.2${rest}`, `GET / HTTP/2.0${rest}`, `GET / http/1.1${rest}`, `GET / HTTP/01.1${rest}`, `GET / HTTP/1.10${rest}`, `GET / HTTP/1.0 ${rest}`, `GET / HTTP/1.1\n${rest}`, `GET / HTTP/1.1\r${rest}`,
    `get / HTTP/1.1${rest}`, `Get / HTTP/1.1${rest}`, `NOTHING / HTTP/1.1${rest}`, `CONNECT / HTTP/1.1${rest}`, `CONNECT a.example:443 HTTP/1.1${rest}`, `G<T / HTTP/1.1${rest}`, ` / HTTP/1.1${rest}`,
    'GET / HTTP/1.1\r\nA : b\r\n\r\n', 'GET / HTTP/1.1\r\n A: b\r\n\r\n', '\r\n\r\n', '',
  ]) t.equal(refusal(text), 'request.malformed', JSON.stringify(text))
  t.equal(refusal(`GET /${'a'.repeat(32 * 1024 - 1)} HTTP/1.1${rest}`), 'taken')
  t.equal(refusal(`GET /${'a'.repeat(32 * 1024)} HTTP/1.1${rest}`), 'request.too-large-header')
})
