import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import { readFieldLines } from '../../../proxy/relay/field-lines.ts'

const fault = (detail: string): Error => new Error(detail)
const read = (text: string, from = 0) => {
  const bytes = Buffer.from(text, 'latin1')
  return readFieldLines(bytes, from, bytes.length, fault)
}

t.test('names as written, values without the white space around them, and where each line begins', async (t) => {
  t.strictSame(read('Host: a.example\r\nX-A:\t b c \t\r\nX-Empty:\r\nx-b:\xe4\tb\r\n\r\n'), {
    rawHeaders: ['Host', 'a.example', 'X-A', 'b c', 'X-Empty', '', 'x-b', '\xe4\tb'], starts: [0, 17, 30, 40, 49],
  })
  t.strictSame(read('\r\n'), { rawHeaders: [], starts: [0] }, 'none at all')
  t.strictSame(read('GET /\r\nA: b\r\n\r\n', 7), { rawHeaders: ['A', 'b'], starts: [7, 13] }, 'from an index on')
})

t.test('of each byte: where it may stand', async (t) => {
  const names = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
  const takes = (text: string): boolean => {
    try {
      read(text)
      return true
    } catch {
      return false
    }
  }
  for (let code = 0; code < 256; code++) {
    const character = String.fromCharCode(code)
    t.equal(takes(`a${character}a: b\r\n\r\n`), names.includes(character) || character === ':', `${code} in a name`)
    t.equal(takes(`a: b${character}b\r\n\r\n`), code === 9 || (code >= 32 && code !== 127), `${code} in a value`)
  }
})

t.test('what could be read in two ways is a fault', async (t) => {
  for (const text of ['A : b\r\n\r\n', ' A: b\r\n\r\n', 'A: b\r\n c\r\n\r\n', 'A: b\r\n\tc\r\n\r\n', 'A\r\n\r\n', ': b\r\n\r\n', 'A: b\n\r\n', 'A: b\r\r\n\r\n', 'A: b\r\n', 'A: b\r\n\r\n\r\n', 'A: b\r\n\n\n', 'A: b', '\n\n', '']) {
    t.throws(() => read(text), JSON.stringify(text))
  }
})

t.test('a value that is kept does not keep the whole of a long head', async (t) => {
  const kept: unknown[] = []
  setFlagsFromString('--expose-gc')
  const collectGarbage: unknown = runInNewContext('gc')
  const used = (): number => {
    if (typeof collectGarbage === 'function') collectGarbage()
    return process.memoryUsage().heapUsed
  }
  const before = used()
  for (let i = 0; i < 1000; i++) {
    const text = `X-Kept: ${i} is what somebody keeps\r\nX-Long: ${String(i).padStart(60_000, 'x')}\r\n\r\n`
    kept.push(readFieldLines(Buffer.from(text), 0, text.length, fault).rawHeaders[1])
  }
  t.ok(used() - before < 10 << 20)
  t.equal(kept.length, 1000)
})
