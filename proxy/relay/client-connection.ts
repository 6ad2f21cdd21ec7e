/**
 * A client's HTTP/1.1 connection within an intercepted tunnel: cuts what comes into requests, has each decided anew, and carries
 * one at a time to its origin and back. What comes meanwhile waits.
 */
import type { TLSSocket } from 'node:tls'
import type { EngineParts } from '../engine-parts.ts'
import { RefusedError } from '../errors.ts'
import type { RefusalCode } from '../errors.ts'
import type { Arrival } from '../exchange.ts'
import { wrapFault } from '../passage.ts'
import type { Passage } from '../passage.ts'
import { mayTrailRequest, saysClose } from '../forward-headers.ts'
import { isSettledUpload } from '../stages/body.ts'
import type { Tunnel } from '../tunnel.ts'
import { BodyReader } from './body-reader.ts'
import { Forwarding } from './forward.ts'
import { GatheredWrites } from './gathered-writes.ts'
import { HeadFinder } from './head-finder.ts'
import { HeldBytes } from './held-bytes.ts'
import { linger } from './linger.ts'
import { meterPasses } from './meter-body.ts'
import type { OriginLeg } from './origin-leg.ts'
import { composeOwnAnswer } from './own-answer.ts'
import { Peek } from './peek.ts'
import { BULK, leaveRecords, takeRecords } from './record-reading.ts'
import { RelayExchange } from './relay-exchange.ts'
import { readRequestHead } from './request-head.ts'
import type { RequestHeadBytes } from './request-head.ts'

/** RFC 9112 sets none; larger cookies than this are an attack or a fault. */
const MOST_HEAD = 64 * 1024
/** What a client may send ahead of what is taken; it is not read then, and TCP holds it back. */
const MOST_HELD = 64 * 1024

export interface ConnectionParts {
  readonly engine: EngineParts
  readonly passage: Passage
  /** Takes the connection over from a request on that the relay does not carry: what was read of it has been put back. */
  readonly handOn: (connection: ClientConnection) => void
  readonly began: (exchange: RelayExchange) => void
  readonly finished: (exchange: RelayExchange) => void
}

export class ClientConnection {
  readonly socket: TLSSocket
  readonly parts: ConnectionParts
  readonly tunnel: Tunnel
  /** Called once the relay has nothing to do with it any more. */
  forget: () => void = () => undefined
  /** Monotonic: since when nothing is under way, or a head is not complete, or the connection ends. */
  restingSince = performance.now()
  readonly #arrival: Arrival
  readonly #held = new HeldBytes()
  #finder = newFinder()
  #exchange: RelayExchange | null = null
  #peek: Peek | null = null
  /** Of large answers. */
  #writes: GatheredWrites | null = null
  #isPaused = false
  #isEnding = false
  #isOver = false
  #count = 0

  constructor(socket: TLSSocket, tunnel: Tunnel, parts: ConnectionParts) {
    this.socket = socket
    this.tunnel = tunnel
    this.parts = parts
    this.#arrival = { peer: tunnel.peer, tunnel, scheme: 'https', expects: false }
    socket.on('data', this.#take)
    socket.on('end', this.#leave)
    socket.on('close', this.#closed)
    socket.on('drain', this.#drained)
  }

  /** Between two requests, or before the first. */
  get isIdle(): boolean {
    return this.#exchange === null && this.#finder.isEmpty && !this.#isOver
  }

  /** A head has begun and is not complete. */
  get isReadingHead(): boolean {
    return this.#exchange === null && !this.#finder.isEmpty && !this.#isOver
  }

  /** Nothing more is taken; what was written may still wait to leave. */
  get isOver(): boolean {
    return this.#isOver
  }

  /** No request has come yet. */
  get isFresh(): boolean {
    return this.#count === 0
  }

  /** Ends it after the answer that is under way. */
  end(): void {
    this.#isEnding = true
    if (this.#exchange === null) this.#close()
    else this.#exchange.isLast = true
  }

  /** All that it is told has been written. `relay` destroys it where that does not leave. */
  #close(): void {
    this.#isOver = true
    this.restingSince = performance.now()
    this.socket.destroySoon()
  }

  /** A head did not come in time (RFC 9110 §15.5.9). */
  headIsLate(): void {
    this.#answerFault('408 Request Timeout')
  }

  readonly #take = (chunk: Buffer): void => {
    try {
      this.#read(chunk)
    } catch (error) {
      this.#defect(error)
    }
  }

  /** Where nobody can be told any more: ends this connection, and no other. */
  #defect(error: unknown): void {
    this.parts.engine.defect(error)
    this.socket.destroy()
  }

  #read(chunk: Buffer): void {
    // What was told last is still leaving; nothing that comes now is kept.
    if (this.#isOver) return
    const exchange = this.#exchange
    if (exchange === null) this.#readHead(chunk)
    else {
      if (exchange.isLingering) return
      // What a client sends behind its request moves nothing of it.
      if (!exchange.bodyEnded) exchange.lastActivity = performance.now()
      if (this.#held.length === 0 && exchange.isSending && !exchange.isHeldBack) this.#passBody(exchange, chunk)
      else {
        this.#hold(chunk)
        this.#lookAhead()
      }
    }
  }

  #readHead(chunk: Buffer): void {
    if (this.#isOver || this.#isEnding) return
    if (this.#finder.isEmpty) this.restingSince = performance.now()
    let came: RequestHeadBytes | 'handed-on'
    let rest: Buffer
    try {
      const found = this.#finder.take(chunk)
      if (found === null) return
      rest = found.rest
      came = readRequestHead(found.bytes)
      if (came === 'handed-on') {
        this.#handOn(found.bytes, rest)
        return
      }
    } catch (error) {
      this.#faultyHead(error)
      return
    }
    this.#begin(came, rest)
  }

  /** What is no request is answered here: there is nothing to decide, nor to record. */
  #faultyHead(error: unknown): void {
    if (!(error instanceof RefusedError)) {
      this.parts.engine.defect(error)
      this.#answerFault('500 Internal Server Error')
    } else this.#answerFault(error.code === 'request.too-large-header' ? '431 Request Header Fields Too Large' : '400 Bad Request')
  }

  #answerFault(status: string): void {
    this.#isOver = true
    this.restingSince = performance.now()
    this.#held.clear()
    this.socket.resume()
    // What such a client goes on sending is read for a moment, so that a reset does not overtake the answer.
    this.socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
    const timer = setTimeout(() => this.socket.destroy(), FAULT_LINGER_MS)
    this.socket.once('close', () => clearTimeout(timer))
  }

  #handOn(bytes: Buffer, rest: Buffer): void {
    this.#isOver = true
    const { socket } = this
    leaveRecords(socket)
    socket.off('data', this.#take)
    socket.off('end', this.#leave)
    socket.off('close', this.#closed)
    socket.off('drain', this.#drained)
    socket.pause()
    socket.unshift(Buffer.concat([bytes, rest, this.#held.takeAll()]))
    this.parts.handOn(this)
  }

  #begin(came: RequestHeadBytes, rest: Buffer): void {
    this.#finder = newFinder()
    this.#count += 1
    const { limits } = this.parts.engine
    const exchange = new RelayExchange(came, namesExpect(came.rawHeaders) ? { ...this.#arrival, expects: true } : this.#arrival, this)
    if (this.#count >= limits.numbers.requestsPerConnection) {
      limits.ended('requests')
      this.#isEnding = true
    }
    exchange.isLast = this.#isEnding || asksToClose(came.rawHeaders)
    this.#exchange = exchange
    // Before what else waits: it may have come in pieces.
    this.#held.putBack(rest)
    this.#flow()
    this.parts.began(exchange)
    this.#decide(exchange).catch((error: unknown) => this.broken(exchange, error))
  }

  async #decide(exchange: RelayExchange): Promise<void> {
    const { passage } = this.parts
    const head = passage.readHead(exchange, exchange.came, false)
    passage.admit(exchange, head)
    exchange.body = new BodyReader(head.framing === 'unknown' ? 'chunked' : head.framing, head.contentLength, faulty, mayTrailRequest)
    let judgement = await passage.judge(exchange, head, null)
    if (exchange.state !== 'reading') return
    const peek = judgement.recognition?.peek ?? 0
    if (peek > 0 && head.contentLength !== 0 && !isSettledUpload(judgement)) {
      this.#sendContinue(exchange)
      this.#peek = new Peek(exchange, exchange.body, this.#held, head.contentLength === null ? peek : Math.min(peek, head.contentLength))
      this.#flow()
      const peeked = await this.#peek.done
      this.#peek = null
      this.#flow()
      if (exchange.state !== 'reading') return
      judgement = await passage.judge(exchange, head, peeked)
      if (exchange.state !== 'reading') return
    }
    judgement = passage.meter(exchange, judgement)
    if (judgement.verdict.decision.action === 'block') {
      this.#refuse(exchange, judgement.reasons.includes('recogniser-failed') ? 'recogniser.failed' : 'policy.blocked')
      return
    }
    exchange.state = 'forwarding'
    passage.holdUnjudged(exchange, (closed) => exchange.onClosed(closed), (error) => this.fail(exchange, error))
    if (exchange.refusal !== null) return
    this.#sendContinue(exchange)
    await new Forwarding(exchange, head, this.parts.engine, passage).begin()
  }

  /** What waited may have been taken, all of it, and not be enough. */
  #lookAhead(): void {
    if (this.#peek === null) return
    this.#peek.more()
    this.#flow()
  }

  /** The decision comes before `100 Continue` (DESIGN.md §7). */
  #sendContinue(exchange: RelayExchange): void {
    if (!exchange.arrival.expects || exchange.continued) return
    exchange.continued = true
    this.socket.write(CONTINUE)
  }

  /** Passes on what waits, as far as the origin takes it. */
  pump(exchange: RelayExchange): void {
    while (exchange.isSending && !exchange.isHeldBack) {
      const bytes = this.#held.shift()
      if (bytes === null) break
      this.#passBody(exchange, bytes)
    }
    this.#flow()
  }

  /** Meters what belongs to the body of the request, and passes it on. What does not is the next request's. */
  #passBody(exchange: RelayExchange, bytes: Buffer): void {
    const { body } = exchange
    if (body === null) return
    try {
      const end = body.scan(bytes, 0)
      if (end < bytes.length) this.#held.putBack(Buffer.from(bytes.subarray(end)))
      if (!meterPasses(exchange, body.content, body.isEnded)) this.cut(exchange)
      else {
        if (bytes.length >= BULK && exchange.leg?.isGathering === false) this.#expectMuch(exchange.leg)
        exchange.sendBody(end === bytes.length ? bytes : bytes.subarray(0, end))
      }
    } catch (error) {
      this.broken(exchange, error)
    }
  }

  #expectMuch(leg: OriginLeg): void {
    leg.gatherBody()
    takeRecords(this.socket, this.#takeRecord)
  }

  /** More of a large body; what its origin is told is copied. */
  readonly #takeRecord = (bytes: Buffer): boolean => {
    const exchange = this.#exchange
    if (exchange === null || this.#isOver || this.#held.length > 0 || !exchange.isSending || exchange.leg?.hasRoom !== true) return false
    exchange.lastActivity = performance.now()
    try {
      this.#passBody(exchange, bytes)
      this.#flow()
    } catch (error) {
      this.#defect(error)
    }
    return true
  }

  /** The body has passed a limit: nothing more of it leaves. */
  cut(exchange: RelayExchange): void {
    exchange.cut = (exchange.meter?.forwarded ?? 0) > 0
    this.#stopForwarding(exchange)
    this.#refuse(exchange, 'policy.blocked')
  }

  broken(exchange: RelayExchange, error: unknown): void {
    if (error instanceof RefusedError) return this.fail(exchange, error)
    this.parts.engine.defect(error)
    if (exchange.refusal === null) this.fail(exchange, new RefusedError('proxy.internal', error instanceof Error ? error.message : String(error), error))
    // It was the refusal that could not be made.
    else exchange.destroy()
  }

  fail(exchange: RelayExchange, error: unknown): void {
    if (exchange.state === 'done' || exchange.refusal !== null) return
    this.#stopForwarding(exchange)
    const refused = error instanceof RefusedError ? error : wrapFault(exchange, error)
    try {
      this.#refuse(exchange, refused.code, refused)
    } catch (fault) {
      exchange.failure = wrapFault(exchange, fault)
      exchange.destroy()
    }
  }

  #stopForwarding(exchange: RelayExchange): void {
    if (!exchange.isSent) this.parts.passage.quietly(() => exchange.meter?.abort())
    exchange.leg?.destroy()
  }

  #refuse(exchange: RelayExchange, code: RefusalCode, cause?: RefusedError): void {
    const answer = this.parts.passage.refuse(exchange, code, cause)
    if (exchange.isAnswered) {
      exchange.destroy()
      return
    }
    exchange.isAnswered = true
    exchange.state = 'answering'
    exchange.status = answer.status
    exchange.bytesDown += answer.body.length
    const isHead = exchange.came.method === 'HEAD'
    if (!exchange.bodyEnded) exchange.isLast = true
    this.answerEnded(exchange, composeOwnAnswer(answer, isHead, exchange.isLast))
  }

  /** `last`: the last bytes of the answer. The exchange is over once they have left. */
  answerEnded(exchange: RelayExchange, last: Buffer): void {
    const isSending = !exchange.bodyEnded && (!exchange.arrival.expects || exchange.continued) && !this.#hasAll(exchange)
    if (isSending) {
      this.flush()
      this.socket.write(last)
      exchange.isLast = true
      exchange.isLingering = true
      // It may have been read, and not have read: as long as its answer waits for it, it is watched.
      linger(this.socket, exchange, () => this.#writeLast(exchange, NOTHING))
    } else this.#writeLast(exchange, last)
  }

  /** More of an answer's body. False: no more should come before `drained`. */
  writeBody(bytes: Buffer): boolean {
    if (this.#writes === null) {
      if (bytes.length < BULK) return this.socket.write(bytes)
      this.#writes = new GatheredWrites(this.socket, this.#drained)
    }
    this.#writes.push(bytes)
    return !this.#writes.isFull
  }

  /** `writeBody` keeps nothing of what it is given, and takes more although it is full. */
  get hasRoom(): boolean {
    return this.#writes?.hasRoom === true
  }

  /** The client does not read what it is sent. */
  get isUnread(): boolean {
    return this.socket.writableNeedDrain || this.#writes?.isFull === true
  }

  /** Hands over what was gathered. */
  flush(): void {
    this.#writes?.flush()
  }

  #writeLast(exchange: RelayExchange, last: Buffer): void {
    this.flush()
    this.socket.write(last, (error) => {
      try {
        if (error == null) this.#settle(exchange)
      } catch (fault) {
        this.#defect(fault)
      }
    })
  }

  /** Drops what has come of a body that nobody takes any more; whether that was all of it. What is no body has no end. */
  #hasAll({ body }: RelayExchange): boolean {
    if (body === null) return true
    try {
      for (let bytes = this.#held.shift(); bytes !== null && !body.isEnded; bytes = this.#held.shift()) body.scan(bytes, 0)
      return body.isEnded
    } catch {
      return true
    } finally {
      this.#held.clear()
    }
  }

  /** The answer has left, whole. */
  #settle(exchange: RelayExchange): void {
    if (exchange.state === 'done') return
    this.#finish(exchange)
    if (exchange.isLast || this.#isEnding) {
      this.#close()
      return
    }
    this.#exchange = null
    this.restingSince = performance.now()
    const next = this.#held.shift()
    if (next !== null) this.#resumeWith(next)
    this.#flow()
  }

  /** What came behind the last request may hold several; each is taken in a turn of its own, so that a long pipeline is no deep recursion. */
  #resumeWith(bytes: Buffer): void {
    this.#readHead(bytes)
    while (this.#exchange === null && !this.#isOver) {
      const more = this.#held.shift()
      if (more === null) return
      this.#readHead(more)
    }
  }

  #finish(exchange: RelayExchange): void {
    exchange.state = 'done'
    this.parts.passage.quietly(() => exchange.tellClosed())
    this.parts.finished(exchange)
  }

  readonly #leave = (): void => {
    // A client that has closed its side waits for nothing any more, as Node's own server has it.
    this.socket.destroy()
  }

  readonly #closed = (): void => {
    this.#isOver = true
    const exchange = this.#exchange
    this.#held.clear()
    this.#writes?.drop()
    this.#peek?.stop()
    if (exchange === null || exchange.state === 'done') return
    exchange.clientGone = exchange.refusal === null
    this.parts.passage.quietly(() => exchange.leg?.destroy())
    this.#finish(exchange)
  }

  readonly #drained = (): void => this.#exchange?.leg?.resume()

  #hold(bytes: Buffer): void {
    this.#held.push(bytes)
    this.#flow()
  }

  /** Reads on where there is room for more, and only there. */
  #flow(): void {
    const isFull = this.#held.length >= MOST_HELD || this.#isAhead()
    if (isFull === this.#isPaused || this.#isOver) return
    this.#isPaused = isFull
    if (isFull) this.socket.pause()
    else this.socket.resume()
  }

  /** Its origin is slower than it is, by more than should be kept. */
  #isAhead(): boolean {
    const exchange = this.#exchange
    return exchange !== null && exchange.leg?.isGathering === true && exchange.isSending && exchange.isHeldBack
  }
}

/** How long a client that was told of its fault may take to close. */
const FAULT_LINGER_MS = 1_000
const NOTHING = Buffer.alloc(0)
const CONTINUE = Buffer.from('HTTP/1.1 100 Continue\r\n\r\n')

function newFinder(): HeadFinder {
  return new HeadFinder(MOST_HEAD, FAULTS)
}

const FAULTS = { tooLarge: () => new RefusedError('request.too-large-header', `more than ${MOST_HEAD} bytes`), malformed: faulty }

function faulty(detail: string): RefusedError {
  return new RefusedError('request.malformed', detail)
}

function namesExpect(rawHeaders: readonly string[]): boolean {
  for (let i = 0; i < rawHeaders.length; i += 2) if (rawHeaders[i]?.length === 6 && rawHeaders[i]?.toLowerCase() === 'expect') return true
  return false
}

function asksToClose(rawHeaders: readonly string[]): boolean {
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (rawHeaders[i]?.length === 10 && rawHeaders[i]?.toLowerCase() === 'connection' && saysClose(rawHeaders[i + 1] ?? '')) return true
  }
  return false
}
