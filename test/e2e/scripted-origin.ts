/** An origin that reads requests as bytes, one after the other on each connection, and answers each with what its test says, byte by byte. */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import tls from 'node:tls'
import type { Test } from 'tap'
import { makeAuthority } from './tls-server.ts'

export interface Arrived {
  readonly method: string
  readonly path: string
  /** With its empty line, as latin1. */
  readonly head: string
  /** As it came over the wire, its framing included. */
  body: string
  isWhole: boolean
  readonly socket: tls.TLSSocket
}

export interface ScriptedOrigin {
  /** `127.0.0.1:port`. */
  readonly address: string
  readonly caFile: string
  /** In order, those under way included. */
  readonly seen: Arrived[]
  /** What is done once a request to that path is whole; 200 with the path as its body without it. */
  readonly answers: Map<string, (request: Arrived) => void>
  /** The same once its head is there. */
  readonly early: Map<string, (request: Arrived) => void>
  readonly sockets: Set<tls.TLSSocket>
}

/** Serves until the test ends. */
export async function startScriptedOrigin(t: Pick<Test, 'teardown'>, names: readonly string[]): Promise<ScriptedOrigin> {
  const authority = await makeAuthority()
  const seen: Arrived[] = []
  const answers: ScriptedOrigin['answers'] = new Map()
  const early: ScriptedOrigin['early'] = new Map()
  const sockets: ScriptedOrigin['sockets'] = new Set()
  const server = tls.createServer({ ...authority.leaf({ names }), ALPNProtocols: ['http/1.1'] }, (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    socket.on('error', () => socket.destroy())
    let text = ''
    let under: Arrived | null = null
    const read = (): boolean => {
      if (under === null) {
        const end = text.indexOf('\r\n\r\n')
        if (end < 0) return false
        const head = text.slice(0, end + 4)
        text = text.slice(end + 4)
        const [, method = '', path = ''] = /^(\S+) (\S+) HTTP\/1\.1\r\n/.exec(head) ?? []
        under = { method, path, head, body: '', isWhole: false, socket }
        seen.push(under)
        early.get(path)?.(under)
      }
      const length = bodyLength(under.head, text)
      const taken = length === null ? text.length : Math.min(text.length, length)
      if (length === null || text.length < length) return false
      under.body = text.slice(0, taken)
      text = text.slice(taken)
      under.isWhole = true
      const whole = under
      under = null
      const answer = answers.get(whole.path)
      if (answer !== undefined) answer(whole)
      else if (!early.has(whole.path)) socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${whole.path.length}\r\n\r\n${whole.path}`)
      return true
    }
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1')
      while (read());
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(async () => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()))
    for (const socket of sockets) socket.destroy()
    await closed
    await authority.close()
  })
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, caFile: authority.file, seen, answers, early, sockets }
}

/** Bytes of the body over the wire; null: its end has not come. */
function bodyLength(head: string, text: string): number | null {
  if (!/^transfer-encoding: chunked\r$/im.test(head)) return Number(/^content-length: ([0-9]+)\r$/im.exec(head)?.[1] ?? 0)
  let at = 0
  for (;;) {
    const line = text.indexOf('\r\n', at)
    if (line < 0) return null
    const size = Number.parseInt(text.slice(at, line), 16)
    at = line + 2
    if (size === 0) {
      const end = text.startsWith('\r\n', at) ? at + 2 : text.indexOf('\r\n\r\n', at) + 4
      return text.length < end || (end === 3) ? null : end
    }
    at += size + 2
  }
}
