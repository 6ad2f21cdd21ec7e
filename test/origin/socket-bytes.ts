import type { TLSSocket } from 'node:tls'

/** How much a connection has brought since one of its requests began. */
export interface ByteSpan {
  /** Bytes so far; fixed once the request is over. */
  readonly bytes: () => number
  readonly end: () => void
}

interface Connection {
  readonly socket: TLSSocket
  /** Where the last reset found it. */
  base: number
  /** HTTP/1.1: where the last request ended, which is where the next one begins. */
  mark: number
  /** HTTP/1.1: how many requests have begun. */
  count: number
}

/**
 * Counts what arrives at the TLS sockets, deciphered, whoever reads it or does not. Over a body that is, with HTTP/1.1, the
 * head and the chunks' size lines; with HTTP/2, 24 bytes of preface a connection, 9 bytes a frame, the compressed heads,
 * and SETTINGS and WINDOW_UPDATE frames. The kernel may hold some more that Node has not read yet.
 */
export class SocketBytes {
  readonly #open = new Map<number, Connection>()
  #closed = 0

  add(socket: TLSSocket): void {
    const port = socket.remotePort ?? 0
    const connection = { socket, base: 0, mark: 0, count: 0 }
    this.#open.set(port, connection)
    socket.once('close', () => {
      if (this.#open.get(port) === connection) this.#open.delete(port)
      this.#closed += socket.bytesRead - connection.base
    })
  }

  /**
   * A request of the connection from this port. With HTTP/1.1 its span begins where the one before it ended; the streams
   * of an HTTP/2 connection share its bytes, so there it is all that came since the stream's head.
   */
  begin(port: number, httpVersion: string): ByteSpan {
    const connection = this.#open.get(port)
    if (connection === undefined) return { bytes: () => 0, end: () => undefined }
    const { socket } = connection
    const alone = httpVersion.startsWith('1')
    const from = alone ? connection.mark : socket.bytesRead
    const number = ++connection.count
    let to: number | null = null
    return {
      bytes: () => (to ?? socket.bytesRead) - from,
      end: () => {
        // Called when the request and when the answer is over: the later one counts, unless another request has begun.
        if (alone && connection.count !== number) return
        to = connection.mark = socket.bytesRead
      },
    }
  }

  /** Bytes that arrived on all connections since the start or the last `reset`. */
  total(): number {
    return [...this.#open.values()].reduce((sum, { socket, base }) => sum + socket.bytesRead - base, this.#closed)
  }

  reset(): void {
    this.#closed = 0
    for (const connection of this.#open.values()) connection.base = connection.socket.bytesRead
  }
}
