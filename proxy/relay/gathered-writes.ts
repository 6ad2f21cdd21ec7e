/**
 * Writes of a body onto a TLS connection: what comes within a turn, or while the last write is leaving, is copied together and leaves in one.
 * Node tells of a TLS write's end a turn later, and would keep each piece until then, to copy them all together itself.
 */
import type { TLSSocket } from 'node:tls'

/** As much as one read of a TCP connection brings. */
const BLOCK = 64 * 1024
/** Blocks that wait for their turn: of these the last two are for what comes although reading was stopped. */
const MOST_FULL = 4
/** Blocks that are kept for whoever needs one next. */
const MOST_SPARE = 16

const spare: Buffer[] = []

export class GatheredWrites {
  readonly #socket: TLSSocket
  readonly #hasRoomAgain: () => void
  #block: Buffer | null = null
  #used = 0
  readonly #full: Buffer[] = []
  #isWriting = false
  #isScheduled = false
  #wasFull = false
  #isOver = false

  /** `hasRoomAgain`: it was full, and is no longer. */
  constructor(socket: TLSSocket, hasRoomAgain: () => void) {
    this.#socket = socket
    this.#hasRoomAgain = hasRoomAgain
  }

  /** Nothing waits here; what was written may wait in the socket. */
  get isEmpty(): boolean {
    return this.#used === 0 && this.#full.length === 0
  }

  /** Nothing more should come for now. */
  get isFull(): boolean {
    return this.#full.length > 0 || (!this.#isWriting && this.#socket.writableNeedDrain)
  }

  /** What comes although it is full, since it had been read already, can still be taken. */
  get hasRoom(): boolean {
    return this.#full.length < MOST_FULL
  }

  /** Copies the bytes. */
  push(bytes: Buffer): void {
    let from = 0
    while (from < bytes.length) {
      this.#block ??= spare.pop() ?? Buffer.allocUnsafeSlow(BLOCK)
      const copied = bytes.copy(this.#block, this.#used, from)
      from += copied
      this.#used += copied
      if (this.#used === BLOCK) {
        this.#full.push(this.#block)
        this.#block = null
        this.#used = 0
      }
    }
    if (!this.#isWriting) {
      if (this.#full.length > 0) this.#send()
      else if (!this.#isScheduled) {
        this.#isScheduled = true
        setImmediate(this.#turn)
      }
    }
    if (this.#full.length > 0) this.#wasFull = true
  }

  /** Hands all over to the socket, for something else to be written behind it. */
  flush(): void {
    while (!this.isEmpty) this.#send()
  }

  /** Nothing that waits is written any more. */
  drop(): void {
    this.#isOver = true
    for (const block of this.#full.splice(0)) keep(block)
    if (this.#block !== null) keep(this.#block)
    this.#block = null
    this.#used = 0
  }

  readonly #turn = (): void => {
    this.#isScheduled = false
    if (!this.#isWriting && !this.isEmpty) this.#send()
  }

  #send(): void {
    const socket = this.#socket
    const full = this.#full.shift()
    const block = full ?? this.#block
    if (block === null) return
    const bytes = full === undefined ? block.subarray(0, this.#used) : block
    if (full === undefined) {
      this.#block = null
      this.#used = 0
    }
    // What does not wait in the socket is enciphered within the call, and Node keeps none of it (TLSWrap::DoWrite).
    const leavesNow = !waits(socket)
    this.#isWriting = true
    socket.write(bytes, this.#written)
    if (leavesNow) keep(block)
  }

  readonly #written = (error?: Error | null): void => {
    this.#isWriting = false
    if (this.#isOver || error != null) return
    if (!this.isEmpty) this.#send()
    if (!this.#wasFull || this.#full.length > 0) return
    this.#wasFull = false
    this.#hasRoomAgain()
  }
}

/** Whether what is written now has to wait for something before it; so it is taken where Node does not tell. */
function waits(socket: TLSSocket): boolean {
  const { _writableState: state } = socket as unknown as { readonly _writableState?: { readonly writing?: boolean } }
  return state?.writing !== false || socket.writableLength > 0 || socket.writableCorked > 0
}

function keep(block: Buffer): void {
  if (spare.length < MOST_SPARE) spare.push(block)
}
