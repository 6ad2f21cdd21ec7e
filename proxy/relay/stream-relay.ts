/** HTTP/2 within intercepted tunnels, as the relay carries it: Node's own server reads the client's streams, each is an exchange of the relay. */
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import type { Tunnel } from '../tunnel.ts'
import type { Conductor } from './conductor.ts'
import { StreamExchange } from './stream-exchange.ts'
import { readStreamHead } from './stream-head.ts'

export class StreamRelay {
  readonly #conductor: Conductor

  constructor(conductor: Conductor) {
    this.#conductor = conductor
  }

  /** Takes one request, whose stream's errors somebody hears. Never throws. */
  serve(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, rawHeaders: readonly string[], tunnel: Tunnel): void {
    const conductor = this.#conductor
    const expects = headers.expect?.toLowerCase() === '100-continue'
    const exchange = new StreamExchange(readStreamHead(headers, rawHeaders), { peer: tunnel.peer, tunnel, scheme: 'https', expects }, stream, conductor)
    // Node ends the stream that a client resets as if all had been written, and a client may reset it without an error.
    stream.once('close', () => conductor.closed(exchange, exchange.isEnded && stream.rstCode === 0))
    conductor.take(exchange)
  }
}
