/** Reads the beginning of an origin's answer beside its way to the client: nothing waits for it. */
import type http from 'node:http'
import { promisify } from 'node:util'
import { brotliDecompress, gunzip, inflate, zstdDecompress } from 'node:zlib'
import type { ProviderModule, StartResponse } from '../policy/providers/provider.ts'

/** What is learned from is a few hundred bytes, a listing some thousand; larger answers are not read. Encoded and decoded alike. */
export const MOST_BYTES = 64 * 1024
/** How long a request may wait for answers that are being decoded, in milliseconds; as long as for the store. */
const MOST_WAIT_MS = 250

type Decode = (bytes: Buffer, options: { maxOutputLength: number }) => Promise<Buffer>

const DECODERS: ReadonlyMap<string, Decode> = new Map<string, Decode>([
  ['gzip', promisify<Buffer, { maxOutputLength: number }, Buffer>(gunzip)],
  ['x-gzip', promisify<Buffer, { maxOutputLength: number }, Buffer>(gunzip)],
  ['deflate', promisify<Buffer, { maxOutputLength: number }, Buffer>(inflate)],
  ['br', promisify<Buffer, { maxOutputLength: number }, Buffer>(brotliDecompress)],
  ['zstd', promisify<Buffer, { maxOutputLength: number }, Buffer>(zstdDecompress)],
])

/** An origin's answer, as it is read beside its way to the client. */
export interface OriginAnswer {
  readonly status: number
  /** `name`: lower case; repeated fields are joined. */
  header(name: string): string | undefined
  /**
   * Calls `take` with each piece of the content until it answers false, and `end` once the answer has ended; `isWhole`: it was
   * not broken off. Call it as the answer begins to be relayed, in the same turn.
   */
  tap(take: (piece: Buffer) => boolean, end: (isWhole: boolean) => void): void
}

export class AnswerReader {
  /** What is being decoded, by the provider whose answer it is. */
  readonly #decoding = new Map<ProviderModule, Set<Promise<void>>>()

  /**
   * Resolves when all answers of that provider that have ended are read, or true when that takes too long; null when
   * none is under way. Any of them may tell of the session, credential or place that is asked for.
   */
  settled(module: ProviderModule | null): Promise<boolean> | null {
    const running = module === null ? undefined : this.#decoding.get(module)
    if (running === undefined) return null
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<boolean>((resolve) => { timer = setTimeout(() => resolve(true), MOST_WAIT_MS) })
    return Promise.race([Promise.all(running).then(() => false), late]).finally(() => clearTimeout(timer))
  }

  /**
   * Calls `done` with the whole body, decoded, once it has ended; never for one that is too large, broken off or in a
   * coding that is not read. Call it as the answer begins to be relayed, in the same turn.
   */
  read(module: ProviderModule, origin: OriginAnswer, done: (body: Buffer) => void | Promise<void>): void {
    const encoding = origin.header('content-encoding')?.trim().toLowerCase() ?? 'identity'
    const decode = DECODERS.get(encoding)
    if (decode === undefined && encoding !== 'identity' && encoding !== '') return
    if (Number(origin.header('content-length') ?? 0) > MOST_BYTES) return
    const parts: Buffer[] = []
    let size = 0
    const take = (piece: Buffer): boolean => {
      size += piece.length
      if (size <= MOST_BYTES) parts.push(piece)
      else parts.length = 0
      return size <= MOST_BYTES
    }
    origin.tap(take, (isWhole) => {
      if (size === 0 || size > MOST_BYTES || !isWhole) return
      const bytes = Buffer.concat(parts, size)
      // What does not decode, or to more than is read, tells nothing: the client will see for itself.
      const read = decode === undefined ? done(bytes) : decode(bytes, { maxOutputLength: MOST_BYTES }).then(done, () => undefined)
      if (read instanceof Promise) this.#track(module, read)
    })
  }

  #track(module: ProviderModule, read: Promise<void>): void {
    const running = this.#decoding.get(module) ?? new Set()
    this.#decoding.set(module, running)
    const tracked = read.finally(() => {
      running.delete(tracked)
      if (running.size === 0) this.#decoding.delete(module)
    })
    running.add(tracked)
  }
}

/** An answer as the providers' readers take it. */
export function asResponse(origin: Pick<OriginAnswer, 'status' | 'header'>, body: Buffer | null): StartResponse {
  return { status: origin.status, header: (name) => origin.header(name), body }
}

/** An answer that Node's client has read. */
export function asAnswer(origin: http.IncomingMessage): OriginAnswer {
  return {
    status: origin.statusCode ?? 0,
    header: (name) => headerOf(origin, name),
    tap(take, end) {
      const data = (piece: Buffer): void => {
        if (!take(piece)) origin.removeListener('data', data)
      }
      origin.on('data', data)
      origin.once('end', () => end(origin.complete))
    },
  }
}

function headerOf(origin: http.IncomingMessage, name: string): string | undefined {
  const value = origin.headers[name]
  return Array.isArray(value) ? value.join(', ') : value
}
