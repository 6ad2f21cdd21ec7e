/** Buckets and objects as Amazon S3 addresses them; Google's XML API and many other services speak the same. */
import type { Provider, Size } from '../operation.ts'
import { findEndpoint, row } from './endpoints.ts'
import { formParts } from './form-data.ts'
import { boundaryOf } from './multipart.ts'
import type { Endpoint, Recognition, RequestHead } from './provider.ts'
import { queryValue, queryValues } from './query.ts'
import { explain, isEncoded, mediaType, partId, PEEK_LIMIT, plainReading, recognition, sessionId } from './reading.ts'
import { atLeast, bodySize, byteCount, exactly, UNKNOWN } from './size.ts'
import { baseName, percentDecode, safeText } from './text.ts'

/** What differs between the services. */
export interface Dialect {
  readonly provider: Provider
  /** The service's own headers: the object to copy, and the length of content within the framing of `aws-chunked`. */
  readonly copySource: string
  readonly decodedLength: string
  /** The bucket that a host names (`{bucket}.s3.amazonaws.com`); undefined where the path does. */
  readonly bucketOf: (host: string) => string | undefined
  readonly endpoints: readonly Endpoint[]
}

const OBJECT = '/{bucket}/{key}/**'
const BUCKET = '/{bucket}'
/** Settings that a `DELETE` takes from a bucket, which stays. */
const SETTINGS = [
  'lifecycle', 'cors', 'website', 'tagging', 'replication', 'encryption', 'inventory', 'analytics', 'metrics', 'intelligent-tiering',
]

/** The rows of a service; `proven` rows of a real client, `documented` ones of the reference alone. */
export function objectRows(proven: string, documented: string): readonly Endpoint[] {
  const unproven = true
  return [
    row('OPTIONS', '/**', 'other', 'single', documented, { unproven }),
    row('PUT', OBJECT, 'upload', 'chunk', proven, { query: ['uploadId'] }),
    row('POST', OBJECT, 'upload', 'start', proven, { query: ['uploads'] }),
    row('POST', OBJECT, 'upload', 'finish', proven, { query: ['uploadId'] }),
    row('DELETE', OBJECT, 'other', 'cancel', documented, { query: ['uploadId'], unproven }),
    row('GET HEAD', OBJECT, 'other', 'status', documented, { query: ['uploadId'], unproven }),
    row('POST', OBJECT, 'download', 'single', documented, { query: ['select'], unproven }),
    row('POST', OBJECT, 'change', 'single', documented, { query: ['restore'], unproven }),
    row('PUT', OBJECT, 'share', 'single', documented, { query: ['acl'], unproven }),
    ...['tagging', 'retention', 'legal-hold', 'renameObject', 'compose'].map(query =>
      row('PUT DELETE', OBJECT, 'change', 'single', documented, { query: [query], unproven })),
    ...['acl', 'tagging', 'retention', 'legal-hold', 'attributes'].map(query =>
      row('GET HEAD', OBJECT, 'list', 'single', documented, { query: [query], unproven })),
    row('PUT', OBJECT, 'upload', 'single', proven),
    row('GET', OBJECT, 'download', 'single', proven),
    row('HEAD', OBJECT, 'list', 'single', proven),
    row('DELETE', OBJECT, 'delete', 'single', proven),

    row('POST', BUCKET, 'delete', 'single', documented, { query: ['delete'], unproven }),
    // A form of a web page: fields first, the file last.
    row('POST', BUCKET, 'upload', 'single', documented, { unproven }),
    ...['policy', 'acl', 'publicAccessBlock', 'ownershipControls'].map(query =>
      row('PUT DELETE', BUCKET, 'share', 'single', documented, { query: [query], unproven })),
    row('GET', BUCKET, 'token', 'single', documented, { query: ['session'], unproven }),
    row('PUT', BUCKET, 'change', 'single', proven),
    ...SETTINGS.map(query => row('DELETE', BUCKET, 'change', 'single', documented, { query: [query], unproven })),
    row('DELETE', BUCKET, 'delete', 'single', documented, { unproven }),
    row('GET HEAD', BUCKET, 'list', 'single', proven),
    row('GET HEAD', '/', 'list', 'single', documented, { unproven }),
  ]
}

/** Bucket and key, as one path: `/bucket/key`, whichever of the two the host names. */
function placeOf(dialect: Dialect, head: RequestHead, path: string): { path: string; bucket: string | undefined } {
  const named = dialect.bucketOf(head.host)
  if (named !== undefined) return { path: path === '/' ? `/${named}` : `/${named}${path}`, bucket: named }
  const end = path.indexOf('/', 1)
  const bucket = path.slice(1, end < 0 ? undefined : end)
  return { path, bucket: bucket === '' ? undefined : bucket }
}

/** `matched`: the head's path, as `matchPath` gives it. */
export function readObjectRequest(dialect: Dialect, head: RequestHead, matched: string): Recognition {
  const { path, bucket } = placeOf(dialect, head, matched)
  const found = findEndpoint(dialect.endpoints, head, path)
  const tenantHint = safeText(bucket ?? '', 256)?.toLowerCase()
  const { activity = 'other', step = 'single' } = found ?? {}
  const session = sessionId(queryValue(head.query, 'uploadId'))
  if (activity !== 'upload' && session === undefined) return explain(head, plainReading(head, dialect.provider, activity, step, tenantHint))
  const base = { provider: dialect.provider, activity, step, tenantHint, session } as const
  if (activity !== 'upload') return explain(head, recognition({ ...base, size: bodySize(head.contentLength) }))
  if (head.method === 'POST' && step === 'single') return readForm(head, { ...base, activity })
  const source = head.headers.get(dialect.copySource)
  const fileName = baseName(path.slice(1 + (bucket ?? '').length))
  if (source !== undefined && (step === 'single' || step === 'chunk')) return readCopy(head, { ...base, activity }, source, fileName)
  if (step === 'single' && isFolder(dialect, head)) return recognition({ ...base, activity: 'change', size: bodySize(0) })
  const appended = step === 'single' ? byteCount(head.headers.get('x-amz-write-offset-bytes')) : undefined
  if (appended !== undefined) return readAppend(head, { ...base, activity, fileName }, appended, path)
  return recognition({
    ...base,
    size: sizeOf(dialect, head, step),
    part: step === 'chunk' ? partId(queryValues(head.query, 'partNumber')) : undefined,
    fileName,
    contentType: step === 'single' || step === 'start' ? mediaType(head.headers.get('content-type')) : undefined,
  })
}

type Base = Omit<Parameters<typeof recognition>[0], 'size'>

/** Within a bucket a copy moves nothing anywhere; from another bucket it brings content in. */
function readCopy(head: RequestHead, base: Base, source: string, fileName: string | undefined): Recognition {
  const from = percentDecode(source).replace(/^\/+/, '').split('/', 1)[0]?.toLowerCase()
  if (from !== base.tenantHint) return recognition({ ...base, step: 'copy-in', size: UNKNOWN, fileName })
  return explain(head, recognition({ ...base, activity: 'change', step: 'single', size: bodySize(head.contentLength) }))
}

/** An empty object whose key ends with a slash stands for a folder (AWS console, rclone's directory markers). */
function isFolder({ provider }: Dialect, head: RequestHead): boolean {
  // Other services of the same interface have copies under names of their own (`x-oss-copy-source`).
  return (provider === 's3' || provider === 'gcs') && head.method === 'PUT' && head.contentLength === 0 && head.path.endsWith('/')
    && head.headers.get('x-amz-copy-source') === undefined && head.headers.get('x-goog-copy-source') === undefined
}

/** S3 Express: more at the end of an object, which is its own session. */
function readAppend(head: RequestHead, base: Base, offset: number, path: string): Recognition {
  const session = path.length > 512 ? undefined : sessionId(path)
  return recognition({ ...base, step: 'chunk', offset, session, size: atLeast(offset + (head.contentLength ?? 0)) })
}

/** What else is posted to a bucket is no form, and stays unexplained. */
function readForm(head: RequestHead, base: Base): Recognition {
  if (boundaryOf(head.headers.get('content-type')) === undefined) {
    return explain(head, recognition({ ...base, activity: 'other', size: bodySize(head.contentLength) }))
  }
  return recognition({ ...base, size: bodySize(head.contentLength), peek: isEncoded(head) || head.contentLength === 0 ? 0 : PEEK_LIMIT })
}

/** A form's `key` may hold `${filename}`, which stands for the name that the browser sent with the file. */
export function refineForm(head: RequestHead, first: Recognition, body: Buffer): Recognition {
  const boundary = boundaryOf(head.headers.get('content-type'))
  const parts = boundary === undefined ? [] : formParts(body, boundary)
  const sent = parts.find(({ name }) => name === 'file')?.fileName ?? ''
  const key = parts.find(({ name }) => name === 'key')?.text?.replaceAll('${filename}', sent) ?? sent
  const { reasons, operation } = first
  return recognition({ ...operation, fileName: baseName(key), reasons })
}

/** Signed chunks add some 90 bytes for each 8 KiB or more (S3 user guide, "Signature calculations, chunked upload"). */
const MAX_FRAMING = 1 / 64

/** The length of a body's content: without the framing of `aws-chunked`, where its size is told beside it. */
function sizeOf({ decodedLength }: Dialect, head: RequestHead, step: string): Size {
  if (step === 'start' || step === 'finish') return UNKNOWN
  const length = head.contentLength
  const decoded = byteCount(head.headers.get(decodedLength))
  const isPlausible = decoded !== undefined && (length === null || (decoded <= length && length - decoded <= 1024 + length * MAX_FRAMING))
  const bytes = isPlausible ? decoded : length ?? 0
  return step === 'single' && length !== null ? exactly(bytes) : atLeast(bytes)
}
