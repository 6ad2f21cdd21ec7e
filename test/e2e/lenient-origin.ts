/**
 * An origin that understands whatever any origin might: it decodes paths again and again, folds letters, follows every override of
 * method and path, reads bodies under every method and coding. What could be a file to anybody is stored here.
 */
import { createSecureServer } from 'node:http2'
import type { AddressInfo, Socket } from 'node:net'
import { gunzipSync } from 'node:zlib'
import { makeAuthority } from './tls-server.ts'

export const GRAPH = 'graph.microsoft.com'
export const DRIVE = 'www.googleapis.com'
export const HOSTS = ['content.dropboxapi.com', 'api.dropboxapi.com', 'www.dropbox.com', GRAPH, DRIVE, 'contoso.sharepoint.com', 'upload.box.com'] as const

export interface LenientOrigin {
  /** For `upstream.hosts`. */
  readonly hosts: Readonly<Record<string, string>>
  readonly caFile: string
  /** Bytes of the files that came whole, as they are once decoded. */
  readonly stored: () => number
  /** Requests that were answered. */
  readonly requests: () => number
  reset(): void
  close(): Promise<void>
}

const UPLOAD = /files\/upload|upload_session|\/content\b|\/upload\b|\/uploadsession|\$batch|\/batch\b|\/files\/content/
/** Fields that name another path than the request line. */
const PATHS = ['x-original-url', 'x-rewrite-url', 'x-original-uri', 'x-forwarded-uri', 'x-forwarded-path', 'x-http-path-override', 'x_original_url', 'x_rewrite_url'] as const

/** All that an origin might read in a path. */
function understood(path: string): string {
  let text = path
  for (let i = 0; i < 5; i++) {
    text = text.replace(/%u([0-9a-f]{4})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
      .replace(/%c0%([89ab][0-9a-f])/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16) & 0x7f))
      .replace(/%c1%([89ab][0-9a-f])/gi, (_, hex: string) => String.fromCharCode((Number.parseInt(hex, 16) & 0x3f) | 0x40))
    try {
      text = decodeURIComponent(text)
    } catch {
      text = text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
    }
  }
  const segments: string[] = []
  for (const segment of text.normalize('NFKC').toLowerCase().replaceAll('\\', '/').split('/')) {
    const plain = segment.replace(/;.*$/, '').replace(/[\0-\x20]/g, '')
    if (plain === '..') segments.pop()
    else if (plain.replace(/\.+$/, '') !== '') segments.push(plain.replace(/\.+$/, ''))
  }
  return `/${segments.join('/')}`
}

export async function startLenientOrigin(): Promise<LenientOrigin> {
  const authority = await makeAuthority()
  let stored = 0
  let requests = 0
  const server = createSecureServer({ ...authority.leaf({ names: [...HOSTS] }), allowHTTP1: true }, (request, response) => {
    const parts: Buffer[] = []
    request.on('error', () => undefined) // broken off
    request.on('data', (chunk: Buffer) => parts.push(chunk))
    request.on('end', () => {
      requests += 1
      const body = Buffer.concat(parts)
      const { pathname } = new URL(`https://x.example${request.url.startsWith('/') ? '' : '/'}${request.url.split('?')[0] ?? ''}`)
      const paths = [request.url.split('?')[0] ?? '', pathname, ...PATHS.flatMap(name => request.headers[name] ?? []).flat()]
      if (body.length > 0 && paths.some(path => UPLOAD.test(understood(path)))) stored += decoded(body, request.headers['content-encoding'])
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end('{}')
    })
  })
  server.on('checkExpectation', (request, response) => server.emit('request', request, response))
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined) // cut by the proxy
    socket.once('close', () => sockets.delete(socket))
  })
  for (const event of ['tlsClientError', 'sessionError', 'clientError'] as const) server.on(event, () => undefined)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    hosts: Object.fromEntries(HOSTS.map(host => [`${host}:443`, address])),
    caFile: authority.file,
    stored: () => stored,
    requests: () => requests,
    reset() {
      stored = 0
      requests = 0
    },
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      for (const socket of sockets) socket.destroy()
      await closed
      await authority.close()
    },
  }
}

function decoded(body: Buffer, coding: string | undefined): number {
  if (!/gzip/i.test(coding ?? '')) return body.length
  try {
    return gunzipSync(body).length
  } catch {
    return body.length
  }
}
