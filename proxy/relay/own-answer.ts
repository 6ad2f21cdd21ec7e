import http from 'node:http'
import type { Answer } from '../refusal.ts'

/** An answer of Sluice's own as it goes over the wire. `isHead`: its body stays here. */
export function composeOwnAnswer({ status, headers, body }: Answer, isHead: boolean, close: boolean): Buffer {
  let head = `HTTP/1.1 ${status} ${http.STATUS_CODES[status] ?? ''}\r\nDate: ${new Date().toUTCString()}\r\n`
  for (let i = 0; i + 1 < headers.length; i += 2) head += `${headers[i] ?? ''}: ${headers[i + 1] ?? ''}\r\n`
  head += `Content-Length: ${body.length}\r\n${close ? 'Connection: close\r\n' : ''}\r\n`
  const bytes = Buffer.from(head, 'latin1')
  return isHead ? bytes : Buffer.concat([bytes, body])
}
