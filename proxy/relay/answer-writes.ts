/** What is written of answers onto a client's connection: at once, or of large bodies gathered. */
import type { TLSSocket } from 'node:tls'
import { GatheredWrites } from './gathered-writes.ts'
import { BULK } from './record-reading.ts'

export class AnswerWrites {
  readonly #socket: TLSSocket
  readonly #drained: () => void
  #gathered: GatheredWrites | null = null

  /** `drained`: more may come again. */
  constructor(socket: TLSSocket, drained: () => void) {
    this.#socket = socket
    this.#drained = drained
  }

  /** More of an answer's body. False: no more should come before `drained`. */
  write(bytes: Buffer): boolean {
    if (this.#gathered === null) {
      if (bytes.length < BULK) return this.#socket.write(bytes)
      this.#gathered = new GatheredWrites(this.#socket, this.#drained)
    }
    this.#gathered.push(bytes)
    return !this.#gathered.isFull
  }

  /** `write` keeps nothing of what it is given, and takes more although it is full. */
  get hasRoom(): boolean {
    return this.#gathered?.hasRoom === true
  }

  /** The client does not read what it is sent. */
  get isUnread(): boolean {
    return this.#socket.writableNeedDrain || this.#gathered?.isFull === true
  }

  /** Hands over what was gathered. */
  flush(): void {
    this.#gathered?.flush()
  }

  /** Nothing that was gathered leaves any more. */
  drop(): void {
    this.#gathered?.drop()
  }
}
