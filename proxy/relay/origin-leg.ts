/** One request's way to its origin and the answer's way back, on a connection that carries nothing else meanwhile. */
import type { TLSSocket } from 'node:tls'
import { MOST_INFORMATIONAL } from '../bound-answer.ts'
import { RefusedError } from '../errors.ts'
import { noteConnection } from '../exchange.ts'
import type { Exchange } from '../exchange.ts'
import { mayTrailAnswer } from '../forward-headers.ts'
import { readAnswerHead } from './answer-head.ts'
import type { AnswerHead } from './answer-head.ts'
import { BodyReader } from './body-reader.ts'
import { GatheredWrites } from './gathered-writes.ts'
import { HeadFinder } from './head-finder.ts'
import { BULK, leaveRecords, takeRecords } from './record-reading.ts'

/** Node's client takes 16 KiB of names and values; what stands between them comes on top. */
const MOST_HEAD = 20 * 1024

/** Whom the leg tells; each within the same turn as the bytes came. */
export interface LegEvents {
  /** An answer that goes before the answer: 102, 103. */
  informed(head: AnswerHead): void
  /** The answer has begun; `body` reads on as its bytes come. */
  answered(head: AnswerHead, body: BodyReader): void
  /** `more` keeps nothing of what it is given, and takes some although the client is slow. */
  readonly hasRoom: boolean
  /** More of the answer's body, as it goes over the wire. */
  more(bytes: Buffer): void
  /** All that came at once has been told; not called once the answer is over. */
  told(): void
  /** The answer is whole with `last`, which may be empty; nothing more is told. `isClean`: its connection may carry another request. */
  ended(last: Buffer, isClean: boolean): void
  /** The origin takes more again. */
  drained(): void
  /** The connection failed, or the answer is none. Nothing more is told. */
  failed(error: RefusedError): void
  /** A defect, once nothing more is told. */
  broken(error: unknown): void
}

export class OriginLeg {
  readonly #socket: TLSSocket
  readonly #exchange: Exchange
  readonly #events: LegEvents
  /** It had carried another request before. */
  readonly isReused: boolean
  #finder = new HeadFinder(MOST_HEAD, FAULTS)
  #informational = 0
  #head: AnswerHead | null = null
  #body: BodyReader | null = null
  /** Of a large body. */
  #writes: GatheredWrites | null = null
  #isOver = false

  constructor(socket: TLSSocket, isReused: boolean, exchange: Exchange, events: LegEvents) {
    this.#socket = socket
    this.isReused = isReused
    this.#exchange = exchange
    this.#events = events
    noteConnection(exchange, socket)
    socket.on('data', this.#take)
    socket.on('end', this.#end)
    socket.on('error', this.#fail)
    socket.on('close', this.#close)
    socket.on('drain', this.#drain)
  }

  /** It still carries its exchange. */
  get isOpen(): boolean {
    return !this.#isOver
  }

  /** See `AnswerHead`. */
  get idleMs(): number | null {
    return this.#head?.idleMs ?? null
  }

  /** The origin takes no more for now. */
  get isFull(): boolean {
    return this.#writes === null ? this.#socket.writableNeedDrain : this.#writes.isFull
  }

  /** The body's writes are gathered: `writeBody` keeps nothing of what it is given. */
  get isGathering(): boolean {
    return this.#writes !== null
  }

  /** They are, and what comes although the leg is full can still be taken. */
  get hasRoom(): boolean {
    return this.#writes?.hasRoom === true
  }

  /** Nothing of what was written waits to leave. */
  get isDrained(): boolean {
    return this.#socket.writableLength === 0 && this.#writes?.isEmpty !== false
  }

  /** What is written until `flush` leaves together. */
  gather(): void {
    this.#socket.cork()
  }

  flush(): void {
    this.#socket.uncork()
  }

  write(bytes: Buffer): void {
    this.#socket.write(bytes)
  }

  /** From now on for `writeBody`; nothing but a body may follow. */
  gatherBody(): void {
    this.#writes ??= new GatheredWrites(this.#socket, this.#drain)
  }

  writeBody(bytes: Buffer): void {
    if (this.#writes === null) this.#socket.write(bytes)
    else this.#writes.push(bytes)
  }

  /** The client takes no more of the answer for now. */
  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  /** Leaves the connection to its next owner, in one piece. */
  release(): TLSSocket {
    this.#leave()
    this.#socket.resume()
    return this.#socket
  }

  /** Gives the connection up. */
  destroy(): void {
    if (this.#isOver) return
    this.#leave()
    this.#writes?.drop()
    this.#socket.on('error', () => undefined)
    this.#socket.destroy()
  }

  #leave(): void {
    this.#isOver = true
    leaveRecords(this.#socket)
    this.#socket.off('data', this.#take)
    this.#socket.off('end', this.#end)
    this.#socket.off('error', this.#fail)
    this.#socket.off('close', this.#close)
    this.#socket.off('drain', this.#drain)
  }

  readonly #take = (chunk: Buffer): void => {
    this.#exchange.lastActivity = performance.now()
    try {
      this.#read(chunk)
      if (!this.#isOver) this.#events.told()
    } catch (error) {
      this.#faulty(error)
    }
  }

  /** More of a large body, where nobody reads along; what its client is told is copied. */
  readonly #takeRecord = (bytes: Buffer): boolean => {
    const body = this.#body
    if (body === null || body.reader !== null || this.#isOver || !this.#events.hasRoom) return false
    this.#exchange.lastActivity = performance.now()
    try {
      this.#pass(bytes, body, true)
    } catch (error) {
      this.#faulty(error)
    }
    return true
  }

  /** Once it is over nobody hears of a failure: a defect in its last steps is its exchange's. */
  #faulty(error: unknown): void {
    if (this.#isOver) this.#events.broken(error)
    else this.#fail(error)
  }

  #read(chunk: Buffer): void {
    let bytes = chunk
    while (this.#body === null) {
      const found = this.#finder.take(bytes)
      if (found === null) return
      this.#begin(readAnswerHead(found.bytes, this.#exchange.asked.method))
      bytes = found.rest
      // Whoever was told may have given the leg up.
      if (this.#isOver) return
    }
    if (bytes.length > 0 || this.#body.isEnded) this.#pass(bytes, this.#body, false)
  }

  #begin(head: AnswerHead): void {
    if (head.status >= 200) {
      this.#head = head
      this.#body = new BodyReader(head.framing, head.contentLength, broken, mayTrailAnswer)
      this.#events.answered(head, this.#body)
      return
    }
    // RFC 9110 §15.2.2: nobody has asked for another protocol.
    if (head.status === 101) throw broken('another protocol, unasked')
    this.#informational += 1
    if (this.#informational >= MOST_INFORMATIONAL) throw broken('informational answers without end')
    // The client has had its 100 from here.
    if (head.status !== 100) this.#events.informed(head)
  }

  #pass(bytes: Buffer, body: BodyReader, isShared: boolean): void {
    const end = body.scan(bytes, 0)
    const passed = end === bytes.length ? bytes : bytes.subarray(0, end)
    const own = isShared && body.isEnded ? Buffer.from(passed) : passed
    // What follows an answer belongs to nobody.
    if (body.isEnded) this.#events.ended(own, end === bytes.length && this.#head?.keepsAlive === true)
    else {
      this.#events.more(own)
      if (own.length >= BULK && !isShared && !this.#isOver && this.#events.hasRoom) takeRecords(this.#socket, this.#takeRecord)
    }
  }

  readonly #end = (): void => {
    if (this.#head?.framing !== 'close') return this.#fail(new Error(this.#head === null ? 'no answer' : 'the answer ended early'))
    this.#events.ended(NOTHING, false)
  }

  readonly #close = (): void => this.#fail(new Error(this.#head === null ? 'no answer' : 'the answer ended early'))

  readonly #drain = (): void => this.#events.drained()

  readonly #fail = (error: unknown): void => {
    if (this.#isOver) return
    this.destroy()
    this.#events.failed(error instanceof RefusedError ? error : broken(error instanceof Error ? error.message : String(error), error))
  }
}

const NOTHING = Buffer.alloc(0)
const FAULTS = { tooLarge: () => broken('a head that is too large'), malformed: broken }

function broken(detail: string, cause?: unknown): RefusedError {
  return new RefusedError('upstream.broken', detail, cause)
}
