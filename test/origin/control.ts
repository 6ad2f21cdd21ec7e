import { createServer } from 'node:http'
import type { IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { parseBehaviour } from './behaviour.ts'
import type { Behaviour } from './behaviour.ts'
import type { RequestRecord } from './record.ts'
import type { StoredFile } from './stand-in.ts'

/** What the stand-in tells and can be told, as methods; the control port is the same over HTTP. */
export interface Controls {
  /** Every file that the providers hold. */
  readonly stored: () => readonly StoredFile[]
  /** Every request since the start or the last `reset`, live. */
  readonly requests: () => readonly RequestRecord[]
  /**
   * Body bytes that arrived on endpoints that take file content (framing of multipart bodies included), and those of
   * bodies that no handler has read, as far as they came to the socket.
   */
  readonly fileBytes: () => number
  /** Bytes that arrived at all TLS sockets, deciphered, heads and framing included, whatever they were for. */
  readonly socketBytes: () => number
  /** TLS connections accepted. */
  readonly connections: () => number
  /** Misbehaves from now on, running requests included; null: back to normal. */
  readonly behave: (behaviour: Behaviour | null) => void
  /** Forgets files, sessions, requests and counters, and behaves normally. */
  readonly reset: () => Promise<void>
}

const BODY_LIMIT = 64 << 10

/** Serves GET /stored, /requests, /file-bytes, /socket-bytes, /connections and POST /behave, /reset on loopback, in JSON. */
export async function startControl(controls: Controls): Promise<{ url: string; close: () => Promise<void> }> {
  const routes: Readonly<Record<string, (request: IncomingMessage) => unknown>> = {
    'GET /stored': controls.stored,
    'GET /requests': controls.requests,
    'GET /file-bytes': () => ({ fileBytes: controls.fileBytes() }),
    'GET /socket-bytes': () => ({ socketBytes: controls.socketBytes() }),
    'GET /connections': () => ({ connections: controls.connections() }),
    'POST /behave': async request => {
      controls.behave(parseBehaviour(JSON.parse(await readText(request))))
      return {}
    },
    'POST /reset': async () => {
      await controls.reset()
      return {}
    },
  }
  const answer = async (request: IncomingMessage): Promise<{ status: number; body: unknown }> => {
    const route = routes[`${request.method ?? ''} ${request.url ?? ''}`]
    if (route === undefined) return { status: 404, body: { error: `use one of: ${Object.keys(routes).join(', ')}` } }
    try {
      return { status: 200, body: await route(request) }
    } catch (error) {
      return { status: 400, body: { error: error instanceof Error ? error.message : String(error) } }
    }
  }
  const server = createServer((request, response) => {
    void answer(request).then(({ status, body }) => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    })
  })
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${portOf(server.address())}`,
    close: () => new Promise(resolve => {
      server.close(() => resolve())
      server.closeAllConnections()
    }),
  }
}

/** The port that a server listens on. */
export function portOf(address: AddressInfo | string | null): number {
  if (address === null || typeof address === 'string') throw new Error('the server does not listen on a port')
  return address.port
}

async function readText(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of request.setEncoding('utf8')) {
    text += String(chunk)
    if (text.length > BODY_LIMIT) throw new RangeError(`the body is longer than ${BODY_LIMIT} characters`)
  }
  return text
}
