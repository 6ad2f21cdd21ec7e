/**
 * FrontPage server extensions: calls posted to `author.dll`, told by `method` in the first line of the body, behind which
 * a document follows. Source: MS-FPSE, §3.1.5.3 "Authoring Methods".
 */
import type { Activity } from '../operation.ts'
import { explainBrief } from './metadata.ts'
import type { BodyStart } from './metadata.ts'
import type { Recognition, RequestHead } from './provider.ts'
import { queryValue, queryValues } from './query.ts'
import { isEncoded, PEEK_LIMIT, recognition, unexplainedLimit } from './reading.ts'
import { exactly } from './size.ts'
import { baseName } from './text.ts'

export const AUTHORING = /\/_vti_bin\/_vti_a(?:ut|dm)\/author\.(?:dll|exe)$/i

const METHODS: ReadonlyMap<string, Activity> = new Map<string, Activity>([
  ['get document', 'download'], ['get documents', 'download'],
  ['getdocsmetainfo', 'list'], ['list documents', 'list'], ['list versions', 'list'],
  ['open service', 'other'], ['server version', 'other'], ['url to web url', 'other'],
  ['checkout document', 'change'], ['checkin document', 'change'], ['uncheckout document', 'change'],
  ['move document', 'change'], ['setdocsmetainfo', 'change'], ['create url-directory', 'change'], ['create url-directories', 'change'],
  ['remove documents', 'delete'],
])
const PUT = 'put document'
const NEWLINE = 0x0a

/** `first`: the call as an upload, which it stays unless its one method surely is none. */
export function readAuthoring(head: RequestHead, first: Recognition, body: BodyStart | undefined): Recognition {
  if (isEncoded(head) || head.contentLength === 0) return first
  if (body === undefined) return { ...first, peek: PEEK_LIMIT }
  const end = body.bytes.indexOf(NEWLINE)
  const line = body.bytes.toString('latin1', 0, end < 0 ? undefined : end).trim()
  // An address with a method of its own would be a second one.
  const methods = head.query === '' ? queryValues(line, 'method') : []
  const method = methods.length === 1 ? /^([a-z -]{1,64})(?::[\d.]{1,32})?$/i.exec(methods[0] ?? '')?.[1]?.trim().toLowerCase() : undefined
  const activity = METHODS.get(method ?? '')
  // A document is what follows the line, and nothing else has one.
  const isLine = body.complete && (end < 0 || end === body.bytes.length - 1)
  if (activity !== undefined && isLine) return explainBrief(head, recognition({ ...first.operation, activity }))
  const path = /\[document_name=([^;\]]{1,4096})/i.exec(queryValue(line, 'document') ?? '')?.[1]
  // Other calls that bring content count whole, and so does a line too long to be a call alone.
  const size = method === PUT && end >= 0 && end <= unexplainedLimit(head) && head.contentLength !== null
    ? exactly(Math.max(0, head.contentLength - end - 1)) : first.operation.size
  return recognition({ ...first.operation, size, fileName: path === undefined ? undefined : baseName(path) })
}
