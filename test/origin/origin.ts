import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { createSecureServer } from 'node:http2'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import { WebSocketServer } from 'ws'
import { azureBlob } from './azure-blob.ts'
import { Behaviours } from './behaviour.ts'
import { box } from './box.ts'
import { makeTestCa } from './ca.ts'
import { Vault } from './content.ts'
import { portOf, startControl } from './control.ts'
import type { Controls } from './control.ts'
import { answerPreflight } from './cors.ts'
import { drive } from './drive.ts'
import { dropbox } from './dropbox.ts'
import { dropboxWeb } from './dropbox-web.ts'
import { BrokenOff, Exchange } from './exchange.ts'
import type { Incoming, Reply } from './exchange.ts'
import { gcs } from './gcs.ts'
import { graph } from './graph.ts'
import { mega } from './mega.ts'
import { oauth } from './oauth.ts'
import { answerCommon, sendFiller } from './pages.ts'
import { arrivedBytes, newRecord } from './record.ts'
import type { RequestHead, RequestRecord } from './record.ts'
import { restrictedHosts } from './restricted-hosts.ts'
import { s3 } from './s3.ts'
import { SocketBytes } from './socket-bytes.ts'
import type { ByteSpan } from './socket-bytes.ts'
import type { StandIn, StandInOptions } from './stand-in.ts'
import { answerWebUpload } from './web-upload.ts'
import { webdav } from './webdav.ts'

/** Hosts that are no cloud storage: plain pages. */
const PLAIN_HOSTS = ['spliced.example', 'www.example.com', 'evil.example']

export interface OriginOptions extends StandInOptions {
  /** Takes a line for each request answered, and for each fault of the stand-in. */
  readonly log?: (line: string) => void
  /** Files up to this many bytes can be downloaded again; of larger ones only size and SHA-256 are kept. Default 64 MiB. */
  readonly keepBytes?: number
}

/** The stand-in providers: one TLS listener on loopback that is every provider's host, by SNI and Host. */
export interface Origin extends Controls {
  readonly port: number
  /** `127.0.0.1:port`. */
  readonly address: string
  /** The root that signs every host's certificate, PEM. */
  readonly ca: string
  /** The same in a file; `close` removes it. */
  readonly caFile: string
  /** A host's leaf certificate, PEM. */
  readonly leafPem: (host: string) => string
  readonly hosts: readonly string[]
  /** `{ "host:443": "127.0.0.1:port" }` for every host, as `upstream.hosts` of the configuration takes it. */
  readonly upstreamHosts: () => Record<string, string>
  readonly controlUrl: string
  readonly close: () => Promise<void>
}

export async function startOrigin(options: OriginOptions = {}): Promise<Origin> {
  const log = options.log ?? (() => undefined)
  const vault = new Vault(options.keepBytes ?? 64 << 20)
  const behaviours = new Behaviours()
  const standIns = [
    dropbox(vault, options), dropboxWeb(vault), drive(vault, options), graph(vault, options), oauth(),
    box(vault), s3(vault), azureBlob(vault), gcs(vault), mega(vault), webdav(vault), restrictedHosts(),
  ]
  const byHost = new Map<string, StandIn>(standIns.flatMap(each => each.hosts.map(host => [host, each])))
  const hosts = [...byHost.keys(), ...PLAIN_HOSTS]
  const ca = makeTestCa()
  const dir = await mkdtemp(join(tmpdir(), 'sluice-origin-ca-'))
  const caFile = join(dir, 'ca.pem')
  await writeFile(caFile, ca.pem)

  let records: RequestRecord[] = []
  let connections = 0
  const socketBytes = new SocketBytes()
  /** Raw connections by the client's port: a TLS socket cannot be reset, the TCP socket below it can. */
  const sockets = new Map<number, Socket>()

  const server = createSecureServer({
    allowHTTP1: true,
    minVersion: 'TLSv1.2',
    ALPNCallback: ({ servername, protocols }) =>
      protocols.find(each => each === 'http/1.1' || each === 'h2' && byHost.get(servername.toLowerCase())?.http1Only !== true),
    SNICallback: (name, done) => {
      const host = name.toLowerCase()
      if (hosts.includes(host)) done(null, ca.contextFor(host))
      else done(new Error(`the stand-in has no host ${name}`))
    },
  })
  // Long uploads are what this is for (Node cuts them after 300 s), and a proxy's header handling is to be seen whole. Idle
  // connections stay for as long as at large providers: Node's 5 s would close many just as they are used again.
  Object.assign(server, { requestTimeout: 0, headersTimeout: 0, maxHeadersCount: 0, keepAliveTimeout: 75_000 })
  server.on('connection', (socket: Socket) => {
    const port = socket.remotePort ?? 0
    sockets.set(port, socket)
    socket.once('close', () => sockets.delete(port))
    socket.on('error', error => log(`connection from port ${port}: ${error.message}`))
  })
  server.on('secureConnection', (socket: TLSSocket) => {
    connections++
    socketBytes.add(socket)
    socket.on('error', error => log(`TLS connection: ${error.message}`))
  })
  server.on('tlsClientError', error => log(`TLS handshake: ${error.message}`))
  server.on('sessionError', error => log(`HTTP/2 session: ${error.message}`))

  const note = (head: RequestHead): { record: RequestRecord; span: ByteSpan } => {
    const span = socketBytes.begin(head.socket.remotePort ?? 0, head.httpVersion)
    const record = newRecord(head, (host, method, path) =>
      path === '/bench/upload' || byHost.get(host)?.carriesContent(method, path) === true, span)
    records.push(record)
    return { record, span }
  }

  // HTTP/2 knows `100-continue` in lower case only, and some clients write it otherwise.
  server.on('checkExpectation', (request, response) => {
    if (/^100-continue$/i.test(request.headers.expect ?? '')) {
      response.writeContinue()
      server.emit('request', request, response)
    } else {
      response.writeHead(417).end()
    }
  })
  server.on('request', (request, response) => {
    const { record, span } = note(request)
    request.once('close', span.end)
    response.once('close', span.end)
    const reset = (): void => { sockets.get(record.remotePort)?.resetAndDestroy() }
    void serve(new Exchange(request, response, record, behaviours, reset), request, response)
  })

  const serve = async (exchange: Exchange, incoming: Incoming, reply: Reply): Promise<void> => {
    const { record } = exchange
    incoming.on('error', () => { record.aborted ||= !record.complete })
    reply.on('error', () => { record.aborted = true })
    try {
      await answer(exchange)
    } catch (error) {
      record.aborted ||= error instanceof BrokenOff
      if (!record.aborted) log(`${record.method} ${record.host}${record.path}: ${String(error)}`)
      if (record.aborted || reply.headersSent) reply.destroy()
      else await exchange.json(500, { error: 'the stand-in failed' }).catch((fault: unknown) => log(String(fault)))
    }
    log(`${record.method} ${record.host}${record.path} ${record.status} ${record.bodyBytes} bytes HTTP/${record.httpVersion}`)
  }

  const answer = async (exchange: Exchange): Promise<void> => {
    const { delayMs } = exchange.behaviour
    if (delayMs !== undefined) await exchange.pause(delayMs)
    const { status, responseBytes } = exchange.behaviour
    if (status !== undefined || responseBytes !== undefined) return sendFiller(exchange, status ?? 200, responseBytes ?? 0)
    if (await answerPreflight(exchange)) return
    const { host, path, query } = exchange.record
    const standIn = byHost.get(host)
    const isCall = standIn?.rootIsService === true && path === '/' && (query !== '' || exchange.header('authorization') !== undefined)
    if (!isCall && (await answerCommon(exchange, vault) || await answerWebUpload(exchange))) return
    if (standIn !== undefined) return standIn.handle(exchange)
    await exchange.send(404, { 'content-type': 'text/plain' }, 'there is no such page\n')
  }

  const echo = new WebSocketServer({ noServer: true })
  echo.on('connection', socket => {
    socket.on('error', error => log(`WebSocket: ${error.message}`))
    socket.on('message', (data, binary) => socket.send(data, { binary }))
  })
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const { record } = note(request)
    record.complete = true
    record.status = record.path === '/ws' ? 101 : 404
    if (record.path === '/ws') echo.handleUpgrade(request, socket, head, client => echo.emit('connection', client, request))
    else socket.end('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
  })

  const controls: Controls = {
    stored: () => standIns.flatMap(each => each.stored()),
    requests: () => records,
    fileBytes: () => records.reduce((sum, record) => record.content ? sum + arrivedBytes(record) : sum, 0),
    socketBytes: () => socketBytes.total(),
    connections: () => connections,
    behave: behaviour => behaviours.set(behaviour),
    reset: async () => {
      behaviours.set(null)
      for (const each of standIns) each.reset()
      await vault.clear()
      records = []
      connections = 0
      socketBytes.reset()
    },
  }

  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve))
  const control = await startControl(controls)
  const port = portOf(server.address())
  const address = `127.0.0.1:${port}`
  return {
    ...controls,
    port,
    address,
    ca: ca.pem,
    caFile,
    leafPem: ca.leafPem,
    hosts,
    upstreamHosts: () => Object.fromEntries(hosts.map(host => [`${host}:443`, address])),
    controlUrl: control.url,
    close: async () => {
      const closed = new Promise<void>(resolve => server.close(() => resolve()))
      for (const client of echo.clients) client.terminate()
      for (const socket of sockets.values()) socket.destroy()
      await Promise.all([closed, control.close()])
      await vault.close()
      await rm(dir, { recursive: true, force: true })
    },
  }
}
