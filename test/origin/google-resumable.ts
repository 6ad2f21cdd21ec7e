import { randomUUID } from 'node:crypto'
import type { Content, ContentWriter } from './content.ts'
import type { Exchange } from './exchange.ts'
import { Refusal } from './refusal.ts'

/** "The size of each chunk must be a multiple of 256 KiB", save the last. */
const UNIT = 256 << 10

interface Upload<Target> {
  readonly target: Target
  readonly writer: ContentWriter
  /** Bytes, from `X-Upload-Content-Length`; null when it was not told. */
  readonly declared: number | null
  /** Once it is complete. */
  content: Content | null
}

/** What a request of a session did: it completed the upload, or it has been answered. */
export type Progress<Target> = { readonly target: Target; readonly content: Content; readonly again: boolean } | null

/**
 * Google's resumable uploads, as Drive and Cloud Storage have them:
 * https://developers.google.com/workspace/drive/api/guides/manage-uploads#resumable,
 * https://cloud.google.com/storage/docs/performing-resumable-uploads.
 */
export class ResumableUploads<Target> {
  #uploads = new Map<string, Upload<Target>>()

  /** Starts a session and returns its id. */
  start(exchange: Exchange, target: Target, writer: ContentWriter): string {
    const id = `FAKE_upload_${randomUUID().replaceAll('-', '')}`
    const declared = exchange.header('x-upload-content-length')
    this.#uploads.set(id, { target, writer, declared: declared === undefined ? null : Number(declared), content: null })
    return id
  }

  reset(): void {
    this.#uploads = new Map()
  }

  /** One request of a session, RFC 9110 Content-Range: a chunk, all of it, or a question how far it is. */
  async proceed(exchange: Exchange, id: string): Promise<Progress<Target>> {
    const upload = this.#uploads.get(id)
    if (upload === undefined) throw new Refusal(404, 'notFound', 'there is no such upload session')
    if (exchange.record.method === 'DELETE') {
      this.#uploads.delete(id)
      await upload.writer.discard()
      await exchange.empty(499)
      return null
    }
    if (upload.content !== null) return { target: upload.target, content: upload.content, again: true }
    const total = await this.#take(exchange, upload)
    const { writer, target } = upload
    if (total !== writer.size) {
      await incomplete(exchange, id, writer.size)
      return null
    }
    upload.content = await writer.finish()
    return { target, content: upload.content, again: false }
  }

  /** Takes the body in, as far as its range allows. Returns the size of the whole file, null while it is not known. */
  async #take(exchange: Exchange, { writer, declared }: Upload<Target>): Promise<number | null> {
    const header = exchange.header('content-range')
    if (header === undefined) {
      // Without a range the body is the whole file, whatever came before.
      if (writer.size > 0) throw new Refusal(400, 'badRequest', `the session has ${writer.size} bytes already; send Content-Range`)
      await exchange.receive(writer)
      agree(writer.size, declared)
      return writer.size
    }
    const parsed = /^bytes (?:(\d+)-(\d+|\*)|\*)\/(\d+|\*)$/.exec(header)
    if (parsed === null) throw new Refusal(400, 'badRequest', 'Content-Range is malformed')
    const total = parsed[3] === '*' ? null : Number(parsed[3])
    if (total !== null) agree(total, declared)
    if (parsed[1] === undefined) {
      await exchange.drain()
      return total
    }
    const [first, open] = [Number(parsed[1]), parsed[2] === '*']
    // `0-*`: the body is all that is left. Google's own libraries send it, with the total or without.
    const last = open ? Infinity : Number(parsed[2])
    if (!open && (last < first || total !== null && last >= total)) throw new Refusal(400, 'badRequest', 'Content-Range is malformed')
    if (first > writer.size) {
      throw new Refusal(400, 'badRequest', 'Invalid request. According to the Content-Range header, the upload offset is ' +
        `${first} byte(s), which exceeds already uploaded size of ${writer.size} byte(s).`)
    }
    // What was there before is skipped; of a chunk that is not the last, what is over the unit is not kept.
    const end = open || last + 1 === total ? Infinity : Math.floor((last + 1) / UNIT) * UNIT
    let at = first
    const kept = async function * (): AsyncGenerator<Buffer> {
      for await (const chunk of exchange.body()) {
        const from = Math.max(writer.size - at, 0)
        const to = Math.max(Math.min(end - at, chunk.length), 0)
        at += chunk.length
        if (from < to) yield chunk.subarray(from, to)
      }
      const wanted = open ? total ?? at : last + 1
      if (at !== wanted) throw new Refusal(400, 'badRequest', `Content-Range tells ${wanted - first} bytes, the body has ${at - first}`)
    }
    await exchange.receive(writer, kept())
    if (open && total === null) agree(writer.size, declared)
    return open ? writer.size : total
  }
}

function agree(total: number, declared: number | null): void {
  if (declared !== null && declared !== total) {
    throw new Refusal(400, 'badRequest', `X-Upload-Content-Length told ${declared} bytes, the upload has ${total}`)
  }
}

/** 308 with what is there; Go's clients ask for 200 and the status in a header, because 308 means a redirect to them. */
async function incomplete(exchange: Exchange, id: string, size: number): Promise<void> {
  const range: Readonly<Record<string, string>> = size === 0 ? {} : { range: `bytes=0-${size - 1}` }
  const quiet = exchange.header('x-guploader-no-308') === 'yes'
  await exchange.empty(quiet ? 200 : 308, {
    'x-guploader-uploadid': id, ...range, ...(quiet ? { 'x-http-status-code-override': '308' } : {}),
  })
}
