/** A request's body as HTTP/2 brings it: read ahead as far as it is looked at, then metered and passed on by the framing of HTTP/1.1. */
import { RefusedError } from '../errors.ts'
import type { Head } from '../head.ts'
import type { Body } from '../stages/judge.ts'
import { HeldBytes } from './held-bytes.ts'
import { meterPasses } from './meter-body.ts'
import type { OriginLeg } from './origin-leg.ts'
import type { StreamExchange } from './stream-exchange.ts'

export class StreamBody {
  readonly #exchange: StreamExchange
  /** Of a body whose length was said, what is still to come. */
  #left: number | null
  /** What came before it could be taken. */
  readonly #held = new HeldBytes()
  #want = 0
  #peeked: ((body: Body) => void) | null = null
  #hasEnded = false
  #isListening = false
  #isPassing = false

  constructor(exchange: StreamExchange, { framing, contentLength }: Head) {
    this.#exchange = exchange
    this.#left = framing === 'length' ? contentLength : null
    const { stream } = exchange
    // Of a body of nothing Node tells the end though nobody reads.
    if (stream.readableEnded) this.#hasEnded = exchange.bodyEnded = !isBrokenOff(exchange)
    else stream.once('end', this.#end)
  }

  /** Resolves with at least so many bytes, or all; never, where the client goes away. */
  peek(want: number): Promise<Body> {
    this.#want = want
    return new Promise((resolve) => {
      this.#peeked = resolve
      if (this.#hasEnded) this.#settle(true)
      else this.flow()
    })
  }

  /** Whether the meter lets what has come pass. Nothing has left then. */
  mayBegin(): boolean {
    return this.#exchange.isSent || meterPasses(this.#exchange, this.#held.length, this.#hasEnded)
  }

  /** Sends what has come, and from now on whatever comes. */
  pass(leg: OriginLeg): void {
    this.#isPassing = true
    for (let piece = this.#held.shift(); piece !== null; piece = this.#held.shift()) this.#write(leg, piece)
    if (this.#exchange.isSent) this.#writeEnd(leg)
    else if (!leg.isFull) this.flow()
  }

  /** Reads on. */
  flow(): void {
    const { stream } = this.#exchange
    if (!this.#isListening) {
      this.#isListening = true
      stream.on('data', this.#take)
    }
    stream.resume()
  }

  readonly #take = (chunk: Buffer): void => {
    const exchange = this.#exchange
    // As a chunk, nothing would be the end of the body.
    if (chunk.length === 0) return
    exchange.lastActivity = performance.now()
    if (exchange.refusal !== null || exchange.state === 'done') return
    try {
      if (this.#left !== null) {
        this.#left -= chunk.length
        // What is more than was said would be another request to the origin. nghttp2 sees to it as well.
        if (this.#left < 0) throw new RefusedError('request.malformed', 'a body longer than it says')
      }
      if (this.#isPassing) this.#passOn(chunk)
      else this.#hold(chunk)
    } catch (error) {
      this.#exchange.conductor.broken(this.#exchange, error)
    }
  }

  #hold(chunk: Buffer): void {
    this.#held.push(chunk)
    if (this.#held.length < this.#want) return
    this.#exchange.stream.pause()
    this.#settle(this.#left === 0)
  }

  #settle(complete: boolean): void {
    if (this.#peeked === null) return
    const bytes = this.#held.takeAll()
    this.#held.push(bytes)
    this.#peeked({ bytes, complete })
    this.#peeked = null
  }

  #passOn(chunk: Buffer): void {
    const exchange = this.#exchange
    const { leg } = exchange
    if (leg === null || !exchange.isSending) return
    if (!meterPasses(exchange, chunk.length, false)) {
      exchange.conductor.cut(exchange)
      return
    }
    this.#write(leg, chunk)
    if (leg.isFull) exchange.stream.pause()
  }

  readonly #end = (): void => {
    const exchange = this.#exchange
    const { leg } = exchange
    if (isBrokenOff(exchange)) return
    try {
      if (this.#left !== null && this.#left > 0) throw new RefusedError('request.malformed', 'a body shorter than it says')
      this.#hasEnded = true
      exchange.bodyEnded = true
      if (!this.#isPassing) this.#settle(true)
      else if (leg !== null && exchange.isSending) {
        if (meterPasses(exchange, 0, true)) this.#writeEnd(leg)
        else exchange.conductor.cut(exchange)
      }
    } catch (error) {
      this.#exchange.conductor.broken(this.#exchange, error)
    }
  }

  #write(leg: OriginLeg, bytes: Buffer): void {
    this.#exchange.hasSentBody = true
    if (this.#left !== null) {
      leg.write(bytes)
      return
    }
    leg.gather()
    leg.write(Buffer.from(`${bytes.length.toString(16)}\r\n`, 'latin1'))
    leg.write(bytes)
    leg.write(LINE_END)
    leg.flush()
  }

  #writeEnd(leg: OriginLeg): void {
    if (this.#left === null) leg.write(LAST_CHUNK)
  }
}

/** A stream that its client resets ends like a complete one; what was broken off must not be completed. */
function isBrokenOff({ stream, state }: StreamExchange): boolean {
  return stream.aborted || stream.rstCode !== 0 || state === 'done'
}

const LINE_END = Buffer.from('\r\n')
const LAST_CHUNK = Buffer.from('0\r\n\r\n')
