import t from 'tap'
import { ChunkedBody } from '../../../proxy/relay/chunked.ts'

const fault = (detail: string): Error => new Error(detail)
const mayTrail = (name: string): boolean => name !== 'content-length'

/** What it says of the pieces: the content, and how many bytes of all belong to the message; null: more have to come. */
function scan(pieces: readonly Buffer[]): { content: string; end: number | null } {
  const body = new ChunkedBody(fault, mayTrail)
  let content = ''
  let before = 0
  for (const piece of pieces) {
    const end = body.scan(piece, 0, (from, to) => { content += piece.toString('latin1', from, to) })
    if (body.isEnded) return { content, end: before + end }
    before += piece.length
  }
  return { content, end: null }
}
const whole = (text: string) => scan([Buffer.from(text, 'latin1')])

t.test('content without its frames, and the end behind it', async (t) => {
  t.strictSame(whole('5\r\nhello\r\n1\r\n!\r\n0\r\n\r\nGET'), { content: 'hello!', end: 21 })
  t.strictSame(whole('0\r\n\r\n'), { content: '', end: 5 })
  t.strictSame(whole('00000a\r\n0123456789\r\n0\r\nX-Sum: 1\r\nX-B:\r\n\r\nx'), { content: '0123456789', end: 41 })
  t.strictSame(whole('A\r\n0123456789\r\n0\r\n'), { content: '0123456789', end: null })
})

t.test('the same whatever the cut', async (t) => {
  const bytes = Buffer.from('5\r\nhello\r\n0c\r\n\r\n0\r\n\r\n0\r\n\r\n\r\n00\r\nX-Sum: 1\r\n\r\nrest')
  const expected = scan([bytes])
  t.strictSame(expected, { content: 'hello\r\n0\r\n\r\n0\r\n\r\n', end: bytes.length - 4 })
  for (let cut = 0; cut <= bytes.length; cut++) t.strictSame(scan([bytes.subarray(0, cut), bytes.subarray(cut)]), expected, `cut at ${cut}`)
  t.strictSame(scan([...bytes].map(byte => Buffer.from([byte]))), expected, 'byte by byte')
})

t.test('a body may begin within the bytes', async (t) => {
  const runs: [number, number][] = []
  const body = new ChunkedBody(fault, mayTrail)
  t.equal(body.scan(Buffer.from('head1\r\nx\r\n0\r\n\r\nnext'), 4, (from, to) => runs.push([from, to])), 15)
  t.strictSame(runs, [[7, 8]])
})

t.test('what is not the strict grammar is a fault', async (t) => {
  for (const text of [
    '\r\n', 'x\r\n', '5;a=b\r\nhello', '5 \r\nhello', ' 5\r\nhello', '+5\r\nhello', '-5\r\nhello', '0x5\r\nhello', '5\nhello', '5\rhello', '5\r\nhello\n', '5\r\nhello6', '5\r\nhello\r0', '5\r\nhello\r\n\r\n',
    '00000000000000001\r\n', 'fffffffffffffff\r\n', '20000000000000\r\n', '0\r\nContent-Length: 1\r\n\r\n', '0\r\nA : b\r\n\r\n', '0\r\n A: b\r\n\r\n', '0\r\nA: b\n\r\n', '0\r\n\n', '0\r\n\r\r\n', '0\r\nA: b\rC: d\r\n', '0\r\nA: \0\r\n\r\n',
    `0\r\nA: ${'x'.repeat(8 * 1024)}`, `0\r\n${'A: b\r\n'.repeat(1400)}`,
  ]) t.throws(() => whole(text), JSON.stringify(text.slice(0, 40)))
  t.strictSame(whole('1fffffffffffff\r\n'), { content: '', end: null }, 'the largest safe integer')
  t.strictSame(whole('001fffffffffffff\r\n'), { content: '', end: null })
})
