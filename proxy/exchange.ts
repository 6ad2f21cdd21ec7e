/** One request and its answer, from the head to the record: what the stages know of it, whichever engine carries it. */
import type { Duplex } from 'node:stream'
import { TLSSocket } from 'node:tls'
import type { TlsLeg } from '../dashboards/outcome.ts'
import type { Person } from '../policy/people/person.ts'
import type { RefusalCode, RefusedError } from './errors.ts'
import { newEventId } from './event-id.ts'
import type { Head } from './head.ts'
import type { Judgement } from './stages/judge.ts'
import type { Meter } from './stages/meter.ts'
import { tlsLegOf } from './tls-leg.ts'
import type { Peer, Tunnel } from './tunnel.ts'

/** How a request reached the engine. */
export interface Arrival {
  readonly peer: Peer
  /** Null for plain HTTP through the proxy. */
  readonly tunnel: Tunnel | null
  readonly scheme: 'http' | 'https'
  /** The client waits for `100 Continue` before it sends the body. */
  readonly expects: boolean
}

/** What was asked for, before any of it is believed. */
export interface Asked {
  readonly method: string
  /** `1.0`, `1.1` or `2.0`. */
  readonly httpVersion: string
  /** Flat, as Node gives them. */
  readonly rawHeaders: readonly string[]
}

export abstract class Exchange {
  readonly id = newEventId()
  readonly arrival: Arrival
  readonly asked: Asked
  /** Milliseconds since the epoch. */
  readonly at = Date.now()
  /** Monotonic, milliseconds. */
  readonly startedAt = performance.now()
  /** Time spent on recognising, attributing and deciding, without what was waited for; 0 while nothing was decided. */
  decisionMs = 0
  /** As whom the client has authenticated: on its CONNECT, or by this request. */
  user: string | undefined
  /** Who that is, once it was found out. */
  person: Person | null = null
  head: Head | null = null
  judgement: Judgement | null = null
  /** The judgement was made from a snapshot that the store could not confirm. */
  stale = false
  meter: Meter | null = null
  /** A verified connection to the origin carried the request, or began to. */
  connected = false
  /** What was agreed on with the origin; null without TLS. */
  upstreamTls: TlsLeg | null = null
  /** `answering`: an answer, the origin's or ours, is on its way; nothing of the request is forwarded any more once refused. */
  state: 'reading' | 'forwarding' | 'answering' | 'done' = 'reading'
  refusal: RefusalCode | null = null
  /** What went wrong, for the log; null for a decision. */
  failure: RefusedError | null = null
  /** The client closed before it had its answer. */
  clientGone = false
  continued = false
  bodyEnded = false
  cut = false
  websocket = false
  status: number | null = null
  bytesDown = 0
  /** The connection to the origin had carried another request before. */
  reused = false
  retried = false
  /** As whose it has its place among the requests under way; null: it has none. */
  place: string | null = null
  /** Monotonic time of the last byte in either direction, for the stall limits. */
  lastActivity = this.startedAt

  constructor(asked: Asked, arrival: Arrival) {
    this.asked = asked
    this.arrival = arrival
    this.user = arrival.peer.user
  }

  /** The proxy's end of the client's connection. */
  abstract get local(): { readonly localAddress?: string | undefined; readonly localPort?: number | undefined }
  /** The origin takes no more of the body for now. */
  abstract get isHeldBack(): boolean
  /** The client takes no more of its answer for now. */
  abstract get isUnread(): boolean
  /** Finds out whether a client that is held back has reset its connection, where nobody would notice otherwise. */
  abstract probe(): void
  /** Ends the answer, and with it the exchange, so that the client notices that it is not whole. */
  abstract destroy(): void
}

/** `socket` carries the request; what is TLS of it has been verified. */
export function noteConnection(exchange: Exchange, socket: Duplex): void {
  exchange.connected = true
  exchange.upstreamTls = socket instanceof TLSSocket ? tlsLegOf(socket) : null
}
