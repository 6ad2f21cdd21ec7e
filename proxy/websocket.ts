/**
 * WebSocket on intercepted hosts. The upgrade is judged like any request, then frames pass as they are, with their
 * extensions and subprotocol, at the pace of the slower side; what the client sends is counted and metered.
 */
import http from 'node:http'
import https from 'node:https'
import type { Duplex } from 'node:stream'
import { Transform, pipeline } from 'node:stream'
import type { RestrictionHeaders } from '../policy/restrictions.ts'
import { upgradeHeaders, responseHeaders } from './forward-headers.ts'
import { noteConnection } from './exchange.ts'
import type { PipelineExchange } from './pipeline-exchange.ts'
import { RefusedError } from './errors.ts'
import type { PooledRequestOptions, Upstream } from './upstream.ts'
import type { Via } from './via.ts'
import { FrameCounter } from './websocket-frames.ts'

export interface WebSocketParts {
  readonly upstream: Upstream
  readonly restrictions: RestrictionHeaders
  readonly via: Via
  /** The origin declined the upgrade, or something failed before it; the socket is still HTTP. */
  readonly failed: (error: RefusedError) => void
  /** The origin answered with something else than 101. */
  readonly declined: (response: http.IncomingMessage) => void
  /** The connection has ended. */
  readonly done: () => void
}

/** Asks the origin for the upgrade and joins both sides. The exchange has been judged and allowed. */
export function relayWebSocket(parts: WebSocketParts, exchange: PipelineExchange, socket: Duplex, head: Buffer): void {
  const { head: requestHead, arrival, asked } = exchange
  if (requestHead === null) return
  const tls = arrival.scheme === 'https'
  const options: PooledRequestOptions = {
    method: 'GET',
    path: requestHead.target.full,
    host: requestHead.authority.host,
    port: requestHead.authority.port,
    headers: upgradeHeaders(asked.rawHeaders, requestHead, parts.restrictions.forHost(requestHead.host), parts.via.entry(asked.httpVersion)),
    agent: tls ? parts.upstream.httpsAgent : parts.upstream.httpAgent,
    // An upgraded connection belongs to this client alone and never returns to the pool.
    poolKey: `${arrival.peer.ip}#ws${exchange.id}`,
  }
  const upstream = (tls ? https : http).request(options)
  exchange.upstream = upstream
  upstream.once('socket', (carrier) => noteConnection(exchange, carrier))
  upstream.on('error', (error) => {
    parts.failed(error instanceof RefusedError ? error : new RefusedError('upstream.broken', error.message, error))
  })
  upstream.on('response', parts.declined)
  // The proxy port leaves sockets half open: nobody else would act on a client that leaves before the origin has answered.
  const leave = (): void => { socket.destroy() }
  socket.once('end', leave)
  upstream.on('upgrade', (response, origin, first) => {
    socket.removeListener('end', leave)
    exchange.status = 101
    exchange.bodyEnded = true
    socket.write(statusLine(response, parts.via))
    // It is counted with all that follows.
    if (first.length > 0) origin.unshift(first)
    if (head.length > 0) socket.unshift(head)
    join(exchange, socket, origin, parts.done)
  })
  upstream.end()
}

function join(exchange: PipelineExchange, socket: Duplex, origin: Duplex, done: () => void): void {
  const counter = new FrameCounter()
  const meter = new Transform({
    transform(chunk: Buffer, _encoding, callback) {
      let passes: boolean
      try {
        exchange.lastActivity = performance.now()
        passes = exchange.meter?.take(counter.take(chunk)) ?? true
      } catch (error) {
        // Thrown on, it would end the process.
        callback(error instanceof Error ? error : new Error(String(error)))
        return
      }
      if (passes) callback(null, chunk)
      else {
        exchange.judgement = exchange.meter?.judgement ?? exchange.judgement
        exchange.cut = true
        exchange.refusal = 'policy.blocked'
        callback(new Error('cut by policy'))
      }
    },
  })
  origin.on('data', (chunk: Buffer) => {
    exchange.bytesDown += chunk.length
    exchange.lastActivity = performance.now()
  })
  let open = 2
  const closed = (): void => {
    open -= 1
    if (open > 0) return
    socket.destroy()
    origin.destroy()
    done()
  }
  // Both directions together put a few more listeners on each side than Node takes for a leak (10).
  for (const side of [socket, origin]) side.setMaxListeners(20)
  pipeline(socket, meter, origin, closed)
  pipeline(origin, socket, closed)
}

function statusLine(response: http.IncomingMessage, via: Via): string {
  const lines = ['HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade', 'Upgrade: websocket']
  const flat = [...responseHeaders(response.rawHeaders), 'Via', via.entry(response.httpVersion)]
  for (let i = 0; i + 1 < flat.length; i += 2) lines.push(`${flat[i] ?? ''}: ${flat[i + 1] ?? ''}`)
  return `${lines.join('\r\n')}\r\n\r\n`
}
