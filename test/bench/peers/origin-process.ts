/**
 * The origin of the bench, in a process of its own: every host by SNI, HTTP/2 and HTTP/1.1 over TLS. Answers small requests from memory,
 * counts what is sent to it and sends what is asked for, as cheaply as Node does.
 */
import { createSecureServer } from 'node:http2'
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { makeTestCa } from '../../origin/ca.ts'
import { add, pieceAt } from './content.ts'
import type { Tally } from './content.ts'
import { bytesOf } from './names.ts'

/** What the parent gives, as the only argument: the hosts whose certificates are made before anybody comes. */
export type Hosts = readonly string[]

/** What the process sends once, when it listens. */
export interface BenchOrigin {
  readonly port: number
  /** The root of its certificates, PEM. */
  readonly ca: string
}

const DRIVE = JSON.stringify({
  '@odata.context': 'https://graph.microsoft.com/v1.0/$metadata#drives/$entity', id: `b!${'t18F8ybsHUq1z3LTz8xvZqP8'.repeat(3)}`,
  driveType: 'business', name: 'OneDrive', webUrl: 'https://contoso-my.sharepoint.com/personal/ada/Documents',
  createdDateTime: '2017-07-27T02:41:36Z', lastModifiedDateTime: '2026-11-30T08:12:04Z',
  owner: { user: { email: 'ada@contoso.com', id: '48d31887-5fad-4d73-a9f5-3c356e68a038', displayName: 'Ada' } },
  quota: { deleted: 256938, remaining: 1099447353539, state: 'normal', total: 1099511627776, used: 64017299 },
})

const ca = makeTestCa()
const hosts: Hosts = JSON.parse(process.argv[2] ?? '[]') as Hosts
for (const host of hosts) ca.contextFor(host)

const server = createSecureServer({
  allowHTTP1: true,
  SNICallback: (host, done) => done(null, ca.contextFor(host)),
}, (request, response) => {
  if (request.method === 'PUT') receive(request, response)
  else if (bytesOf(request.url) > 0) send(bytesOf(request.url), response)
  else answer(response, DRIVE)
})
// As at large providers, and longer than any round: nobody is to find a connection just closed.
Object.assign(server, { requestTimeout: 0, headersTimeout: 0, keepAliveTimeout: 75_000, maxRequestsPerSocket: 0 })
// Whoever breaks off is told of by the client.
server.on('tlsClientError', () => undefined).on('sessionError', () => undefined)
server.on('connection', (socket: NodeJS.EventEmitter) => socket.on('error', () => undefined))
server.on('secureConnection', socket => socket.on('error', () => undefined))
server.listen(0, '127.0.0.1', () => {
  const listening: BenchOrigin = { port: (server.address() as AddressInfo).port, ca: ca.pem }
  process.send?.(listening)
})
process.once('disconnect', () => process.exit())

type Request = IncomingMessage | Http2ServerRequest
type Response = ServerResponse | Http2ServerResponse

function answer(response: Response, text: string): void {
  const length = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }
  if ('stream' in response) response.writeHead(200, length).end(text)
  else response.writeHead(200, length).end(text)
}

function receive(request: Request, response: Response): void {
  const tally: Tally = { bytes: 0, crc: 0 }
  request.on('data', (chunk: Buffer) => add(tally, chunk))
  request.once('end', () => answer(response, JSON.stringify(tally)))
}

function send(bytes: number, response: Response): void {
  const head = { 'content-type': 'application/octet-stream', 'content-length': bytes }
  if ('stream' in response) response.writeHead(200, head)
  else response.writeHead(200, head)
  let at = 0
  const more = (): void => {
    while (at < bytes) {
      const piece = pieceAt(at, bytes)
      at += piece.length
      const isRoom = 'stream' in response ? response.stream.write(piece) : response.write(piece)
      if (!isRoom) return void response.once('drain', more)
    }
    response.end()
  }
  more()
}
