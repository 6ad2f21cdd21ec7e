/** Connections to origins that the relay keeps for the next request of the same key (see `pool-key.ts`), as the agents of `upstream.ts` do for the pipeline. */
import type { TLSSocket } from 'node:tls'

export interface PoolOptions {
  /** A new connection, verified; `key`: whose sessions it may resume. */
  readonly dial: (host: string, port: number, key: string) => Promise<TLSSocket>
  /** What it was believed by still counts. */
  readonly mayKeep: (socket: TLSSocket) => boolean
  /** Of one key and host. */
  readonly most: number
  readonly idleMs: number
}

interface Kept {
  readonly socket: TLSSocket
  /** Monotonic milliseconds. */
  readonly until: number
  readonly drop: () => void
}

const LOOK_MS = 1_000
/** So much before its origin closes it, it carries nothing more: what would meet the end of it could not always be repeated. */
const MARGIN_MS = 1_000

export class OriginPool {
  readonly #options: PoolOptions
  readonly #idle = new Map<string, Kept[]>()
  readonly #timer: NodeJS.Timeout
  #isClosed = false

  constructor(options: PoolOptions) {
    this.#options = options
    this.#timer = setInterval(() => this.#look(performance.now()), Math.min(LOOK_MS, options.idleMs)).unref()
  }

  /** The one kept last; null: there is none. Its listeners are gone, and it flows: attach others in the same turn. */
  take(key: string, host: string, port: number): TLSSocket | null {
    const name = nameOf(key, host, port)
    const kept = this.#idle.get(name)
    for (let last = kept?.pop(); last !== undefined; last = kept?.pop()) {
      leave(last)
      if (last.until > performance.now() && !last.socket.destroyed && last.socket.writable && last.socket.readable) return last.socket
      last.socket.destroy()
    }
    return null
  }

  /** From one of these to the next all sockets are read once: what a kept connection's origin says unasked is seen, and it is closed. */
  lookOnce(): Promise<void> {
    return new Promise((resolve) => { setImmediate(() => setImmediate(resolve)) })
  }

  /** Throws `RefusedError` where the origin is not reached, or does not prove who it is. */
  open(key: string, host: string, port: number): Promise<TLSSocket> {
    return this.#options.dial(host, port, key)
  }

  /**
   * Keeps it, where there is room and it may be kept. Nothing may be under way on it; whatever its origin says or does from now on closes it.
   * `originIdleMs`: when its origin closes it, as far as it says.
   */
  give(socket: TLSSocket, key: string, host: string, port: number, originIdleMs: number | null = null): void {
    const name = nameOf(key, host, port)
    const kept = this.#idle.get(name) ?? []
    if (this.#isClosed || socket.destroyed || !socket.writable || !socket.readable || kept.length >= this.#options.most || !this.#options.mayKeep(socket)) {
      socket.destroy()
      return
    }
    const idleMs = originIdleMs === null ? this.#options.idleMs : Math.min(this.#options.idleMs, originIdleMs - MARGIN_MS)
    if (idleMs <= 0) {
      socket.destroy()
      return
    }
    const own: Kept = { socket, until: performance.now() + idleMs, drop: () => this.#drop(name, own) }
    socket.on('data', own.drop)
    socket.on('end', own.drop)
    socket.on('error', own.drop)
    socket.on('close', own.drop)
    kept.push(own)
    this.#idle.set(name, kept)
  }

  closeIdle(): void {
    for (const kept of this.#idle.values()) for (const { socket } of kept) socket.destroy()
  }

  close(): void {
    this.#isClosed = true
    clearInterval(this.#timer)
    this.closeIdle()
  }

  #drop(name: string, own: Kept): void {
    own.socket.destroy()
    const kept = this.#idle.get(name)
    const at = kept?.indexOf(own) ?? -1
    if (at < 0) return
    kept?.splice(at, 1)
    if (kept?.length === 0) this.#idle.delete(name)
  }

  #look(now: number): void {
    for (const [name, kept] of [...this.#idle]) {
      for (const own of [...kept]) if (own.until <= now) own.drop()
      // Not each time the last one is taken: it comes back in a moment, and for what that costs see `Roster`.
      if (kept.length === 0) this.#idle.delete(name)
    }
  }
}

function leave({ socket, drop }: Kept): void {
  socket.off('data', drop)
  socket.off('end', drop)
  socket.off('error', drop)
  socket.off('close', drop)
}

function nameOf(key: string, host: string, port: number): string {
  return `${key}|${host}:${port}`
}
