/** Node's own server (llhttp), with the options of the proxy's: what it takes of a connection's bytes. */
import http from 'node:http'
import { Duplex } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import { serverOptions } from '../../../proxy/server-limits.ts'
import type { End, Taken } from './taken.ts'

export interface NodeRequest extends Taken {
  /** Names of the fields behind the content, in lower case. */
  readonly trailers: readonly string[]
}

export interface NodeReading {
  readonly requests: readonly NodeRequest[]
  readonly end: End
  /** Why it was refused: llhttp's code. */
  readonly code: string
}

/** Connections after which what they leave has its turn. */
const BATCH = 32

export class NodeSide {
  readonly #server: http.Server
  #taken: http.IncomingMessage[] = []
  #end: End = 'more'
  #code = ''
  #connections = 0

  constructor() {
    const server = http.createServer(serverOptions({ headTime: 60_000 }))
    // As `hardenServer` does: a limit would drop fields without a word.
    server.maxHeadersCount = 0
    server.timeout = 0
    const take = (request: http.IncomingMessage): void => void this.#taken.push(request)
    const handOn = (): void => { this.#end = 'handed-on' }
    // A request is never answered: each that follows in the bytes is read all the same.
    server.on('request', take).on('checkContinue', take).on('checkExpectation', take).on('upgrade', handOn).on('connect', handOn)
    server.on('clientError', (error: NodeJS.ErrnoException) => {
      this.#end = 'refused'
      this.#code = error.code ?? ''
    })
    this.#server = server
  }

  /** `pieces`: the bytes of a connection as they come. */
  read(pieces: readonly Buffer[]): NodeReading {
    this.#taken = []
    this.#end = 'more'
    this.#code = ''
    const socket = new Duplex({ read: () => undefined, write: (_chunk, _encoding, done) => done() })
    socket.on('error', () => undefined)
    this.#server.emit('connection', socket)
    for (const piece of pieces) {
      // In this turn, which a stream does not promise.
      socket.emit('data', piece)
      if (this.#end !== 'more') break
    }
    const requests = this.#taken.map(asTaken)
    socket.destroy()
    this.#connections++
    return { requests, end: this.#end, code: this.#code }
  }

  /** To be awaited after each reading: connections that are over let go what they have. */
  async rest(): Promise<void> {
    if (this.#connections % BATCH === 0) await turn()
  }

  close(): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }
}

function asTaken(request: http.IncomingMessage): NodeRequest {
  const body: Buffer[] = []
  for (let chunk: unknown = request.read(); chunk !== null; chunk = request.read()) if (Buffer.isBuffer(chunk)) body.push(chunk)
  return {
    method: request.method ?? '', url: request.url ?? '', rawHeaders: request.rawHeaders, body: Buffer.concat(body), isComplete: request.complete,
    trailers: request.rawTrailers.filter((_, i) => i % 2 === 0).map(name => name.toLowerCase()),
  }
}
