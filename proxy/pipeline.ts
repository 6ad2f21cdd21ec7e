/**
 * The pipeline engine: takes each request of a client through the stages (admit, recognise, attribute, decide), then
 * forwards and meters it through http-mitm-proxy's hooks, or refuses it. It decides nothing itself.
 */
import http from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { boundAnswer } from './bound-answer.ts'
import type { EngineParts } from './engine-parts.ts'
import { RefusedError } from './errors.ts'
import type { RefusalCode } from './errors.ts'
import { noteConnection } from './exchange.ts'
import type { Arrival } from './exchange.ts'
import type { Mitm } from './mitm.ts'
import { composeOutgoing } from './outgoing.ts'
import { wrapFault } from './passage.ts'
import type { Passage } from './passage.ts'
import { ClientGone, peekBody } from './peek.ts'
import { PipelineExchange, wasSentWhole } from './pipeline-exchange.ts'
import type { ClientRequest, ClientResponse } from './pipeline-exchange.ts'
import { asAnswer } from './read-answer.ts'
import { mayRepeat } from './repeat.ts'
import { passHints, relayResponse, sendAnswer } from './respond.ts'
import { Roster } from './roster.ts'
import { asStream, isSettledUpload } from './stages/body.ts'
import { StallWatch } from './stall-watch.ts'
import { relayWebSocket } from './websocket.ts'

export class Pipeline {
  private readonly parts: EngineParts
  private readonly passage: Passage
  private mitm: Promise<Mitm> | null = null
  private readonly exchanges = new Roster<PipelineExchange>()
  private readonly byRequest = new WeakMap<http.IncomingMessage, PipelineExchange>()
  private readonly stalls: StallWatch<PipelineExchange>

  constructor(parts: EngineParts, passage: Passage) {
    this.parts = parts
    this.passage = passage
    this.stalls = new StallWatch(this.exchanges, parts.limits.numbers, (exchange, by) => this.stalled(exchange, by))
  }

  /** Takes one request. Never throws: whatever goes wrong is answered and recorded. */
  serve(request: ClientRequest, response: ClientResponse, arrival: Arrival): void {
    const exchange = new PipelineExchange(request, response, arrival)
    this.begin(asIncoming(request), exchange)
    request.on('error', () => undefined) // 'close' follows and settles it
    response.on('error', () => undefined)
    response.once('close', () => this.closed(exchange))
    this.decide(exchange).catch((error: unknown) => this.broken(exchange, error))
  }

  private begin(request: http.IncomingMessage, exchange: PipelineExchange): void {
    this.byRequest.set(request, exchange)
    exchange.seat = this.exchanges.join(exchange)
    this.passage.begin()
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
    const exchange = new PipelineExchange(request, response, arrival)
    this.begin(request, exchange)
    socket.once('close', () => this.closed(exchange))
    this.decideUpgrade(exchange, socket, first).catch((error: unknown) => this.broken(exchange, error))
  }

  private async decideUpgrade(exchange: PipelineExchange, socket: Duplex, first: Buffer): Promise<void> {
    const head = this.passage.readHead(exchange, exchange.request, true)
    const proving = this.authenticate(exchange)
    if (proving !== null && !await proving) return
    this.passage.admit(exchange, head)
    if (head.method !== 'GET' || head.framing !== 'none') throw new RefusedError('request.malformed', 'an upgrade with a body')
    exchange.websocket = true
    const judged = await this.passage.judge(exchange, head, null)
    if (exchange.state !== 'reading') return
    const judgement = this.passage.meter(exchange, asStream(judged))
    if (judgement.verdict.decision.action === 'block') {
      this.refuse(exchange, 'policy.blocked')
      return
    }
    exchange.state = 'forwarding'
    this.passage.holdUnjudged(exchange, (closed) => socket.once('close', closed), (error) => this.fail(exchange, error))
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

  /** Null where nobody need say who he is, or said it before; else false: the exchange ended before that was known. */
  private authenticate(exchange: PipelineExchange): Promise<boolean> | null {
    const { arrival, request } = exchange
    const { authenticate } = this.parts
    if (arrival.tunnel !== null || authenticate === null) return null
    return (async () => {
      exchange.user = (await authenticate(request.rawHeaders, arrival.peer.ip, request.socket)).user
      return exchange.state === 'reading'
    })()
  }

  close(): void {
    this.stalls.stop()
    for (const exchange of this.exchanges.values()) exchange.destroy()
  }

  private async decide(exchange: PipelineExchange): Promise<void> {
    const { request, arrival } = exchange
    const head = this.passage.readHead(exchange, request, 'stream' in request && request.stream.endAfterHeaders)
    const proving = this.authenticate(exchange)
    if (proving !== null && !await proving) return
    this.passage.admit(exchange, head)
    let judgement = await this.passage.judge(exchange, head, null)
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
      judgement = await this.passage.judge(exchange, head, peeked)
    }
    const mitm = await this.openMitm()
    if (exchange.state !== 'reading') return
    judgement = this.passage.meter(exchange, judgement)
    if (judgement.verdict.decision.action === 'block') {
      this.refuse(exchange, judgement.reasons.includes('recogniser-failed') ? 'recogniser.failed' : 'policy.blocked')
      return
    }
    exchange.state = 'forwarding'
    this.passage.holdUnjudged(exchange, (closed) => exchange.response.once('close', closed), (error) => this.fail(exchange, error))
    if (exchange.refusal !== null) return
    this.sendContinue(exchange)
    mitm.forward(arrival.scheme === 'https', asIncoming(request), asServerResponse(exchange.response), held)
  }

  /** Loaded with the first request that needs it: with the relay engine those are few, and it brings megabytes of others' code. */
  private openMitm(): Promise<Mitm> {
    this.mitm ??= import('./mitm.ts').then(({ Mitm }) => this.makeMitm(Mitm))
    return this.mitm
  }

  private makeMitm(Made: typeof Mitm): Mitm {
    const { parts } = this
    return new Made(
      {
        outgoing: (request) => this.guard(request, null, (exchange) => composeOutgoing(exchange, parts.upstream, parts.restrictions(), parts.via, parts.isShared)),
        opened: (request, upstream) => this.opened(this.find(request), upstream),
        data: (request, chunk) => this.guard(request, false, (exchange) => this.take(exchange, chunk)),
        end: (request) => this.guard(request, false, (exchange) => this.ended(exchange)),
        response: (request, response) => this.guard(request, undefined, (exchange) => this.respond(exchange, response)),
        failed: (request, error) => this.failed(request === null ? undefined : this.find(request), error),
      },
      { http: parts.upstream.httpAgent, https: parts.upstream.httpsAgent },
    )
  }

  /** The decision comes before `100 Continue` (DESIGN.md §7), so Node's own answer is off. */
  private sendContinue(exchange: PipelineExchange): void {
    if (!exchange.arrival.expects || exchange.continued) return
    exchange.continued = true
    exchange.response.writeContinue()
  }

  private opened(exchange: PipelineExchange | undefined, upstream: http.ClientRequest): void {
    if (exchange === undefined) {
      upstream.destroy()
      return
    }
    exchange.upstream = upstream
    upstream.once('socket', (socket) => noteConnection(exchange, socket))
    boundAnswer(upstream, (answer) => this.passage.quietly(() => passHints(exchange, answer)), (error) => this.fail(exchange, error))
    // An origin that switches protocols unasked is hung up on by Node without an error.
    upstream.once('close', () => {
      if (exchange.upstream !== upstream || exchange.state !== 'forwarding') return
      this.fail(exchange, new RefusedError('upstream.broken', 'no answer'))
    })
  }

  private take(exchange: PipelineExchange | undefined, chunk: Buffer): boolean {
    if (exchange?.meter == null || exchange.refusal !== null) return false
    exchange.lastActivity = performance.now()
    if (exchange.meter.take(chunk.length)) return true
    exchange.judgement = exchange.meter.judgement
    exchange.cut = exchange.meter.forwarded > 0
    this.stopForwarding(exchange)
    this.refuse(exchange, 'policy.blocked')
    return false
  }

  private ended(exchange: PipelineExchange | undefined): boolean {
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

  private respond(exchange: PipelineExchange | undefined, origin: http.IncomingMessage): void {
    if (exchange === undefined || exchange.state !== 'forwarding') {
      origin.destroy()
      return
    }
    exchange.reused = exchange.upstream?.reusedSocket === true
    this.relay(exchange, origin)
  }

  private relay(exchange: PipelineExchange, origin: http.IncomingMessage): void {
    try {
      relayResponse(exchange, origin, this.parts.via)
      this.passage.observe(exchange, asAnswer(origin))
    } catch (error) {
      origin.destroy()
      this.fail(exchange, error)
    }
  }

  /** An error of the request to the origin, or of either stream. True: try once more on a fresh connection. */
  private failed(exchange: PipelineExchange | undefined, error: Error): boolean {
    if (exchange === undefined || exchange.state === 'done' || exchange.refusal !== null) return false
    if (mayRepeat(exchange, exchange.upstream?.reusedSocket === true)) {
      exchange.retried = true
      return true
    }
    this.fail(exchange, error)
    return false
  }

  /** A defect met here, in the midst of a stream's events, would end the process; it ends its request. */
  private guard<T>(request: http.IncomingMessage, otherwise: T, run: (exchange: PipelineExchange | undefined) => T): T {
    const exchange = this.find(request)
    try {
      return run(exchange)
    } catch (error) {
      if (exchange !== undefined) this.broken(exchange, error)
      return otherwise
    }
  }

  private broken(exchange: PipelineExchange, error: unknown): void {
    if (error instanceof RefusedError || error instanceof ClientGone) return this.fail(exchange, error)
    this.parts.defect(error)
    if (exchange.refusal === null) this.fail(exchange, new RefusedError('proxy.internal', error instanceof Error ? error.message : String(error), error))
    // It was the refusal that could not be made.
    else exchange.destroy()
  }

  private fail(exchange: PipelineExchange, error: unknown): void {
    if (exchange.state === 'done' || exchange.refusal !== null || isAnswered(exchange)) return
    this.stopForwarding(exchange)
    const refused = error instanceof RefusedError ? error : wrapFault(exchange, error)
    try {
      this.refuse(exchange, refused.code, refused)
    } catch (fault) {
      exchange.failure = wrapFault(exchange, fault)
      exchange.destroy()
    }
  }

  private stalled(exchange: PipelineExchange, by: RefusalCode | 'idle'): void {
    // A client that does not even read its refusal is not sent another, and a WebSocket that rests is nobody's failure.
    if (by !== 'idle' && exchange.refusal === null) this.fail(exchange, new RefusedError(by, 'stalled'))
    else {
      if (by === 'idle') this.parts.limits.ended(by)
      exchange.destroy()
    }
  }

  private stopForwarding(exchange: PipelineExchange): void {
    const { request, upstream } = exchange
    request.unpipe()
    this.passage.quietly(() => exchange.meter?.abort())
    upstream?.destroy()
  }

  private refuse(exchange: PipelineExchange, code: RefusalCode, cause?: RefusedError): void {
    sendAnswer(exchange, this.passage.refuse(exchange, code, cause))
  }

  private closed(exchange: PipelineExchange): void {
    if (exchange.state === 'done') return
    exchange.clientGone = !wasSentWhole(exchange.response) && exchange.refusal === null && exchange.status !== 101
    exchange.state = 'done'
    const isBroken = exchange.upstream?.writableFinished === false
    // Without effect once the answer is complete; until then an origin that never answers would hold a connection.
    exchange.upstream?.destroy()
    this.byRequest.delete(asIncoming(exchange.request))
    if (exchange.seat !== null) this.exchanges.leave(exchange.seat)
    this.passage.finish(exchange, isBroken)
  }

  private find(request: http.IncomingMessage): PipelineExchange | undefined {
    return this.byRequest.get(request)
  }
}

/** The whole answer came: what went wrong behind it is the origin's, whose connection is gone, and none of the client's concern. */
function isAnswered({ state, answer }: PipelineExchange): boolean {
  return state === 'answering' && answer?.complete === true
}

/** http-mitm-proxy is typed for HTTP/1.1; Node's HTTP/2 compatibility classes are used by it the same way. */
function asIncoming(request: ClientRequest): http.IncomingMessage {
  return request as http.IncomingMessage
}

function asServerResponse(response: ClientResponse): http.ServerResponse {
  return response as http.ServerResponse
}
