import { createHash } from 'node:crypto'
import { Refusal } from './refusal.ts'

/** One file of a bulk upload. */
export interface BulkFile {
  /** Below the user's files. */
  readonly path: string
  /** Seconds since 1970. */
  readonly mtime: string | null
  readonly bytes: Buffer
}

const BLANK_LINE = '\r\n\r\n'

/**
 * Reads the files of a bulk upload (https://docs.nextcloud.com/server/latest/developer_manual/client_apis/WebDAV/bulkupload.html):
 * a `multipart/related` body, each part with `X-File-Path`, `X-File-MD5` and `Content-Length`.
 */
export function readBulk(contentType: string, body: Buffer): readonly BulkFile[] {
  const boundary = /^multipart\/related;.*boundary="?([^";]+)"?/i.exec(contentType)?.[1]
  if (boundary === undefined) throw new Refusal(415, 'UnsupportedMediaType', 'Content-Type must be multipart/related')
  const files: BulkFile[] = []
  const opening = Buffer.from(`--${boundary}\r\n`)
  for (let at = body.indexOf(opening); at >= 0;) {
    const from = at + opening.length
    const end = body.indexOf(BLANK_LINE, from)
    if (end < 0) throw new Refusal(400, 'BadRequest', 'a part has no end of its headers')
    const headers = new Headers(body.toString('latin1', from, end).split('\r\n').map((line): [string, string] => {
      const colon = line.indexOf(':')
      return [line.slice(0, colon), line.slice(colon + 1).trim()]
    }))
    const start = end + BLANK_LINE.length
    const bytes = body.subarray(start, start + Number(headers.get('content-length')))
    const path = Buffer.from(headers.get('x-file-path') ?? '', 'latin1').toString('utf8')
    if (path === '') throw new Refusal(400, 'BadRequest', 'a part has no X-File-Path')
    if (headers.get('x-file-md5') !== createHash('md5').update(bytes).digest('hex')) {
      throw new Refusal(400, 'BadRequest', 'Computed md5 hash is incorrect.')
    }
    files.push({ path, mtime: headers.get('x-oc-mtime'), bytes })
    at = body.indexOf(opening, start + bytes.length)
  }
  return files
}
