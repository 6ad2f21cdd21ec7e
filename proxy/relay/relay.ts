/**
 * The relay engine: HTTP/1.1 inside intercepted tunnels. It forwards the very bytes that it has judged, so it reads them exactly
 * as an origin would, and refuses whatever could be read in two ways. It decides nothing itself.
 */
import type { TLSSocket } from 'node:tls'
import type { EngineParts } from '../engine-parts.ts'
import { RefusedError } from '../errors.ts'
import type { RefusalCode } from '../errors.ts'
import type { Passage } from '../passage.ts'
import { Roster } from '../roster.ts'
import { KEEP_ALIVE_MS } from '../server-limits.ts'
import { StallWatch } from '../stall-watch.ts'
import type { Tunnel } from '../tunnel.ts'
import type { OpenLimits } from '../open-limits.ts'
import { ClientConnection } from './client-connection.ts'
import type { ConnectionParts } from './client-connection.ts'
import type { RelayExchange } from './relay-exchange.ts'

const LOOK_MS = 1_000
/** How long what a client was written last may take to leave. */
const CLOSE_MS = 30_000

export class Relay {
  readonly #parts: ConnectionParts
  readonly #watch: OpenLimits['watch']
  readonly #exchanges = new Roster<RelayExchange>()
  readonly #connections = new Roster<ClientConnection>()
  readonly #stalls: StallWatch<RelayExchange>
  readonly #timer: NodeJS.Timeout

  constructor(engine: EngineParts, passage: Passage, watch: OpenLimits['watch'], handOn: (socket: TLSSocket, tunnel: Tunnel) => void) {
    this.#watch = watch
    this.#parts = {
      engine, passage,
      handOn: (connection) => {
        connection.forget()
        handOn(connection.socket, connection.tunnel)
      },
      began: (exchange) => {
        exchange.seat = this.#exchanges.join(exchange)
        passage.begin()
      },
      finished: (exchange) => {
        if (exchange.seat !== null) this.#exchanges.leave(exchange.seat)
        passage.finish(exchange, exchange.leg !== null && !exchange.isSent)
      },
    }
    this.#stalls = new StallWatch(this.#exchanges, engine.limits.numbers, (exchange, by) => this.#stalled(exchange, by))
    this.#timer = setInterval(() => this.#look(performance.now()), LOOK_MS).unref()
  }

  /** Takes a client's connection whose handshake is done and which speaks HTTP/1.1. */
  accept(socket: TLSSocket, tunnel: Tunnel): void {
    const connection = new ClientConnection(socket, tunnel, this.#parts)
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
    this.#stalls.stop()
    clearInterval(this.#timer)
    for (const { socket } of this.#connections.values()) socket.destroy()
  }

  #look(now: number): void {
    const { limits } = this.#parts.engine
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

  #stalled(exchange: RelayExchange, by: RefusalCode | 'idle'): void {
    // A client that does not even read its refusal is not sent another.
    if (by !== 'idle' && exchange.refusal === null) exchange.connection.fail(exchange, new RefusedError(by, 'stalled'))
    else exchange.destroy()
  }
}
