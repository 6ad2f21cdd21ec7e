/** Reads the beginning of a body, and keeps it, so that it can be looked at before anything is forwarded. */
import type { Body } from '../stages/judge.ts'
import type { BodyReader } from './body-reader.ts'
import type { ConnectionExchange } from './connection-exchange.ts'
import { HeldBytes } from './held-bytes.ts'

export class Peek {
  /** Resolves with at least as many bytes of content as are wanted, or all; rejects where the framing is faulty. Never, where the client goes away. */
  readonly done: Promise<Body>
  readonly #exchange: ConnectionExchange
  readonly #body: BodyReader
  readonly #held: HeldBytes
  readonly #want: number
  readonly #content = new HeldBytes()
  #resolve: (body: Body) => void = () => undefined
  #reject: (error: unknown) => void = () => undefined
  #isOver = false

  constructor(exchange: ConnectionExchange, body: BodyReader, held: HeldBytes, want: number) {
    this.#exchange = exchange
    this.#body = body
    this.#held = held
    this.#want = want
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    this.more()
  }

  /** More bytes may have come. */
  more(): void {
    if (this.#isOver) return
    try {
      this.#read()
    } catch (error) {
      this.stop()
      this.#reject(error)
    }
  }

  stop(): void {
    this.#isOver = true
    this.#body.reader = null
  }

  #read(): void {
    const exchange = this.#exchange
    this.#body.reader = (piece) => this.#content.push(piece)
    while (exchange.aheadContent < this.#want && !this.#body.isEnded) {
      const bytes = this.#held.shift()
      if (bytes === null) break
      const end = this.#body.scan(bytes, 0)
      exchange.ahead.push(bytes.subarray(0, end))
      exchange.aheadContent += this.#body.content
      this.#held.putBack(bytes.subarray(end))
    }
    this.#body.reader = null
    if (exchange.aheadContent < this.#want && !this.#body.isEnded) return
    this.stop()
    this.#resolve({ bytes: this.#content.takeAll(), complete: this.#body.isEnded })
  }
}
