/** What an origin's answer is to the relay: by RFC 9112, and beside Node's own client, which the pipeline engine reads answers by. */
import t from 'tap'
import { RefusedError } from '../../../proxy/errors.ts'
import { readAnswerHead } from '../../../proxy/relay/answer-head.ts'
import { randomFrom } from '../../fuzz/random.ts'
import { chanceAnswer, eachAnswer, METHODS } from './answers.ts'
import { readByNode } from './node-answer.ts'
import type { ReadAnswer } from './node-answer.ts'
import { readByRelay } from './relay-answer.ts'

/** Answers that chance makes, beside those that are listed. */
const MOST = 600

const read = (text: string, method = 'GET') => readAnswerHead(Buffer.from(text, 'latin1'), method)

t.test('an answer as it was written', async t => {
  t.match(read('HTTP/1.1 200 OK\r\nServer: a\r\nSet-Cookie: b\r\nset-cookie:  c \r\n\r\n'), {
    status: 200, httpVersion: '1.1', rawHeaders: ['Server', 'a', 'Set-Cookie', 'b', 'set-cookie', 'c'], starts: [17, 28, 43, 60], framing: 'close', contentLength: null, keepsAlive: false,
  })
})

t.test('how far a body reaches, and whether another answer may follow', async t => {
  const of = (head: string, method = 'GET'): unknown[] => {
    const { framing, contentLength, keepsAlive } = read(`${head}\r\n\r\n`, method)
    return [framing, contentLength, keepsAlive]
  }
  t.strictSame(of('HTTP/1.1 200 OK\r\nContent-Length: 5'), ['length', 5, true])
  t.strictSame(of('HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: X, Close'), ['length', 5, false])
  t.strictSame(of('HTTP/1.0 200 OK\r\nContent-Length: 5'), ['length', 5, false])
  t.strictSame(of('HTTP/1.1 200 OK\r\nTransfer-Encoding: CHUNKED'), ['chunked', null, true])
  t.strictSame(of('HTTP/1.1 200 OK'), ['close', null, false])
  for (const status of [204, 304]) t.strictSame(of(`HTTP/1.1 ${status} X\r\nContent-Length: 5`), ['none', 5, true], String(status))
  t.strictSame(of('HTTP/1.1 103 Early Hints'), ['none', null, true])
  t.strictSame(of('HTTP/1.1 200 OK\r\nContent-Length: 5', 'HEAD'), ['none', 5, true])
  t.strictSame(of('HTTP/1.1 200 OK', 'HEAD'), ['none', null, false], 'an origin that answers HEAD as GET says more until it closes')
})

t.test('what two readers could take differently is none', async t => {
  for (const fields of [
    'Content-Length: 5\r\nTransfer-Encoding: chunked', 'Content-Length: 5\r\nContent-Length: 5', 'Content-Length: 5, 5', 'Content-Length: +5', 'Content-Length: 5 5', 'Content-Length:', 'Content-Length : 5', 'X: y\r\n folded', ' Content-Length: 5', 'X: a\x00b', 'X: a\rb',
    'Transfer-Encoding: gzip, chunked', 'Transfer-Encoding: identity', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked',
  ]) t.throws(() => read(`HTTP/1.1 200 OK\r\n${fields}\r\n\r\n`), { constructor: RefusedError, code: 'upstream.broken' }, fields)
})

/** By words of the relay's refusals: what Node takes all the same, and why it is left out here. */
const STRICTER = {
  'the status line': 'Node takes HTTP/0.9, RTSP, statuses below 100, empty lines before, and controls in the reason phrase',
  'a transfer coding beside a length or in HTTP/1.0': 'RFC 9112 §6.1 calls such framing faulty',
  'a transfer coding other than chunked': 'Node takes any, one of several as well, and the pipeline passes on what is still coded',
  'a length that is none, or two': 'Node takes one that no number holds exactly, where no body follows',
  'another protocol': 'Node gives 101 to whoever asked for none as an answer, which the pipeline refuses behind it',
  'a chunk size that is no plain number': 'Node skips extensions, which the relay would have to pass on',
  'a trailer that belongs into the head': 'Node takes framing fields in trailers, which the pipeline drops',
} as const

t.test("beside Node's own client", async t => {
  const random = randomFrom(8)
  const texts = [...eachAnswer(), ...Array.from({ length: MOST }, () => chanceAnswer(random))]
  const faults = new Set<string>()
  const differences: unknown[] = []
  let same = 0
  for (const text of texts) {
    const bytes = Buffer.from(text, 'latin1')
    for (const method of METHODS) {
      const { answer, fault } = readByRelay([bytes], method)
      const byNode = await readByNode(bytes, method)
      if (isWhole(answer)) {
        if (isWhole(byNode) && agree(answer, byNode)) same++
        else differences.push({ method, text, answer, byNode })
      } else if (isWhole(byNode)) faults.add(fault)
      const each = readByRelay(Array.from(bytes, (_, i) => bytes.subarray(i, i + 1)), method)
      if (fault === '' && JSON.stringify(each.answer) !== JSON.stringify(answer)) differences.push({ method, text, answer, each })
    }
  }
  t.strictSame(differences, [], 'what the relay takes Node takes, as the same')
  t.strictSame([...faults].sort(), Object.keys(STRICTER).sort(), 'what only Node takes')
  t.ok(same > 1000)
  t.comment(`${texts.length} answers to ${METHODS.length} methods: ${same} read alike, ${differences.length} differences`)
})

function isWhole(answer: ReadAnswer | 'refused'): answer is ReadAnswer {
  return answer !== 'refused' && answer.isWhole
}

function agree(relay: ReadAnswer, node: ReadAnswer): boolean {
  const { keepsAlive, ...rest } = relay
  const { keepsAlive: nodeKeeps, ...others } = node
  // It is no difference to close what might be kept.
  return JSON.stringify(rest) === JSON.stringify(others) && (nodeKeeps || !keepsAlive)
}
