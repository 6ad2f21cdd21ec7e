import t from 'tap'
import { HeadFinder } from '../../../proxy/relay/head-finder.ts'

const FAULTS = { tooLarge: () => new Error('too large'), malformed: () => new Error('malformed') }
const finder = (most = 64): HeadFinder => new HeadFinder(most, FAULTS)
const HEAD = 'GET / HTTP/1.1\r\nHost: a.example\r\n\r\n'

t.test('a head in one piece is not copied, and what follows it is there', async (t) => {
  const chunk = Buffer.from(`${HEAD}rest`)
  const taken = finder().take(chunk)
  t.equal(taken?.bytes.toString(), HEAD)
  t.equal(taken?.rest.toString(), 'rest')
  t.equal(taken?.bytes.buffer, chunk.buffer)
  t.equal(taken?.bytes.byteOffset, chunk.byteOffset)
})

t.test('the same whatever the cut', async (t) => {
  const chunk = Buffer.from(`${HEAD}rest`)
  for (let cut = 1; cut < HEAD.length; cut++) {
    const found = finder()
    t.equal(found.take(chunk.subarray(0, cut)), null)
    t.notOk(found.isEmpty)
    const taken = found.take(chunk.subarray(cut))
    t.strictSame([taken?.bytes.toString(), taken?.rest.toString()], [HEAD, 'rest'], `cut at ${cut}`)
    t.ok(found.isEmpty)
  }
})

t.test('byte by byte, also beyond the first room', async (t) => {
  const long = Buffer.from(`GET / HTTP/1.1\r\nX: ${'x'.repeat(9_000)}\r\n\r\n`)
  const found = finder(long.length)
  for (let i = 0; i < long.length - 1; i++) if (found.take(long.subarray(i, i + 1)) !== null) t.fail('too early')
  t.equal(found.take(long.subarray(-1))?.bytes.toString(), long.toString())
})

t.test('what was kept does not change with the buffer that it came in', async (t) => {
  const found = finder()
  const chunk = Buffer.from(HEAD.slice(0, 20))
  found.take(chunk)
  chunk.fill('x')
  t.equal(found.take(Buffer.from(HEAD.slice(20)))?.bytes.toString(), HEAD)
})

t.test('as much as may be, and no byte more, whatever the cut', async (t) => {
  const bytes = Buffer.from(HEAD)
  for (let cut = 0; cut < bytes.length; cut++) {
    const take = (most: number) => {
      const found = finder(most)
      return found.take(bytes.subarray(0, cut)) ?? found.take(bytes.subarray(cut))
    }
    t.ok(take(bytes.length))
    t.throws(() => take(bytes.length - 1), { message: 'too large' })
  }
  t.throws(() => finder(8).take(Buffer.from('12345678')), { message: 'too large' }, 'nothing more could come')
})

t.test('what cannot become a head is a fault before its end', async (t) => {
  for (const text of ['GET / HTTP/1.1\n', '\n', 'GET / HTTP/1.1\rX', 'GET\0', 'GET / HTTP/1.1\r\n\n', '\x16\x03\x01']) {
    t.throws(() => finder().take(Buffer.from(text, 'latin1')), { message: 'malformed' }, JSON.stringify(text))
    t.throws(() => {
      const found = finder()
      for (const character of text) found.take(Buffer.from(character, 'latin1'))
    }, { message: 'malformed' }, `${JSON.stringify(text)}, byte by byte`)
  }
  t.equal(finder().take(Buffer.from('GET / HTTP/1.1\r\nA:\tb\r')), null)
  t.equal(finder().take(Buffer.alloc(0)), null)
})
