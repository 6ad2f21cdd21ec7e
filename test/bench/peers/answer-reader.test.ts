import t from 'tap'
import { AnswerReader } from './answer-reader.ts'

const ANSWERS = {
  'a length': ['HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello', 200, true, 'hello'],
  'a length of nothing': ['HTTP/1.1 404 Not Found\r\ncontent-length:0\r\n\r\n', 404, true, ''],
  'chunks': ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;a=b\r\nlo\r\n0\r\n\r\n', 200, true, 'hello'],
  'a connection that ends': ['HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\na', 200, false, 'a'],
} as const

for (const [name, [text, status, isKept, body]] of Object.entries(ANSWERS)) {
  t.test(`${name}: the answer is read alike wherever its bytes are cut`, t => {
    const bytes = Buffer.from(text)
    for (let cut = 0; cut < bytes.length; cut++) {
      let came = ''
      const reader = new AnswerReader(chunk => { came += chunk.toString() })
      // Twice, as on a connection that is kept.
      for (let n = 1; n <= 2; n++) {
        if (cut > 0) t.equal(reader.take(bytes.subarray(0, cut)), null)
        t.strictSame(reader.take(bytes.subarray(cut)), { status, isKept }, `cut at ${cut}`)
        t.equal(came, body.repeat(n))
      }
    }
    t.end()
  })
}

t.test('more than the answer has, or no length, is an error', t => {
  const read = (text: string) => () => new AnswerReader(() => undefined).take(Buffer.from(text))
  t.throws(read('HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab'))
  t.throws(read('HTTP/1.1 200 OK\r\n\r\nab'))
  t.throws(read('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n'))
  t.end()
})
