/** Recorded requests of real clients, as the text that is fuzzed: one of each kind. */
import { rcloneRecordings, recordings } from '../policy/providers/recording.ts'
import { writeRequest } from './http-text.ts'

/** Names that other requests have in their place: they would make every request another kind. */
const VARIABLE = /[0-9a-f]{6,}|[0-9]+|%[0-9A-F]{2}/g
const MOST_BODY = 1500

export function requestTexts(): Buffer[] {
  const kinds = new Map<string, Buffer>()
  const add = (kind: string, make: () => Buffer): void => {
    if (!kinds.has(kind)) kinds.set(kind, make())
  }
  for (const { head, fields, body, label } of recordings()) {
    const { method, host, path, query } = head
    const target = query === '' ? path : `${path}?${query}`
    add(`${method} ${host} ${label.class} ${path.replace(VARIABLE, '')}`, () => {
      const length = head.contentLength === null ? ['transfer-encoding', 'chunked'] as const : ['content-length', String(head.contentLength)] as const
      const others = fields.filter(([name]) => !['host', 'content-length', 'transfer-encoding', 'connection', 'accept-encoding', 'user-agent'].includes(name))
      return writeRequest(method, target, [['host', host], length, ...others], body.subarray(0, MOST_BODY))
    })
  }
  for (const { head, told } of rcloneRecordings()) {
    const { method, host, path, query, contentLength, headers } = head
    const fields = ['content-type', 'content-range', 'x-ms-blob-type', 'destination', 'oc-total-length', 'x-goog-upload-command']
      .flatMap((name): [string, string][] => { const value = headers.get(name); return value === undefined ? [] : [[name, value]] })
    add(`${method} ${host} ${told('is')}`, () => writeRequest(method, query === '' ? path : `${path}?${query}`, [
      ['host', host], contentLength === null ? ['transfer-encoding', 'chunked'] : ['content-length', String(contentLength)], ...fields,
    ], Buffer.alloc(0)))
  }
  return [...kinds.values()]
}
