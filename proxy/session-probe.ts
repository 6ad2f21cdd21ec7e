/**
 * Notices HTTP/2 clients that have gone while something was on its way to them. Node can lose the error of that write; the session
 * then neither reads nor writes nor ends (nodejs/node#61304), and its tunnel would count for its client until the session is idle
 * for long enough.
 */
import type { ServerHttp2Session } from 'node:http2'
import type { Tunnel } from './tunnel.ts'

const LOOK_MS = 3_000

export class SessionProbe {
  readonly #written = new Map<ServerHttp2Session, { readonly tunnel: Tunnel; bytes: number }>()
  readonly #timer: NodeJS.Timeout

  constructor() {
    this.#timer = setInterval(() => this.#look(), LOOK_MS).unref()
  }

  add(session: ServerHttp2Session, tunnel: Tunnel): void {
    this.#written.set(session, { tunnel, bytes: 0 })
    session.once('close', () => this.#written.delete(session))
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #look(): void {
    for (const [session, known] of this.#written) {
      if (session.destroyed) continue
      const bytes = session.socket.bytesWritten
      // Where the client is there, slow or silent, its connection stands a write of nothing.
      if (bytes === known.bytes) known.tunnel.touch()
      known.bytes = bytes
    }
  }
}
