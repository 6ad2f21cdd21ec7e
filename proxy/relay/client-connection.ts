/**
 * A client's HTTP/1.1 connection within an intercepted tunnel: cuts what comes into requests, has each decided anew, and carries
 * one at a time to its origin and back. What comes meanwhile waits.
 */
import type { TLSSocket } from 'node:tls'
import { RefusedError } from '../errors.ts'
import type { Arrival } from '../exchange.ts'
import { linger } from '../linger.ts'
import type { Tunnel } from '../tunnel.ts'
import { AnswerWrites } from './answer-writes.ts'
import type { Conductor } from './conductor.ts'
import { ConnectionExchange } from './connection-exchange.ts'
import { HeadFinder } from './head-finder.ts'
import { Intake } from './intake.ts'
import { answerFault } from './own-answer.ts'
import { leaveRecords } from './record-reading.ts'
import { asksToClose, expectsContinue, readRequestHead } from './request-head.ts'
import type { RequestHeadBytes } from './request-head.ts'

/** RFC 9112 sets none; larger cookies than this are an attack or a fault. */
const MOST_HEAD = 64 * 1024

export class ClientConnection {
  readonly socket: TLSSocket
  readonly tunnel: Tunnel
  readonly conductor: Conductor
  /** Takes the connection over from a request on that the relay does not carry: what was read of it has been put back. */
  readonly #give: (connection: ClientConnection) => void
  /** Called once the relay has nothing to do with it any more. */
  forget: () => void = () => undefined
  /** Monotonic: since when nothing is under way, or a head is not complete, or the connection ends. */
  restingSince = performance.now()
  readonly #arrival: Arrival
  #finder = newFinder()
  readonly intake: Intake
  readonly writes: AnswerWrites
  #isEnding = false
  #count = 0

  constructor(socket: TLSSocket, tunnel: Tunnel, conductor: Conductor, give: (connection: ClientConnection) => void) {
    this.socket = socket
    this.tunnel = tunnel
    this.conductor = conductor
    this.#give = give
    this.intake = new Intake(socket, this.#defect)
    this.writes = new AnswerWrites(socket, this.#drained)
    this.#arrival = { peer: tunnel.peer, tunnel, scheme: 'https', expects: false }
    socket.on('data', this.#take)
    socket.on('end', this.#leave)
    socket.on('close', this.#closed)
    socket.on('drain', this.#drained)
  }

  /** Between two requests, or before the first. */
  get isIdle(): boolean {
    return this.intake.exchange === null && this.#finder.isEmpty && !this.isOver
  }

  /** A head has begun and is not complete. */
  get isReadingHead(): boolean {
    return this.intake.exchange === null && !this.#finder.isEmpty && !this.isOver
  }

  /** Nothing more is taken; what was written may still wait to leave. */
  get isOver(): boolean {
    return this.intake.isOver
  }

  /** No request has come yet. */
  get isFresh(): boolean {
    return this.#count === 0
  }

  /** Ends it after the answer that is under way. */
  end(): void {
    this.#isEnding = true
    const { exchange } = this.intake
    if (exchange === null) this.#close()
    else exchange.isLast = true
  }

  /** All that it is told has been written. `relay` destroys it where that does not leave. */
  #close(): void {
    this.intake.stop()
    this.restingSince = performance.now()
    this.socket.destroySoon()
  }

  /** A head did not come in time (RFC 9110 §15.5.9). */
  headIsLate(): void {
    this.#answerFault('408 Request Timeout')
  }

  /** Where nobody can be told any more: ends this connection, and no other. */
  readonly #defect = (error: unknown): void => {
    this.conductor.parts.defect(error)
    this.socket.destroy()
  }

  readonly #take = (chunk: Buffer): void => {
    try {
      this.#read(chunk)
    } catch (error) {
      this.#defect(error)
    }
  }

  #read(chunk: Buffer): void {
    // What was told last is still leaving; nothing that comes now is kept.
    if (this.isOver) return
    const { exchange } = this.intake
    if (exchange === null) this.#readHead(chunk)
    else {
      if (exchange.isLingering) return
      // What a client sends behind its request moves nothing of it.
      if (!exchange.bodyEnded) exchange.lastActivity = performance.now()
      this.intake.take(exchange, chunk)
    }
  }

  #readHead(chunk: Buffer): void {
    if (this.isOver || this.#isEnding) return
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
      this.conductor.parts.defect(error)
      this.#answerFault('500 Internal Server Error')
    } else this.#answerFault(error.code === 'request.too-large-header' ? '431 Request Header Fields Too Large' : '400 Bad Request')
  }

  #answerFault(status: string): void {
    this.intake.stop()
    this.restingSince = performance.now()
    answerFault(this.socket, status)
  }

  #handOn(bytes: Buffer, rest: Buffer): void {
    const { socket } = this
    leaveRecords(socket)
    socket.off('data', this.#take)
    socket.off('end', this.#leave)
    socket.off('close', this.#closed)
    socket.off('drain', this.#drained)
    socket.pause()
    socket.unshift(Buffer.concat([bytes, rest, this.intake.leave()]))
    this.#give(this)
  }

  #begin(came: RequestHeadBytes, rest: Buffer): void {
    this.#finder = newFinder()
    this.#count += 1
    const { limits } = this.conductor.parts
    const exchange = new ConnectionExchange(came, expectsContinue(came.rawHeaders) ? { ...this.#arrival, expects: true } : this.#arrival, this)
    if (this.#count >= limits.numbers.requestsPerConnection) {
      limits.ended('requests')
      this.#isEnding = true
    }
    exchange.isLast = this.#isEnding || asksToClose(came.rawHeaders)
    this.intake.exchange = exchange
    this.intake.putBack(rest)
    this.conductor.take(exchange)
  }

  /** `last`: the last bytes of the answer. The exchange is over once they have left. */
  answerEnded(exchange: ConnectionExchange, last: Buffer): void {
    const isSending = !exchange.bodyEnded && (!exchange.arrival.expects || exchange.continued) && !this.intake.drop(exchange)
    if (isSending) {
      this.writes.flush()
      this.socket.write(last)
      exchange.isLast = true
      exchange.isLingering = true
      // It may have been read, and not have read: as long as its answer waits for it, it is watched.
      linger(this.socket, () => this.#writeLast(exchange, NOTHING), (bytes) => exchange.dropBody(bytes))
    } else this.#writeLast(exchange, last)
  }

  #writeLast(exchange: ConnectionExchange, last: Buffer): void {
    this.writes.flush()
    this.socket.write(last, (error) => {
      try {
        if (error == null) this.#settle(exchange)
      } catch (fault) {
        this.#defect(fault)
      }
    })
  }

  /** The answer has left, whole. */
  #settle(exchange: ConnectionExchange): void {
    if (exchange.state === 'done') return
    this.conductor.finished(exchange)
    if (exchange.isLast || this.#isEnding) {
      this.#close()
      return
    }
    this.intake.exchange = null
    this.restingSince = performance.now()
    const next = this.intake.next()
    if (next !== null) this.#resumeWith(next)
    this.intake.flow()
  }

  /** What came behind the last request may hold several; each is taken in a turn of its own, so that a long pipeline is no deep recursion. */
  #resumeWith(bytes: Buffer): void {
    this.#readHead(bytes)
    while (this.intake.exchange === null && !this.isOver) {
      const more = this.intake.next()
      if (more === null) return
      this.#readHead(more)
    }
  }

  readonly #leave = (): void => {
    // A client that has closed its side waits for nothing any more, as Node's own server has it.
    this.socket.destroy()
  }

  readonly #closed = (): void => {
    const { exchange } = this.intake
    this.intake.stop()
    this.writes.drop()
    if (exchange !== null) this.conductor.closed(exchange, false)
  }

  readonly #drained = (): void => this.intake.exchange?.leg?.resume()
}

const NOTHING = Buffer.alloc(0)

function newFinder(): HeadFinder {
  return new HeadFinder(MOST_HEAD, FAULTS)
}

const FAULTS = { tooLarge: () => new RefusedError('request.too-large-header', `more than ${MOST_HEAD} bytes`), malformed: faulty }

function faulty(detail: string): RefusedError {
  return new RefusedError('request.malformed', detail)
}
