/** Where the relay has code of its own for what the other files break in what both engines share; its grammar is in `relay-framing.ts`. */
import { patches, within } from './mutation.ts'
import type { Edit, Mutation } from './mutation.ts'

const at = (name: string): string => `proxy/relay/${name}.ts`
const ANSWER_HEAD = at('answer-head')
const CHUNKED = at('chunked')
const CONDUCTOR = at('conductor')
const CONNECTION = at('client-connection')
const EXCHANGE = at('connection-exchange')
const FORWARD = at('forward')
const CONNECTION_FORWARD = at('connection-forward')
const FORWARD_HEAD = at('forward-head')
const LEG = at('origin-leg')
const METER = at('meter-body')
const POOL = at('origin-pool')
const RELAY = at('relay')
const STREAM_FORWARD = at('stream-forward')

const UNASKED = 'the relay, upstream.share all: what came unasked and is not read yet answers nobody'
const ODD_ANSWERS = 'answers that break the rules of HTTP become a 502 or pass, over HTTP/1.1 and HTTP/2'
const FINISHES = 'at its age a connection finishes the request that is under way: HTTP/1.1'
const CUT = '--http1.1: an upload of unknown length is cut at the limit and never stored'

/** What an origin says while its connection rests is read by whoever comes next. */
const WAITING: readonly Edit[] = within(POOL, ["socket.on('data', own.drop)", 'socket.pause()'], ['      leave(last)\n', '      leave(last)\n      last.socket.resume()\n'])

export const RELAY_MUTATIONS: readonly Mutation[] = [
  patches('H2.1', within(CHUNKED, ["if (!this.#mayTrail(name.toLowerCase())) throw this.#fault('a trailer that belongs into the head')", 'void name']),
    'a length in the trailers', 'trailers cannot carry what was judged in the head'),
  patches('H5.1', within(CONNECTION, ['const MOST_HEAD = 64 * 1024', 'const MOST_HEAD = 64 * 1024 * 1024']), 'a field of 100 KB'),
  patches('H5.1', within(LEG, ['const MOST_HEAD = 20 * 1024', 'const MOST_HEAD = 64 * 1024 * 1024']), 'no answer, over HTTP/1'),
  patches('H5.1', within(LEG, ["if (this.#informational >= MOST_INFORMATIONAL) throw broken('informational answers without end')", '']), 'no answer, over HTTP/1'),
  // What follows a body leaves with it.
  patches('H13', within(EXCHANGE, ['this.sendBody(end === bytes.length ? bytes : bytes.subarray(0, end))', 'this.sendBody(bytes)']),
    'what follows a body is a request of its own, and is decided as one'),
  patches('H13', within(at('intake'), ['const isFull = this.#held.length >= MOST_HELD', 'const isFull = false']), 'what comes behind a request that waits is held back, beyond a bound'),
  patches('H13.1', within(CONNECTION, ['if (this.#count >= limits.numbers.requestsPerConnection)', 'if (false)']), 'a connection carries so many requests: HTTP/1.1'),
  patches('H16', within(CONDUCTOR, ['exchange.seat = this.#exchanges.join(exchange)\n', '']), 'a body that stops is given up, and so is an answer'),
  patches('H17', within(ANSWER_HEAD, ["if (isChunked && (length !== null || httpVersion === '1.0')) throw", 'if (false) throw']), ODD_ANSWERS),
  patches('H17', within(ANSWER_HEAD, ['([1-9][0-9]{2})', '([0-9]{3})']), ODD_ANSWERS),
  patches('H17', within(LEG, ["if (head.status === 101) throw broken('another protocol, unasked')", '']), ODD_ANSWERS),
  patches('H17', within(LEG, ["if (this.#head?.framing !== 'close') return this.#fail(", 'if (this.#head === null) return this.#fail(']), 'an answer without its end, over HTTP/1'),
  patches('H17', within(ANSWER_HEAD, ["if (found.length !== null || !/^[0-9]{1,15}$/.test(value)) throw broken('a length that is none, or two')", '']), 'what two readers could take differently is none'),
  patches('H17', within(ANSWER_HEAD, ["if (found.isChunked || value.toLowerCase() !== 'chunked') throw", 'if (false) throw']), 'what two readers could take differently is none'),
  patches('H18', within('proxy/repeat.ts', ['return !bodyEnded || IDEMPOTENT.has(asked.method)', 'return true']), 'what may have been carried out is not sent again'),
  patches('H18', within(FORWARD, ['!exchange.hasSentBody && mayRepeat(exchange, this.leg?.isReused === true)', 'exchange.retried !== true']), 'what may have been carried out is not sent again'),
  patches('S2.4', within(FORWARD_HEAD, ['passesInAnswer(name, named, status)', 'true']), 'plain HTTP, and the header fields of answers'),
  patches('S5', within(FORWARD_HEAD, ['  more += `Via: ${via}\\r\\n`\n', '']), 'what is forwarded out of an opened tunnel says so too, over HTTP/1.1 and HTTP/2'),
  patches('S7.2', within(FORWARD_HEAD, ["return name === 'transfer-encoding' || passesInRequest(name, came.rawHeaders[2 * field + 1] ?? '', named)", 'return named !== null']),
    'HTTP/1.1: own fields on exactly the listed hosts, and none of the client\'s anywhere'),
  // It leaves, and is counted then.
  patches('S11.1', within(METER, ['passes = meter.end()', 'passes = (meter.end(), true)'], ['let passes = content === 0 || meter.take(content)', 'let passes = content === 0 || (meter.take(content), true)']), CUT),
  patches('S13.1', within(RELAY, ['rests > limits.numbers.headTime', 'rests > 1_000_000_000']),
    'a head that is never finished is given up, before the proxy and within a tunnel', 'a head, a handshake and a tunnel that do not go on are given up'),
  patches('S13.3', within(RELAY, ['end: () => connection.end()', 'end: () => undefined']), FINISHES),
  // The other way to be wrong: what is under way is cut.
  patches('S13.3', within(CONNECTION, ['else exchange.isLast = true', 'else this.socket.destroy()']), FINISHES),
  patches('S13.5', within(at('relay-exchange'), ['return this.leg?.isFull === true', 'return false']), 'HTTP/1.1: an upload waits for an origin that does not read'),
  patches('S13.5', within(CONNECTION_FORWARD, ['if (!this.exchange.connection.writes.write(bytes)) this.leg?.pause()', 'this.exchange.connection.writes.write(bytes)']),
    'HTTP/1.1: a download waits for a client that does not read'),
  patches('S13.5', within(at('stream-body'), ['    if (leg.isFull) exchange.stream.pause()\n', '']), 'HTTP/2: an upload waits for an origin that does not read, and other streams go on'),
  patches('S13.5', within(STREAM_FORWARD, ['    if (!stream.writableNeedDrain) return\n', '    if (stream !== null) return\n']), 'HTTP/2: a download waits for a client that does not read'),
  patches('S13.10', within(CONDUCTOR, ['    this.passage.quietly(() => exchange.leg?.destroy())\n    this.finished', '    this.finished']),
    'clients that leave at every step', 'a client that leaves while the origin stalls frees both ends'),
  patches('S14.7', within(CONDUCTOR, ['this.#decide(exchange).catch((error: unknown) => this.broken(exchange, error))', 'void this.#decide(exchange)']),
    'taking an origin\'s connection, over HTTP/1', 'taking an origin\'s connection, over HTTP/2'),
  patches('S14.7', within(CONNECTION, ['      this.#read(chunk)\n    } catch (error) {\n      this.#defect(error)', '      this.#read(chunk)\n    } catch (error) {\n      throw error']), 'holding what came early, over HTTP/1'),
  patches('S14.7', [...within(CONNECTION, ['this.#defect(fault)', 'throw fault']), ...within(CONDUCTOR, ['this.passage.quietly(() => exchange.tellClosed())', 'exchange.tellClosed()'])], 'who waits for an exchange to be over, over HTTP/1'),
  patches('S14.7', within(LEG, ['if (this.#isOver) this.#events.broken(error)\n    else this.#fail(error)', 'this.#fail(error)']), 'keeping an origin\'s connection, over HTTP/1'),
  patches('S23', within(CONDUCTOR, ['    passage.holdUnjudged(exchange, (closed) => exchange.onClosed(closed), (error) => this.fail(exchange, error))\n', '']),
    'an upload that nobody judged does not go on when it ends, nor does a WebSocket'),
  // What is behind an answer waits for the next request.
  patches('T17', [...within(LEG, ['if (body.isEnded) this.#events.ended(own, end === bytes.length && this.#head?.keepsAlive === true)',
    'if (body.isEnded) {\n      this.#socket.pause()\n      if (end < bytes.length) this.#socket.unshift(bytes.subarray(end))\n      this.#events.ended(own, this.#head?.keepsAlive === true)\n    }'],
  ['    this.#leave()\n    this.#socket.resume()\n', '    this.#leave()\n']), ...WAITING], 'an origin that answers otherwise than it should', UNASKED),
  patches('T17', WAITING, UNASKED),
  patches('T17', within(POOL, ['return new Promise((resolve) => { setImmediate(() => setImmediate(resolve)) })', 'return Promise.resolve()']), UNASKED),
  patches('T17', [...within(at('stream-body'), ['return stream.aborted || stream.rstCode !== 0 || state === \'done\'', 'return stream.destroyed && state === \'done\'']),
    ...within(CONDUCTOR, ['    this.passage.quietly(() => exchange.leg?.destroy())\n    this.finished', '    this.finished'])], 'a body that its client did not finish'),
  patches('T17', within(FORWARD, ['this.#isEarly = !exchange.isSent || leg === null || !this.hasLeft(leg)', 'this.#isEarly = false']), 'an answer before the body was read'),
]
