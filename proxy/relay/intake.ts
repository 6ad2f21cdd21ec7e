/** What comes on a client's connection before it can be taken, and how the body of the request that is under way is taken from it. */
import type { TLSSocket } from 'node:tls'
import type { Body } from '../stages/judge.ts'
import type { BodyReader } from './body-reader.ts'
import type { ConnectionExchange } from './connection-exchange.ts'
import { HeldBytes } from './held-bytes.ts'
import type { OriginLeg } from './origin-leg.ts'
import { Peek } from './peek.ts'
import { BULK, takeRecords } from './record-reading.ts'

/** What a client may send ahead of what is taken; it is not read then, and TCP holds it back. */
const MOST_HELD = 64 * 1024

export class Intake {
  /** Whose body comes now. */
  exchange: ConnectionExchange | null = null
  readonly #socket: TLSSocket
  readonly #defect: (error: unknown) => void
  readonly #held = new HeldBytes()
  #peek: Peek | null = null
  #isPaused = false
  #isOver = false

  constructor(socket: TLSSocket, defect: (error: unknown) => void) {
    this.#socket = socket
    this.#defect = defect
  }

  /** Nothing more is taken. */
  get isOver(): boolean {
    return this.#isOver
  }

  /** Takes nothing any more; what waits is dropped. */
  stop(): void {
    this.#isOver = true
    this.#peek?.stop()
    this.#held.clear()
  }

  /** What waits, all of it, and for good. */
  leave(): Buffer {
    const all = this.#held.takeAll()
    this.stop()
    return all
  }

  /** What waits behind a request that is over; null: nothing. */
  next(): Buffer | null {
    return this.#held.shift()
  }

  /** To be taken before what else waits: it may have come in pieces. */
  putBack(bytes: Buffer): void {
    this.#held.putBack(bytes)
    this.flow()
  }

  /** More comes for the exchange that is under way, or for one behind it. */
  take(exchange: ConnectionExchange, chunk: Buffer): void {
    if (this.#held.length === 0 && exchange.isSending && !exchange.isHeldBack) {
      this.#passBody(exchange, chunk)
      return
    }
    this.#held.push(chunk)
    this.flow()
    if (this.#peek === null) return
    this.#peek.more()
    // What waited may have been taken, all of it, and not be enough.
    this.flow()
  }

  /** Reads so many bytes of the body ahead, or all. */
  async peek(exchange: ConnectionExchange, body: BodyReader, want: number): Promise<Body> {
    const peek = new Peek(exchange, body, this.#held, want)
    this.#peek = peek
    this.flow()
    const peeked = await peek.done
    this.#peek = null
    this.flow()
    return peeked
  }

  /** Passes on what waits, as far as the origin takes it. */
  pump(exchange: ConnectionExchange): void {
    while (exchange.isSending && !exchange.isHeldBack) {
      const bytes = this.#held.shift()
      if (bytes === null) break
      this.#passBody(exchange, bytes)
    }
    this.flow()
  }

  #passBody(exchange: ConnectionExchange, bytes: Buffer): void {
    if (bytes.length >= BULK && exchange.leg?.isGathering === false) this.#expectMuch(exchange.leg)
    const rest = exchange.passBody(bytes)
    if (rest !== null) this.#held.putBack(rest)
  }

  #expectMuch(leg: OriginLeg): void {
    leg.gatherBody()
    takeRecords(this.#socket, this.#takeRecord)
  }

  /** More of a large body; what its origin is told is copied. */
  readonly #takeRecord = (bytes: Buffer): boolean => {
    const { exchange } = this
    if (exchange === null || this.#isOver || this.#held.length > 0 || !exchange.isSending || exchange.leg?.hasRoom !== true) return false
    exchange.lastActivity = performance.now()
    try {
      this.#passBody(exchange, bytes)
      this.flow()
    } catch (error) {
      this.#defect(error)
    }
    return true
  }

  /** Drops what has come of a body that nobody takes any more; whether that was all of it. */
  drop(exchange: ConnectionExchange): boolean {
    let isAll = exchange.body?.isEnded !== false
    for (let bytes = this.#held.shift(); bytes !== null && !isAll; bytes = this.#held.shift()) isAll = exchange.dropBody(bytes)
    this.#held.clear()
    return isAll
  }

  /** Reads on where there is room for more, and only there. */
  flow(): void {
    const isFull = this.#held.length >= MOST_HELD || this.exchange?.isAhead === true
    if (isFull === this.#isPaused || this.#isOver) return
    this.#isPaused = isFull
    if (isFull) this.#socket.pause()
    else this.#socket.resume()
  }
}
