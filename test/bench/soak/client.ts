/** One client of a soak: where it comes from, whose it is, and requests that write themselves into the ledger. */
import { createHash } from 'node:crypto'
import { request } from 'node:https'
import { setTimeout as sleep } from 'node:timers/promises'
import { opaqueToken } from '../../origin/accounts.ts'
import { TunnelAgent } from './dial.ts'
import type { Way } from './dial.ts'
import type { Asked, Expected, Ledger } from './ledger.ts'
import { Random } from './random.ts'

export interface Body {
  readonly bytes: Buffer
  /** Left out: its length is told. */
  readonly chunked?: boolean
  /** Sent in so many pieces, with a pause between them. */
  readonly pieces?: number
  readonly pauseMs?: number
  /** Closes the connection when this many bytes have been handed over. */
  readonly leaveAfter?: number
}

export interface Call {
  readonly act: string
  readonly expected: Expected
  readonly host: string
  readonly path: string
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Body
  /** The id, where what is sent names it too. */
  readonly id?: string
  /** Bytes a second at which the answer is read; left out: as fast as it comes. */
  readonly readRate?: number
  /** Whether the answer is what it had to be; by default that is a status of 2xx. */
  readonly isRight?: (answer: Answer) => boolean
}

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  /** Its beginning, up to 64 KiB. */
  readonly text: string
  readonly bytes: number
  readonly sha256: string
}

const ANSWER_MS = 90_000
const KEPT_TEXT = 64 << 10
const READ_TICK_MS = 100

/** What all files are cut from: random bytes, so that no two places hold the same. */
export const FILLING = fill(9 << 20)

export class Client {
  readonly name: string
  readonly way: Way
  readonly random: Random
  readonly ledger: Ledger
  #agent: TunnelAgent
  #count = 0
  #tokens = 0

  constructor(name: string, way: Way, seed: number, ledger: Ledger) {
    this.name = name
    this.way = way
    this.random = new Random(seed)
    this.ledger = ledger
    this.#agent = new TunnelAgent(way)
  }

  /** An id, which is the User-Agent of its request; rules know what it begins with. */
  nextId(prefix = ''): string {
    return `${prefix}soak-${this.name}-${++this.#count}`
  }

  /** A token of the account at Dropbox that nobody else has, and that nothing has told about yet. */
  newToken(account: 'contoso' | 'fabrikam'): string {
    // The stand-in takes digits only: the client's number, and a count.
    return opaqueToken(account, 'dropbox', Number(this.name.replace(/\D/g, '')) * 100_000 + ++this.#tokens)
  }

  /** Some bytes of a file, and their digest. */
  file(size: number): { bytes: Buffer; sha256: string } {
    const at = this.random.between(0, FILLING.length - size)
    const bytes = FILLING.subarray(at, at + size)
    return { bytes, sha256: digest(bytes) }
  }

  /** Leaves all its connections. */
  leave(): void {
    this.#agent.destroy()
    this.#agent = new TunnelAgent(this.way)
  }

  close(): void {
    this.#agent.destroy()
  }

  pause(ms: number): Promise<void> {
    return sleep(ms)
  }

  /**
   * Sends one request and writes down what came of it. Resolves with null where there was no answer. What has a body that
   * is not repeated, and an answer that had to come, are asked once: nothing here retries.
   */
  async ask(call: Call): Promise<Answer | null> {
    const id = call.id ?? this.nextId()
    const sent = await this.#send(call, id)
    const { answer } = sent
    const isRight = call.isRight ?? (({ status }: Answer) => status >= 200 && status < 300)
    const entry: Asked = {
      is: 'asked', id, act: call.act, protocol: 'http/1.1', expected: call.expected, up: sent.up, down: sent.down,
      status: sent.status, whole: answer !== null && (call.expected === 'either' || isRight(answer)),
      ...sent.error !== undefined && { error: sent.error },
    }
    this.ledger.note(entry)
    return answer
  }

  #send(call: Call, id: string): Promise<Sent> {
    const { host, path, method = call.body === undefined ? 'GET' : 'POST', body } = call
    const length: Readonly<Record<string, string>> = body === undefined ? {}
      : body.chunked === true ? { 'transfer-encoding': 'chunked' } : { 'content-length': String(body.bytes.length) }
    return new Promise(resolve => {
      let up = 0
      let down = 0
      let status: number | null = null
      let isOver = false
      const finish = (answer: Answer | null, error?: Error): void => {
        if (isOver) return
        isOver = true
        clearTimeout(timer)
        resolve({ up, down, status, answer, ...error !== undefined && { error: error.message } })
      }
      const asked = request({ host, path, method, agent: this.#agent, headers: { host, 'user-agent': id, ...length, ...call.headers } })
      const timer = setTimeout(() => asked.destroy(new Error('no answer in time')), ANSWER_MS)
      asked.once('close', () => finish(null, new Error('closed without an answer')))
      asked.on('error', (error: Error) => {
        // A refusal may overtake the body: what fails is the rest of it.
        if (status === null) finish(null, error)
      })
      asked.once('response', response => {
        status = response.statusCode ?? 0
        const hash = createHash('sha256')
        let text = ''
        response.on('data', (chunk: Buffer) => {
          down += chunk.length
          hash.update(chunk)
          if (text.length < KEPT_TEXT) text += chunk.toString('utf8')
          if (call.readRate !== undefined) {
            response.pause()
            setTimeout(() => response.resume(), Math.min(chunk.length / call.readRate * 1000, 5_000))
          }
        })
        response.once('end', () => finish({
          status: status ?? 0, headers: response.headers, text, bytes: down, sha256: hash.digest('hex'),
        }))
        response.once('error', (error: Error) => finish(null, error))
      })
      const isAnswered = (): boolean => status !== null || isOver
      this.#write(asked, body, isAnswered, bytes => { up += bytes }).catch((error: unknown) => {
        if (status === null) finish(null, error instanceof Error ? error : new Error(String(error)))
      })
    })
  }

  async #write(asked: ReturnType<typeof request>, body: Body | undefined, isAnswered: () => boolean, took: (bytes: number) => void): Promise<void> {
    if (body === undefined) {
      asked.end()
      return
    }
    const { bytes, pieces = 1, pauseMs = 0, leaveAfter = Infinity } = body
    const most = Math.min(Math.ceil(bytes.length / pieces), 64 << 10)
    for (let at = 0; at < bytes.length && !isAnswered(); at += most) {
      const piece = bytes.subarray(at, at + most)
      took(piece.length)
      if (!asked.write(piece)) await drained(asked)
      if (at + piece.length >= leaveAfter) {
        asked.destroy(new Error('left as meant'))
        return
      }
      if (pauseMs > 0) await sleep(pauseMs)
    }
    if (!isAnswered()) asked.end()
    // What is left of a refused body is owed by nobody.
    else if (!asked.writableEnded) setTimeout(() => asked.destroy(), READ_TICK_MS * 10)
  }
}

interface Sent {
  readonly up: number
  readonly down: number
  readonly status: number | null
  readonly answer: Answer | null
  readonly error?: string
}

export function digest(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}

function drained(stream: NodeJS.EventEmitter): Promise<void> {
  return new Promise(resolve => {
    const done = (): void => {
      for (const event of ['drain', 'close', 'error', 'response']) stream.off(event, done)
      resolve()
    }
    for (const event of ['drain', 'close', 'error', 'response']) stream.on(event, done)
  })
}

function fill(size: number): Buffer {
  const random = new Random(size)
  const bytes = Buffer.alloc(size)
  for (let at = 0; at + 4 <= size; at += 4) bytes.writeUInt32LE(Math.floor(random.next() * 2 ** 32), at)
  return bytes
}
