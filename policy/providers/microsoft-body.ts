import { formParts, furtherFiles } from './form-data.ts'
import { isObject, member, readJson, textMember } from './json.ts'
import { boundaryOf, firstPart } from './multipart.ts'
import { names } from './names.ts'
import type { Recognition, RequestHead } from './provider.ts'
import { recognition, unexplained, unexplainedLimit } from './reading.ts'
import { byteCount, exactly, UNKNOWN } from './size.ts'
import { baseName, safeText } from './text.ts'

const ATTACHMENT = /\/attachments\/(?:microsoft\.graph\.)?createuploadsession$/i

/**
 * `createUploadSession` may tell size and name (Graph reference: `item.fileSize`; clients also write `item.size`),
 * multipart children, a posted form and a deferred commit the name only.
 */
export function refineSession(head: RequestHead, first: Recognition, body: Buffer, complete: boolean): Recognition {
  const boundary = boundaryOf(head.headers.get('content-type'))
  const text = boundary !== undefined ? firstPart(body, boundary) : complete ? body.toString('utf8') : undefined
  const value = text === undefined ? undefined : readJson(text)
  // An attachment of a mail has `AttachmentItem` (Graph reference, "attachment: createUploadSession").
  const attachment = ATTACHMENT.test(head.path) ? member(value, 'AttachmentItem') : undefined
  const item = attachment ?? member(value, 'item') ?? value
  const declared = byteCount(member(item, 'fileSize')) ?? byteCount(member(item, 'size'))
  const parts = boundary === undefined ? [] : formParts(body, boundary)
  const posted = parts.find(part => part.fileName !== undefined)?.fileName
  const further = furtherFiles(parts)
  const fileName = first.operation.fileName ?? baseName(posted ?? '') ?? safeText(textMember(item, 'name') ?? '')
  const size = first.operation.step === 'start' && declared !== undefined ? exactly(declared) : first.operation.size
  return recognition({ ...first.operation, size, ...names([fileName, ...further.names], further.isMore), reasons: first.reasons })
}

/** `POST …/children`: a folder or an empty file, unless an address to fetch from is named. */
export function refineChildren(head: RequestHead, first: Recognition, body: Buffer, complete: boolean): Recognition {
  const value = complete ? readJson(body.toString('utf8')) : undefined
  if (!isObject(value)) return unexplained(first, UNKNOWN, 'copy-in')
  const fileName = safeText(textMember(value, 'name') ?? '')
  // `@microsoft.graph.sourceUrl`, `@content.sourceUrl`
  const isFetched = Object.keys(value).some(key => key.toLowerCase().endsWith('sourceurl'))
  if (isFetched) return recognition({ ...first.operation, activity: 'upload', step: 'copy-in', size: UNKNOWN, fileName })
  const bytes = head.contentLength ?? body.length
  if (bytes > unexplainedLimit(head)) return unexplained(first, exactly(bytes))
  return recognition({ ...first.operation, fileName, reasons: first.reasons })
}
