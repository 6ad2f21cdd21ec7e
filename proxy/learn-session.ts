/** Reads in an origin's answer which upload session it opened, beside its way to the client: nothing waits for it. */
import type http from 'node:http'
import { promisify } from 'node:util'
import { brotliDecompress, gunzip, inflate } from 'node:zlib'
import type { ProviderModule, StartResponse } from '../policy/providers/provider.ts'
import type { Sessions } from '../policy/sessions.ts'
import type { Exchange } from './exchange.ts'
import { sessionKey } from './stages/session.ts'

/** Answers to a start are a few hundred bytes; of larger ones nothing is learned. Encoded and decoded alike. */
const MOST_BYTES = 64 * 1024
/** How long a request may wait for answers that are being decoded, in milliseconds; as long as for the store. */
const MOST_WAIT_MS = 250

type Decode = (bytes: Buffer, options: { maxOutputLength: number }) => Promise<Buffer>

const DECODERS: ReadonlyMap<string, Decode> = new Map<string, Decode>([
  ['gzip', promisify<Buffer, { maxOutputLength: number }, Buffer>(gunzip)],
  ['x-gzip', promisify<Buffer, { maxOutputLength: number }, Buffer>(gunzip)],
  ['deflate', promisify<Buffer, { maxOutputLength: number }, Buffer>(inflate)],
  ['br', promisify<Buffer, { maxOutputLength: number }, Buffer>(brotliDecompress)],
])

export class SessionLearner {
  private readonly sessions: Pick<Sessions, 'start' | 'end'>
  private readonly failed: (error: unknown) => void
  /** What is being decoded, by the provider whose session it may have opened. */
  private readonly decoding = new Map<ProviderModule, Set<Promise<void>>>()

  /** `failed`: a provider's reader threw, which none should. */
  constructor(sessions: Pick<Sessions, 'start' | 'end'>, failed: (error: unknown) => void) {
    this.sessions = sessions
    this.failed = failed
  }

  /**
   * Resolves when all answers of that provider that have ended are read, or true when that takes too long; null when
   * none is under way. Any of them may have opened any session of it: the id is in what is being decoded.
   */
  settled(module: ProviderModule | null): Promise<boolean> | null {
    const running = module === null ? undefined : this.decoding.get(module)
    if (running === undefined) return null
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<boolean>((resolve) => { timer = setTimeout(() => resolve(true), MOST_WAIT_MS) })
    return Promise.race([Promise.all(running).then(() => false), late]).finally(() => clearTimeout(timer))
  }

  /** Call it as the answer begins to be relayed, in the same turn. */
  observe(exchange: Exchange, origin: http.IncomingMessage): void {
    const operation = exchange.judgement?.recognition?.operation
    const status = origin.statusCode ?? 0
    if (operation === undefined || exchange.websocket || status < 200 || status > 299) return
    const key = sessionKey(exchange.judgement?.module ?? null, operation, exchange.head?.host ?? '')
    // 202 and the like: the provider has not made up its mind.
    const isOver = operation.step === 'finish' || operation.step === 'cancel'
    if (key !== null && isOver && (status <= 201 || status === 204)) this.sessions.end(key)
    const where = exchange.judgement?.module?.learns?.(operation) ?? null
    if (where === null || exchange.request.method === 'HEAD') return
    if (where === 'headers') this.learn(exchange, origin, null)
    else this.collect(exchange, origin)
  }

  private collect(exchange: Exchange, origin: http.IncomingMessage): void {
    const encoding = origin.headers['content-encoding']?.trim().toLowerCase() ?? 'identity'
    const decode = DECODERS.get(encoding)
    if (decode === undefined && encoding !== 'identity' && encoding !== '') return
    if (Number(origin.headers['content-length'] ?? 0) > MOST_BYTES) return
    const parts: Buffer[] = []
    let size = 0
    const take = (chunk: Buffer): void => {
      size += chunk.length
      if (size <= MOST_BYTES) parts.push(chunk)
      else {
        parts.length = 0
        origin.removeListener('data', take)
      }
    }
    origin.on('data', take)
    origin.once('end', () => {
      if (size === 0 || size > MOST_BYTES || !origin.complete) return
      const bytes = Buffer.concat(parts, size)
      if (decode === undefined) this.learn(exchange, origin, bytes)
      else this.decodeThenLearn(exchange, origin, decode, bytes)
    })
  }

  private decodeThenLearn(exchange: Exchange, origin: http.IncomingMessage, decode: Decode, bytes: Buffer): void {
    // What does not decode, or to more than is read, tells nothing: the client will see for itself.
    const decoded = decode(bytes, { maxOutputLength: MOST_BYTES }).then((body) => this.learn(exchange, origin, body), () => undefined)
    const module = exchange.judgement?.module
    if (module == null) return
    const running = this.decoding.get(module) ?? new Set()
    this.decoding.set(module, running)
    const tracked = decoded.finally(() => {
      running.delete(tracked)
      if (running.size === 0) this.decoding.delete(module)
    })
    running.add(tracked)
  }

  private learn(exchange: Exchange, origin: http.IncomingMessage, body: Buffer | null): void {
    const { judgement, head, meter } = exchange
    const operation = judgement?.recognition?.operation
    const learn = judgement?.module?.learn
    if (operation === undefined || learn === undefined || head === null) return
    const response: StartResponse = { status: origin.statusCode ?? 0, header: (name) => headerOf(origin, name), body }
    try {
      const learned = learn(head, operation, response)
      if (learned === undefined) return
      const { provider = operation.provider, session, host = head.host } = learned
      const key = sessionKey(judgement?.module ?? null, { provider, session }, host)
      const size = learned.size ?? (operation.size.is === 'exact' ? operation.size.bytes : undefined)
      const { fileName, contentType } = operation
      const { id = null, trust } = judgement?.attribution ?? {}
      const credential = judgement?.gathered?.question.credentialDigest
      if (key === null) return
      this.sessions.start(key, {
        bytes: learned.carries === true ? meter?.forwarded ?? 0 : 0,
        ...(size === undefined ? {} : { size }),
        ...(fileName === undefined ? {} : { fileName }),
        ...(contentType === undefined ? {} : { contentType }),
        ...(id === null ? {} : { tenantId: id }),
        ...(trust === undefined ? {} : { tenantIs: trust }),
        ...(credential === undefined ? {} : { credential }),
      })
    } catch (error) {
      this.failed(error)
    }
  }
}

function headerOf(origin: http.IncomingMessage, name: string): string | undefined {
  const value = origin.headers[name]
  return Array.isArray(value) ? value.join(', ') : value
}
