/** Reaches a destination through a parent proxy with CONNECT (RFC 9110 §9.3.6); names are resolved there. */
import type net from 'node:net'
import { RefusedError } from './errors.ts'
import { formatHostPort, stripBrackets } from './host-port.ts'
import { connectOne } from './upstream.ts'
import type { Via } from './via.ts'

export interface Parent {
  readonly host: string
  readonly port: number
  /** Value of Proxy-Authorization, if the parent wants one. Never logged. */
  readonly authorization: string | null
}

const MAX_HEAD = 16 * 1024

/** Reads `upstream.parent`: `http://user:secret@parent.example:8080`. */
export function parseParent(url: string): Parent {
  const parsed = new URL(url)
  const user = decodeURIComponent(parsed.username)
  const secret = decodeURIComponent(parsed.password)
  return {
    host: stripBrackets(parsed.hostname),
    port: parsed.port === '' ? 80 : Number(parsed.port),
    authorization: user === '' && secret === '' ? null : `Basic ${Buffer.from(`${user}:${secret}`).toString('base64')}`,
  }
}

export async function connectThroughParent(parent: Parent, host: string, port: number, timeoutMs: number, via: Via): Promise<net.Socket> {
  const socket = await connectOne(parent.host, parent.port, timeoutMs)
  const target = formatHostPort(host, port)
  const credentials = parent.authorization === null ? '' : `Proxy-Authorization: ${parent.authorization}\r\n`
  socket.write(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\nVia: ${via.entry('1.1')}\r\n${credentials}\r\n`)
  const head = await readHead(socket, timeoutMs)
  const status = /^HTTP\/1\.[01] ([0-9]{3})/.exec(head)?.[1]
  if (status?.startsWith('2') === true) return socket
  socket.destroy()
  throw new RefusedError('upstream.parent', `the parent proxy answered ${status ?? 'no HTTP'} to CONNECT ${target}`)
}

function readHead(socket: net.Socket, timeoutMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = []
    let length = 0
    const finish = (error: RefusedError | null, head = ''): void => {
      clearTimeout(timer)
      socket.removeListener('data', onData)
      socket.removeListener('error', onEnd)
      socket.removeListener('close', onEnd)
      socket.pause()
      if (error === null) resolve(head)
      else {
        socket.destroy()
        reject(error)
      }
    }
    const onEnd = (): void => finish(new RefusedError('upstream.parent', 'the parent proxy closed the connection'))
    const onData = (chunk: Buffer): void => {
      parts.push(chunk)
      length += chunk.length
      const all = Buffer.concat(parts)
      const end = all.indexOf('\r\n\r\n')
      if (end !== -1) {
        finish(null, all.subarray(0, end).toString('latin1'))
        if (end + 4 < all.length) socket.unshift(all.subarray(end + 4))
      } else if (length > MAX_HEAD) finish(new RefusedError('upstream.parent', 'the parent proxy sent too long an answer'))
    }
    const timer = setTimeout(() => finish(new RefusedError('upstream.timeout', 'the parent proxy did not answer in time')), timeoutMs)
    socket.on('data', onData)
    socket.once('error', onEnd)
    socket.once('close', onEnd)
  })
}
