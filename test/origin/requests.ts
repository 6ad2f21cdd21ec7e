/** Plain requests straight to the stand-in, for its own tests. */
import { request as httpsRequest } from 'node:https'
import type { Agent } from 'node:https'
import type { Origin } from './origin.ts'

export interface Asked {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Buffer
  /** To keep the connection; default: one of its own. */
  readonly agent?: Agent
}

export interface Answered {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
}

/** Sends one HTTP/1.1 request to the host of `url` at the stand-in, and reads the whole answer. */
export function ask(origin: Origin, url: string, options: Asked = {}): Promise<Answered> {
  const { host, pathname, search } = new URL(url)
  return new Promise((resolve, reject) => {
    const request = httpsRequest({
      host: '127.0.0.1', port: origin.port, servername: host, ca: origin.ca, agent: options.agent ?? false,
      method: options.method ?? 'GET', path: pathname + search, headers: { host, ...options.headers },
    }, response => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.once('error', reject)
      response.once('end', () => resolve({
        status: response.statusCode ?? 0, headers: response.headers, text: Buffer.concat(chunks).toString('utf8'),
      }))
    })
    request.once('error', reject)
    request.end(options.body)
  })
}
