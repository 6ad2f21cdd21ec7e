/**
 * The relay engine: HTTP/1.1 inside intercepted tunnels. It forwards the very bytes that it has judged, so it reads them exactly
 * as an origin would, and refuses whatever could be read in two ways. It decides nothing itself.
 */
import type { TLSSocket } from 'node:tls'
import type { OpenLimits } from '../open-limits.ts'
import { Roster } from '../roster.ts'
import { KEEP_ALIVE_MS } from '../server-limits.ts'
import type { Tunnel } from '../tunnel.ts'
import { ClientConnection } from './client-connection.ts'
import type { Conductor } from './conductor.ts'

const LOOK_MS = 1_000
/** How long what a client was written last may take to leave. */
const CLOSE_MS = 30_000

export class Relay {
  readonly #conductor: Conductor
  readonly #watch: OpenLimits['watch']
  readonly #handOn: (socket: TLSSocket, tunnel: Tunnel) => void
  readonly #connections = new Roster<ClientConnection>()
  readonly #timer: NodeJS.Timeout

  /** `handOn` takes a connection over from a request on that the relay does not carry. */
  constructor(conductor: Conductor, watch: OpenLimits['watch'], handOn: (socket: TLSSocket, tunnel: Tunnel) => void) {
    this.#conductor = conductor
    this.#watch = watch
    this.#handOn = handOn
    this.#timer = setInterval(() => this.#look(performance.now()), LOOK_MS).unref()
  }

  /** Takes a client's connection whose handshake is done and which speaks HTTP/1.1. */
  accept(socket: TLSSocket, tunnel: Tunnel): void {
    const connection = new ClientConnection(socket, tunnel, this.#conductor, this.#give)
    const seat = this.#connections.join(connection)
    const unwatch = this.#watch.add({ startedAt: tunnel.startedAt, lastActivity: null, end: () => connection.end() })
    connection.forget = () => {
      unwatch()
      this.#connections.leave(seat)
    }
    socket.once('close', connection.forget)
  }

  /** Closes the connections on which nothing is under way. */
  closeIdle(): void {
    for (const { isIdle, socket } of this.#connections.values()) if (isIdle) socket.destroy()
  }

  close(): void {
    clearInterval(this.#timer)
    for (const { socket } of this.#connections.values()) socket.destroy()
  }

  readonly #give = (connection: ClientConnection): void => {
    connection.forget()
    this.#handOn(connection.socket, connection.tunnel)
  }

  #look(now: number): void {
    const { limits } = this.#conductor.parts
    for (const connection of this.#connections.values()) {
      const rests = now - connection.restingSince
      if (connection.isOver) {
        if (rests > CLOSE_MS) connection.socket.destroy()
      } else if (connection.isIdle && !connection.isFresh) {
        if (rests > KEEP_ALIVE_MS) connection.socket.destroy()
      } else if ((connection.isIdle || connection.isReadingHead) && rests > limits.numbers.headTime) {
        limits.ended('head')
        connection.headIsLate()
      }
    }
  }
}
