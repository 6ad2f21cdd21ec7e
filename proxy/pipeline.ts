/**
 * The pipeline engine: takes each request of a client through the stages (admit, recognise, attribute, decide), then
 * forwards and meters it through http-mitm-proxy's hooks, or refuses it. It decides nothing itself.
 */
import type { EventEmitter } from 'node:events'
import http from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { clientKey } from '../policy/client-key.ts'
import { boundAnswer } from './bound-answer.ts'
import type { EngineParts } from './engine-parts.ts'
import { RefusedError } from './errors.ts'
import type { RefusalCode } from './errors.ts'
import { newExchange, noteConnection, wasSentWhole } from './exchange.ts'
import type { Arrival, ClientRequest, ClientResponse, Exchange } from './exchange.ts'
import { readHead } from './head.ts'
import type { Head } from './head.ts'
import { checkAgreement } from './identity.ts'
import { judgeExchange } from './judge-exchange.ts'
import { SessionLearner } from './learn-session.ts'
import { TenantLearner } from './learn-tenant.ts'
import { Mitm } from './mitm.ts'
import { composeOutgoing } from './outgoing.ts'
import { ClientGone, peekBody } from './peek.ts'
import { AnswerReader } from './read-answer.ts'
import { refusalFor } from './refusal-for.ts'
import { mayRepeat } from './repeat.ts'
import { destroyResponse, relayResponse, sendAnswer } from './respond.ts'
import { asStream, isSettledUpload } from './stages/body.ts'
import type { Body, Judgement } from './stages/judge.ts'
import { Meter } from './stages/meter.ts'
import { StallWatch } from './stall-watch.ts'
import { relayWebSocket } from './websocket.ts'

export class Pipeline {
  private readonly parts: EngineParts
  private readonly mitm: Mitm
  private readonly exchanges = new Map<http.IncomingMessage, Exchange>()
  private readonly stalls: StallWatch
  private readonly reader = new AnswerReader()
  private readonly learners: readonly { observe(exchange: Exchange, origin: http.IncomingMessage): void }[]

  constructor(parts: EngineParts) {
    this.parts = parts
    this.learners = [
      new SessionLearner(parts.sessions, this.reader, parts.settings.failed),
      ...(parts.learn === null ? [] : [new TenantLearner(parts.learn, this.reader)]),
    ]
    this.stalls = new StallWatch(this.exchanges, parts.limits.numbers, (exchange, by) => this.stalled(exchange, by))
    this.mitm = new Mitm(
      {
        outgoing: (request) => this.guard(request, null, (exchange) => composeOutgoing(exchange, parts.upstream, parts.restrictions(), parts.via, parts.isShared)),
        opened: (request, upstream) => this.opened(this.find(request), upstream),
        data: (request, chunk) => this.guard(request, false, (exchange) => this.take(exchange, chunk)),
        end: (request) => this.guard(request, false, (exchange) => this.ended(exchange)),
        response: (request, response) => this.guard(request, undefined, (exchange) => this.respond(exchange, response)),
        failed: (request, error) => this.failed(request === null ? undefined : this.exchanges.get(request), error),
      },
      { http: parts.upstream.httpAgent, https: parts.upstream.httpsAgent },
    )
  }

  /** Takes one request. Never throws: whatever goes wrong is answered and recorded. */
  serve(request: ClientRequest, response: ClientResponse, arrival: Arrival): void {
    const exchange = newExchange(request, response, arrival)
    const key = asIncoming(request)
    this.exchanges.set(key, exchange)
    this.parts.underWay.begin()
    request.on('error', () => undefined) // 'close' follows and settles it
    response.on('error', () => undefined)
    response.once('close', () => this.closed(exchange))
    this.decide(exchange).catch((error: unknown) => this.broken(exchange, error))
  }

  /** Takes one WebSocket upgrade through the same stages, then joins both sides. */
  upgrade(request: http.IncomingMessage, socket: Duplex, first: Buffer, arrival: Arrival): void {
    // A response of our own for the answers that are not the upgrade.
    const response = new http.ServerResponse(request)
    response.shouldKeepAlive = false
    response.on('error', () => undefined) // 'close' follows and settles it
    response.on('finish', () => socket.end())
    socket.on('error', () => socket.destroy())
    try {
      response.assignSocket(socket as Socket)
    } catch (error) {
      // An answer is still on its way on this connection: an upgrade cannot be pipelined (RFC 6455 §4.1).
      socket.destroy(error instanceof Error ? error : undefined)
      return
    }
    const exchange = newExchange(request, response, arrival)
    this.exchanges.set(request, exchange)
    this.parts.underWay.begin()
    socket.once('close', () => this.closed(exchange))
    this.decideUpgrade(exchange, socket, first).catch((error: unknown) => this.broken(exchange, error))
  }

  private async decideUpgrade(exchange: Exchange, socket: Duplex, first: Buffer): Promise<void> {
    const head = this.readHead(exchange, true)
    const proving = this.authenticate(exchange)
    if (proving !== null && !await proving) return
    this.admit(exchange, head)
    if (head.method !== 'GET' || head.framing !== 'none') throw new RefusedError('request.malformed', 'an upgrade with a body')
    exchange.websocket = true
    const judged = await this.judge(exchange, head, null)
    if (exchange.state !== 'reading') return
    const judgement = this.meter(exchange, asStream(judged))
    if (judgement.verdict.decision.action === 'block') {
      this.refuse(exchange, 'policy.blocked')
      return
    }
    exchange.state = 'forwarding'
    this.holdUnjudged(exchange, socket)
    if (exchange.refusal !== null) return
    relayWebSocket(
      {
        upstream: this.parts.upstream,
        restrictions: this.parts.restrictions(),
        via: this.parts.via,
        failed: (error) => this.fail(exchange, error),
        declined: (origin) => this.relay(exchange, origin),
        done: () => this.closed(exchange),
      },
      exchange, socket, first,
    )
  }

  private readHead(exchange: Exchange, endsAtHeaders: boolean): Head {
    const head = readHead(exchange.request, exchange.arrival.scheme, endsAtHeaders, this.parts.unexplainedLimit)
    exchange.head = head
    exchange.bodyEnded = head.framing === 'none'
    // Before anybody is asked who he is: each turn of a circle would ask again.
    if (this.parts.via.isOwn(exchange.request.rawHeaders)) throw new RefusedError('proxy.loop', 'Via')
    if (this.parts.limits.memory.isShedding) throw new RefusedError('proxy.overloaded')
    this.takePlace(exchange)
    return head
  }

  private takePlace(exchange: Exchange): void {
    const who = clientKey(exchange.arrival.peer)
    const full = this.parts.limits.requests.take(who)
    if (full !== null) throw new RefusedError(full === 'each' ? 'client.too-many-requests' : 'proxy.too-many-requests')
    exchange.place = who
  }

  /** Null where nobody need say who he is, or said it before; else false: the exchange ended before that was known. */
  private authenticate(exchange: Exchange): Promise<boolean> | null {
    const { arrival, request } = exchange
    const { authenticate } = this.parts
    if (arrival.tunnel !== null || authenticate === null) return null
    return (async () => {
      exchange.user = (await authenticate(request.rawHeaders, arrival.peer.ip, request.socket)).user
      return exchange.state === 'reading'
    })()
  }

  private admit(exchange: Exchange, head: Head): void {
    const { arrival } = exchange
    if (arrival.tunnel !== null) checkAgreement(head, arrival.tunnel)
    else this.parts.checkDestination(head)
    if (this.parts.restrictions().isClosed(head.host)) throw new RefusedError('restriction.empty', head.host)
  }

  close(): void {
    this.stalls.stop()
    for (const exchange of this.exchanges.values()) destroyResponse(exchange)
  }

  private async decide(exchange: Exchange): Promise<void> {
    const { request, arrival } = exchange
    const head = this.readHead(exchange, 'stream' in request && request.stream.endAfterHeaders)
    const proving = this.authenticate(exchange)
    if (proving !== null && !await proving) return
    this.admit(exchange, head)
    let judgement = await this.judge(exchange, head, null)
    const peek = judgement.recognition?.peek ?? 0
    let held: Buffer | null = null
    if (peek > 0 && head.contentLength !== 0 && !isSettledUpload(judgement)) {
      this.sendContinue(exchange)
      const peeked = await peekBody(request, peek, head.contentLength, () => { exchange.lastActivity = performance.now() })
      if (exchange.state !== 'reading') return
      if (peeked.held) {
        held = peeked.bytes
        exchange.bodyEnded = true
      }
      judgement = await this.judge(exchange, head, peeked)
    }
    if (exchange.state !== 'reading') return
    judgement = this.meter(exchange, judgement)
    if (judgement.verdict.decision.action === 'block') {
      this.refuse(exchange, judgement.reasons.includes('recogniser-failed') ? 'recogniser.failed' : 'policy.blocked')
      return
    }
    exchange.state = 'forwarding'
    this.holdUnjudged(exchange, exchange.response)
    if (exchange.refusal !== null) return
    this.sendContinue(exchange)
    this.mitm.forward(arrival.scheme === 'https', asIncoming(request), asServerResponse(exchange.response), held)
  }

  private async judge(exchange: Exchange, head: Head, body: Body | null): Promise<Judgement> {
    const judgement = await judgeExchange(this.parts, this.reader, exchange, head, body)
    exchange.stale = this.parts.isStale()
    return judgement
  }

  /** Opens the meter, and answers what holds for the body from then on. */
  private meter(exchange: Exchange, judgement: Judgement): Judgement {
    const { sessions, volumes } = this.parts
    exchange.meter = new Meter(judgement, sessions, volumes)
    return exchange.judgement = exchange.meter.judgement
  }

  /** What break-glass let through unjudged, a body without end say, lasts no longer than that. `until`: closes with the exchange. */
  private holdUnjudged(exchange: Exchange, until: Pick<EventEmitter, 'once'>): void {
    if (exchange.judgement?.reasons.includes('break-glass') !== true) return
    this.parts.hold({
      once: (event, closed) => until.once(event, closed),
      destroy: () => {
        exchange.cut = (exchange.meter?.forwarded ?? 0) > 0
        this.fail(exchange, new RefusedError('policy.blocked', 'break-glass is over'))
      },
    })
  }

  /** The decision comes before `100 Continue` (DESIGN.md §7), so Node's own answer is off. */
  private sendContinue(exchange: Exchange): void {
    if (!exchange.arrival.expects || exchange.continued) return
    exchange.continued = true
    exchange.response.writeContinue()
  }

  private opened(exchange: Exchange | undefined, upstream: http.ClientRequest): void {
    if (exchange === undefined) {
      upstream.destroy()
      return
    }
    exchange.upstream = upstream
    upstream.once('socket', (socket) => noteConnection(exchange, socket))
    boundAnswer(upstream, (error) => this.fail(exchange, error))
    // An origin that switches protocols unasked is hung up on by Node without an error.
    upstream.once('close', () => {
      if (exchange.upstream !== upstream || exchange.state !== 'forwarding') return
      this.fail(exchange, new RefusedError('upstream.broken', 'no answer'))
    })
  }

  private take(exchange: Exchange | undefined, chunk: Buffer): boolean {
    if (exchange?.meter == null || exchange.refusal !== null) return false
    exchange.lastActivity = performance.now()
    if (exchange.meter.take(chunk.length)) return true
    exchange.judgement = exchange.meter.judgement
    exchange.cut = exchange.meter.forwarded > 0
    this.stopForwarding(exchange)
    this.refuse(exchange, 'policy.blocked')
    return false
  }

  private ended(exchange: Exchange | undefined): boolean {
    if (exchange?.meter == null || exchange.refusal !== null) return false
    // An HTTP/2 stream that its client resets ends like a complete one; what was broken off must not be completed.
    if (exchange.request.aborted) return false
    exchange.bodyEnded = true
    const passes = exchange.meter.end()
    exchange.judgement = exchange.meter.judgement
    if (passes) return true
    exchange.cut = exchange.meter.forwarded > 0
    this.stopForwarding(exchange)
    this.refuse(exchange, 'policy.blocked')
    return false
  }

  private respond(exchange: Exchange | undefined, origin: http.IncomingMessage): void {
    if (exchange === undefined || exchange.state !== 'forwarding') {
      origin.destroy()
      return
    }
    exchange.reused = exchange.upstream?.reusedSocket === true
    this.relay(exchange, origin)
  }

  private relay(exchange: Exchange, origin: http.IncomingMessage): void {
    try {
      relayResponse(exchange, origin, this.parts.via)
      for (const learner of this.learners) learner.observe(exchange, origin)
    } catch (error) {
      origin.destroy()
      this.fail(exchange, error)
    }
  }

  /** An error of the request to the origin, or of either stream. True: try once more on a fresh connection. */
  private failed(exchange: Exchange | undefined, error: Error): boolean {
    if (exchange === undefined || exchange.state === 'done' || exchange.refusal !== null) return false
    if (mayRepeat(exchange)) {
      exchange.retried = true
      return true
    }
    this.fail(exchange, error)
    return false
  }

  /** A defect met here, in the midst of a stream's events, would end the process; it ends its request. */
  private guard<T>(request: http.IncomingMessage, otherwise: T, run: (exchange: Exchange | undefined) => T): T {
    const exchange = this.find(request)
    try {
      return run(exchange)
    } catch (error) {
      if (exchange !== undefined) this.broken(exchange, error)
      return otherwise
    }
  }

  private broken(exchange: Exchange, error: unknown): void {
    if (error instanceof RefusedError || error instanceof ClientGone) return this.fail(exchange, error)
    this.parts.defect(error)
    if (exchange.refusal === null) this.fail(exchange, new RefusedError('proxy.internal', error instanceof Error ? error.message : String(error), error))
    // It was the refusal that could not be made.
    else destroyResponse(exchange)
  }

  private quietly(step: () => void): void {
    try {
      step()
    } catch (error) {
      this.parts.defect(error)
    }
  }

  private fail(exchange: Exchange, error: unknown): void {
    if (exchange.state === 'done' || exchange.refusal !== null || isAnswered(exchange)) return
    this.stopForwarding(exchange)
    const refused = error instanceof RefusedError ? error : wrap(exchange, error)
    try {
      this.refuse(exchange, refused.code, refused)
    } catch (fault) {
      exchange.failure = wrap(exchange, fault)
      destroyResponse(exchange)
    }
  }

  private stalled(exchange: Exchange, by: RefusalCode | 'idle'): void {
    // A client that does not even read its refusal is not sent another, and a WebSocket that rests is nobody's failure.
    if (by !== 'idle' && exchange.refusal === null) this.fail(exchange, new RefusedError(by, 'stalled'))
    else {
      if (by === 'idle') this.parts.limits.ended(by)
      destroyResponse(exchange)
    }
  }

  private stopForwarding(exchange: Exchange): void {
    const { request, upstream } = exchange
    request.unpipe()
    this.quietly(() => exchange.meter?.abort())
    upstream?.destroy()
  }

  private refuse(exchange: Exchange, code: RefusalCode, cause?: RefusedError): void {
    exchange.refusal = code
    exchange.failure = cause ?? null
    const askAt = code === 'policy.blocked' ? this.parts.offers.note(exchange) : undefined
    sendAnswer(exchange, refusalFor(exchange, code, this.parts.providers, this.parts.refusalText, askAt))
  }

  private closed(exchange: Exchange): void {
    if (exchange.state === 'done') return
    exchange.clientGone = !wasSentWhole(exchange.response) && exchange.refusal === null && exchange.status !== 101
    exchange.state = 'done'
    if (exchange.upstream?.writableFinished === false) this.quietly(() => exchange.meter?.abort())
    this.quietly(() => exchange.meter?.release())
    // Without effect once the answer is complete; until then an origin that never answers would hold a connection.
    exchange.upstream?.destroy()
    this.exchanges.delete(asIncoming(exchange.request))
    this.quietly(() => this.parts.record(exchange))
    if (exchange.place !== null) this.parts.limits.requests.giveBack(exchange.place)
    this.parts.underWay.end()
  }

  private find(request: http.IncomingMessage): Exchange | undefined {
    return this.exchanges.get(request)
  }
}

/** The whole answer came: what went wrong behind it is the origin's, whose connection is gone, and none of the client's concern. */
function isAnswered({ state, answer }: Exchange): boolean {
  return state === 'answering' && answer?.complete === true
}

function wrap(exchange: Exchange, error: unknown): RefusedError {
  const detail = error instanceof Error ? error.message : String(error)
  return new RefusedError(exchange.state === 'reading' ? 'proxy.internal' : 'upstream.broken', detail, error)
}

/** http-mitm-proxy is typed for HTTP/1.1; Node's HTTP/2 compatibility classes are used by it the same way. */
function asIncoming(request: ClientRequest): http.IncomingMessage {
  return request as http.IncomingMessage
}

function asServerResponse(response: ClientResponse): http.ServerResponse {
  return response as http.ServerResponse
}
