/** One request and its answer, from the head to the record: what the stages and the engine know of it. */
import type http from 'node:http'
import { TLSSocket } from 'node:tls'
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import type { Duplex } from 'node:stream'
import { randomBytes } from 'node:crypto'
import type { TlsLeg } from '../dashboards/outcome.ts'
import type { Person } from '../policy/people/person.ts'
import type { RefusalCode, RefusedError } from './errors.ts'
import type { Head } from './head.ts'
import type { Judgement } from './stages/judge.ts'
import type { Meter } from './stages/meter.ts'
import { tlsLegOf } from './tls-leg.ts'
import type { Peer, Tunnel } from './tunnel.ts'

/** HTTP/1.1 and HTTP/2 requests are used through what their classes share. */
export type ClientRequest = http.IncomingMessage | Http2ServerRequest
export type ClientResponse = http.ServerResponse | Http2ServerResponse

/** How a request reached the engine. */
export interface Arrival {
  readonly peer: Peer
  /** Null for plain HTTP through the proxy. */
  readonly tunnel: Tunnel | null
  readonly scheme: 'http' | 'https'
  /** The client waits for `100 Continue` before it sends the body. */
  readonly expects: boolean
}

export interface Exchange {
  readonly id: string
  readonly request: ClientRequest
  readonly response: ClientResponse
  readonly arrival: Arrival
  /** Milliseconds since the epoch. */
  readonly at: number
  /** Monotonic, milliseconds. */
  readonly startedAt: number
  /** Time spent on recognising, attributing and deciding, without what was waited for; 0 while nothing was decided. */
  decisionMs: number
  /** As whom the client has authenticated: on its CONNECT, or by this request. */
  user: string | undefined
  /** Who that is, once it was found out. */
  person: Person | null
  head: Head | null
  judgement: Judgement | null
  /** The judgement was made from a snapshot that the store could not confirm. */
  stale: boolean
  meter: Meter | null
  upstream: http.ClientRequest | null
  /** The origin's, once its head has come. */
  answer: http.IncomingMessage | null
  /** A verified connection to the origin carried the request, or began to. */
  connected: boolean
  /** What was agreed on with the origin; null without TLS. */
  upstreamTls: TlsLeg | null
  /** `answering`: an answer, the origin's or ours, is on its way; nothing of the request is forwarded any more once refused. */
  state: 'reading' | 'forwarding' | 'answering' | 'done'
  refusal: RefusalCode | null
  /** What went wrong, for the log; null for a decision. */
  failure: RefusedError | null
  /** The client closed before it had its answer. */
  clientGone: boolean
  continued: boolean
  bodyEnded: boolean
  cut: boolean
  websocket: boolean
  status: number | null
  bytesDown: number
  reused: boolean
  retried: boolean
  /** As whose it has its place among the requests under way; null: it has none. */
  place: string | null
  /** Monotonic time of the last byte in either direction, for the stall limits. */
  lastActivity: number
}

export function newExchange(request: ClientRequest, response: ClientResponse, arrival: Arrival): Exchange {
  const now = performance.now()
  return {
    id: randomBytes(12).toString('base64url'),
    request, response, arrival,
    at: Date.now(),
    startedAt: now,
    decisionMs: 0,
    user: arrival.peer.user, person: null,
    head: null, judgement: null, stale: false, meter: null, upstream: null, answer: null, connected: false, upstreamTls: null,
    state: 'reading', refusal: null, failure: null, clientGone: false,
    continued: false, bodyEnded: false, cut: false, websocket: false,
    status: null, bytesDown: 0, reused: false, retried: false, place: null,
    lastActivity: now,
  }
}

/** `socket` carries the request; what is TLS of it has been verified. */
export function noteConnection(exchange: Exchange, socket: Duplex): void {
  exchange.connected = true
  exchange.upstreamTls = socket instanceof TLSSocket ? tlsLegOf(socket) : null
}

export function isHttp2(response: ClientResponse): response is Http2ServerResponse {
  return 'stream' in response
}

/** Whether a response that is closed was sent whole. */
export function wasSentWhole(response: ClientResponse): boolean {
  // Node finishes the stream that a client resets as if all had been written (`writableFinished`).
  return isHttp2(response) ? response.writableEnded && response.stream.rstCode === 0 : response.writableFinished
}
