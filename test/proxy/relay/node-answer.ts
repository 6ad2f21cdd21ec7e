/** An answer as Node's own client reads it, for comparison. */
import http from 'node:http'
import { Duplex } from 'node:stream'

/** One answer, and how its reader leaves the connection. */
export interface ReadAnswer {
  readonly status: number
  readonly httpVersion: string
  readonly rawHeaders: readonly string[]
  readonly body: string
  /** By its framing, the end of the connection included. */
  readonly isWhole: boolean
  readonly keepsAlive: boolean
}

/** `bytes`: all that an origin says before it closes. `refused`: to Node it is no answer, or one of another protocol. */
export function readByNode(bytes: Buffer, method: string): Promise<ReadAnswer | 'refused'> {
  let isAnswered = false
  const connection = new Duplex({
    read() {},
    write(_chunk, _encoding, done) {
      done()
      if (isAnswered) return
      isAnswered = true
      this.push(bytes)
      this.push(null)
    },
  })
  return new Promise((resolve) => {
    const request = http.request({ method, headers: { Host: 'a.example', Connection: 'keep-alive', 'Content-Length': '0' }, createConnection: () => connection })
    request.maxHeadersCount = 0
    let begun = false
    // What is wrong behind an answer that is complete is no fault of it.
    request.on('error', () => { if (!begun) resolve('refused') })
    request.on('upgrade', () => {
      connection.destroy()
      resolve('refused')
    })
    request.on('response', (answer) => {
      begun = true
      const parts: Buffer[] = []
      answer.on('data', (piece: Buffer) => parts.push(piece))
      answer.on('error', () => undefined) // it is not complete
      answer.on('close', () => {
        resolve({
          status: answer.statusCode ?? 0, httpVersion: answer.httpVersion, rawHeaders: answer.rawHeaders, body: Buffer.concat(parts).toString('latin1'),
          isWhole: answer.complete, keepsAlive: request.shouldKeepAlive,
        })
      })
    })
    request.end()
  })
}
