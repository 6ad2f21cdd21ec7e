import type { Readable, Writable } from 'node:stream'
import type { Behaviour, Behaviours } from './behaviour.ts'
import { isKept, readContent } from './content.ts'
import type { Content, ContentWriter } from './content.ts'
import { corsHeaders } from './cors.ts'
import { parseObject } from './json.ts'
import type { JsonObject } from './json.ts'
import type { RequestRecord } from './record.ts'

/** What the bodies of HTTP/1.1 and HTTP/2 requests have in common. */
export type Incoming = Readable & {
  readonly aborted: boolean
  readonly complete: boolean
}

export type Reply = Writable & {
  statusCode: number
  readonly headersSent: boolean
  setHeader(name: string, value: string): unknown
}

/** The client, or the behaviour in force, broke the request off. */
export class BrokenOff extends Error {
  override readonly name = 'BrokenOff'
}

const JSON_LIMIT = 8 << 20
const WRITE_PIECE = 64 << 10

/** One request and its answer: reads and writes at the pace of the behaviour in force, and counts. */
export class Exchange {
  readonly record: RequestRecord
  readonly query: URLSearchParams
  readonly #incoming: Incoming
  readonly #reply: Reply
  readonly #behaviours: Behaviours
  readonly #resetConnection: () => void
  #behaviour: Behaviour
  #bodyTaken = false
  #drained: Promise<void> | undefined

  constructor(incoming: Incoming, reply: Reply, record: RequestRecord, behaviours: Behaviours, reset: () => void) {
    this.record = record
    this.query = new URLSearchParams(record.query)
    this.#incoming = incoming
    this.#reply = reply
    this.#behaviours = behaviours
    this.#resetConnection = reset
    this.#behaviour = this.#lookUp()
    const again = (): void => { this.#behaviour = this.#lookUp() }
    behaviours.on('change', again)
    reply.once('close', () => behaviours.off('change', again))
  }

  get behaviour(): Behaviour {
    return this.#behaviour
  }

  header(name: string): string | undefined {
    return this.record.headers[name]
  }

  /** The body, once. It is pulled: what is not asked for stays in the socket. Throws `BrokenOff` when it is cut. */
  async * body(): AsyncGenerator<Buffer> {
    this.#bodyTaken = true
    const started = Date.now()
    await this.#pass(0, started, 'readBytesPerSecond')
    try {
      for await (const chunk of this.#incoming) {
        const bytes: Buffer = chunk
        this.record.bodyBytes += bytes.length
        yield bytes
        await this.#pass(this.record.bodyBytes, started, 'readBytesPerSecond')
      }
    } catch (error) {
      throw error instanceof BrokenOff ? error : new BrokenOff('the request broke off', { cause: error })
    }
    // An HTTP/2 stream that is reset ends like a finished one; only `aborted` tells.
    if (this.#incoming.aborted || !this.#incoming.complete) throw new BrokenOff('the request broke off')
    this.record.complete = true
  }

  async readBytes(): Promise<Buffer> {
    const chunks: Buffer[] = []
    let size = 0
    for await (const chunk of this.body()) {
      size += chunk.length
      if (size <= JSON_LIMIT) chunks.push(chunk)
    }
    if (size > JSON_LIMIT) throw new RangeError(`the body has ${size} bytes, more than the ${JSON_LIMIT} that are read at once`)
    return Buffer.concat(chunks)
  }

  async readJson(): Promise<JsonObject> {
    return parseObject((await this.readBytes()).toString('utf8'))
  }

  /** Takes `source` (the body, or a part of it) into a content. What a broken request brought is forgotten. */
  async receive(writer: ContentWriter, source: AsyncIterable<Buffer> = this.body()): Promise<void> {
    writer.mark()
    try {
      for await (const chunk of source) await writer.write(chunk)
    } catch (error) {
      await writer.rewind()
      throw error
    }
  }

  /** Reads, counts and forgets what is left of the body. Rejects with `BrokenOff` when it is cut. */
  drain(): Promise<void> {
    this.#drained ??= this.#bodyTaken ? Promise.resolve() : this.#readAway()
    return this.#drained
  }

  async #readAway(): Promise<void> {
    for await (const chunk of this.body()) void chunk
  }

  /** Answers with JSON; `null` is sent as the word. */
  async json(status: number, value: unknown, headers: Readonly<Record<string, string>> = {}): Promise<void> {
    await this.send(status, { 'content-type': 'application/json', ...headers }, JSON.stringify(value))
  }

  async empty(status: number, headers: Readonly<Record<string, string>> = {}): Promise<void> {
    await this.send(status, headers, '')
  }

  async send(status: number, headers: Readonly<Record<string, string>>, body: string): Promise<void> {
    const bytes = Buffer.from(body)
    const length: Readonly<Record<string, string>> = status === 204 ? {} : { 'content-length': String(bytes.length) }
    await this.stream(status, { ...length, ...headers }, bytes.length === 0 ? [] : [bytes])
  }

  /** Answers a download, the whole or the one range that was asked for. */
  async sendContent(content: Content, headers: Readonly<Record<string, string>>, asked = this.header('range')): Promise<void> {
    if (!isKept(content)) {
      await this.send(410, { 'content-type': 'text/plain' }, 'the stand-in kept only size and hash of this file\n')
      return
    }
    const range = /^bytes=(\d+)-(\d*)$/.exec(asked ?? '')
    const start = Number(range?.[1] ?? 0)
    const end = Math.min(range?.[2] ? Number(range[2]) : content.size - 1, content.size - 1)
    const partial: Readonly<Record<string, string>> =
      range === null ? {} : { 'content-range': `bytes ${start}-${end}/${content.size}` }
    if (range !== null && start > end) {
      await this.empty(416, { 'content-range': `bytes */${content.size}` })
      return
    }
    await this.stream(
      range === null ? 200 : 206,
      { 'content-type': 'application/octet-stream', 'content-length': String(end - start + 1), ...partial, ...headers },
      this.record.method === 'HEAD' ? [] : readContent(content, start, end),
    )
  }

  /** Answers with what `source` yields, at the reader's pace and at that of the behaviour. */
  async stream(
    status: number,
    headers: Readonly<Record<string, string>>,
    source: Iterable<Buffer> | AsyncIterable<Buffer>,
  ): Promise<void> {
    // A body still unread must be taken before the answer ends, or the server throws it away uncounted.
    const drained = this.drain()
    drained.catch(() => undefined) // awaited below; a rejection until then is not unhandled
    this.record.status = status
    this.#reply.statusCode = status
    for (const [name, value] of Object.entries({ ...headers, ...corsHeaders(this.record) })) this.#reply.setHeader(name, value)
    const started = Date.now()
    let sent = 0
    if (this.record.method !== 'HEAD') {
      for await (const chunk of source) {
        for (let at = 0; at < chunk.length; at += WRITE_PIECE) {
          const piece = chunk.subarray(at, at + WRITE_PIECE)
          await this.#write(piece)
          sent += piece.length
          await this.#pass(sent, started, 'writeBytesPerSecond')
        }
      }
    }
    if (this.#reply.destroyed) throw new BrokenOff('the client is gone')
    await new Promise<void>(resolve => {
      this.#reply.once('close', resolve)
      this.#reply.end(resolve)
    })
    await drained
  }

  /** Waits, reading and writing nothing; ends early when the behaviour changes or the client goes. */
  async pause(milliseconds: number): Promise<void> {
    if (this.#reply.destroyed) throw new BrokenOff('the client is gone')
    await new Promise<void>(resolve => {
      const done = (): void => {
        clearTimeout(timer)
        this.#behaviours.off('change', done)
        this.#reply.off('close', done)
        resolve()
      }
      const timer = setTimeout(done, Math.min(milliseconds, 2 ** 31 - 1))
      this.#behaviours.once('change', done)
      this.#reply.once('close', done)
    })
    if (this.#reply.destroyed) throw new BrokenOff('the client is gone')
  }

  async #write(piece: Buffer): Promise<void> {
    if (this.#reply.destroyed) throw new BrokenOff('the client is gone')
    if (this.#reply.write(piece)) return
    await new Promise<void>(resolve => {
      const done = (): void => {
        this.#reply.off('drain', done)
        this.#reply.off('close', done)
        resolve()
      }
      this.#reply.once('drain', done)
      this.#reply.once('close', done)
    })
  }

  /** Applies the behaviour after `count` bytes of a body: reset, stall, or wait until the pace allows more. */
  async #pass(
    count: number,
    started: number,
    pace: 'readBytesPerSecond' | 'writeBytesPerSecond',
  ): Promise<void> {
    const { resetAfterBytes } = this.#behaviour
    if (resetAfterBytes !== undefined && count >= resetAfterBytes) {
      this.#resetConnection()
      throw new BrokenOff('reset as told')
    }
    for (;;) {
      const { stallAfterBytes, [pace]: rate } = this.#behaviour
      const stalls = stallAfterBytes !== undefined && count >= stallAfterBytes
      const due = rate === undefined || rate === 0 ? 0 : started + count / rate * 1000 - Date.now()
      if (!stalls && due <= 0) return
      await this.pause(stalls ? Infinity : due)
    }
  }

  #lookUp(): Behaviour {
    const { host, path, query } = this.record
    return this.#behaviours.for(host, query === '' ? path : `${path}?${query}`)
  }
}
