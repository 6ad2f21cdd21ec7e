import { HOSTS, remember } from '../memo.ts'
import type { Activity, Step } from '../operation.ts'
import { isReadable, mixedBatch, readBatch, unreadBatch } from './batch.ts'
import { findEndpoint, listed, row } from './endpoints.ts'
import { learnsUpload, learnUpload, listUploads, readUpload, refineUpload } from './google-upload.ts'
import { objectRows, readObjectRequest, refineForm } from './object-store.ts'
import type { Dialect } from './object-store.ts'
import type { Endpoint, HostPattern, ProviderModule, Recognition, RequestHead } from './provider.ts'
import { queryValue, queryValues } from './query.ts'
import { explain, isEncoded, PEEK_LIMIT, plainReading, recognition, sessionId } from './reading.ts'
import { bodySize, chunkSize, contentRange, UNKNOWN } from './size.ts'
import { strictest } from './spelling.ts'
import { baseName, safeText } from './text.ts'

/** Where the JSON API lives, also on hosts that other Google services share. */
const JSON_PATHS = ['/upload/storage/', '/resumable/upload/storage/', '/download/storage/', '/storage/v1/', '/batch/storage/']

/** What the certificate authority must be able to sign for. */
const domains: readonly string[] = [
  'storage.googleapis.com',           // buckets
  'storage.cloud.google.com',         // browser downloads
  'commondatastorage.googleapis.com', // older name
]

const hosts: readonly HostPattern[] = [
  { pattern: 'storage.googleapis.com', role: 'storage' },
  { pattern: '*.storage.googleapis.com', role: 'storage' },
  { pattern: 'storage.*.rep.googleapis.com', role: 'storage' },
  { pattern: 'commondatastorage.googleapis.com', role: 'storage' },
  { pattern: '*.commondatastorage.googleapis.com', role: 'storage' },
  { pattern: 'storage.cloud.google.com', role: 'storage' },
  { pattern: 'www.googleapis.com', role: 'storage', paths: JSON_PATHS },
  { pattern: 'content.googleapis.com', role: 'storage', paths: JSON_PATHS },
]

const WIRE = 'rclone, recorded'
const DOC = 'Cloud Storage JSON API reference'
const XML = 'Cloud Storage XML API reference'
const GRPC = 'googleapis, google/storage/v2/storage.proto'
const unproven = { unproven: true }
const OBJECT = '/storage/v1/b/{bucket}/o/{object}'

/** Only where no bucket stands before the host: there the path would be an object's. No bucket may be called so. */
function rpc(call: string, activity: Activity, step: Step = 'single'): Endpoint {
  return row('POST', `/google.storage.v2.Storage/${call}`, activity, step, GRPC, { hosts: ['storage.googleapis.com'], ...unproven })
}

/**
 * The JSON API. Everything below `/upload/` is read as Google's other uploads are (`google-upload.ts`): size from
 * `Content-Length`, `X-Upload-Content-Length` or `Content-Range`, name from `name` in the query or the first JSON.
 */
const endpoints: readonly Endpoint[] = [
  row('POST', `${OBJECT}/copyTo/b/{to}/o/{name}`, 'upload', 'copy-in', DOC, unproven),
  row('POST', `${OBJECT}/rewriteTo/b/{to}/o/{name}`, 'upload', 'copy-in', WIRE),
  row('POST', `${OBJECT}/compose`, 'change', 'single', DOC, unproven),
  row('POST PUT PATCH DELETE', `${OBJECT}/acl/**`, 'share', 'single', DOC, unproven),
  ...['acl', 'defaultObjectAcl', 'iam'].map(what =>
    row('POST PUT PATCH DELETE', `/storage/v1/b/{bucket}/${what}/**`, 'share', 'single', DOC, unproven)),
  row('POST', '/storage/v1/b/{bucket}/o/watch', 'other', 'single', DOC, unproven),
  row('PUT PATCH', OBJECT, 'change', 'single', DOC, unproven),
  row('POST PUT PATCH', '/storage/v1/b/**', 'change', 'single', DOC, unproven),
  row('DELETE', '/storage/v1/**', 'delete', 'single', WIRE),
  row('GET HEAD', '/download/storage/v1/b/{bucket}/o/{object}', 'download', 'single', WIRE),
  row('GET HEAD', '/storage/v1/**', 'list', 'single', WIRE),
  rpc('WriteObject', 'upload'),
  rpc('BidiWriteObject', 'upload'),
  rpc('StartResumableWrite', 'upload', 'start'),
  rpc('ReadObject', 'download'),
  rpc('BidiReadObject', 'download'),
  ...['ListObjects', 'ListBuckets', 'GetObject', 'GetBucket'].map(call => rpc(call, 'list')),
  row('POST PUT PATCH', '/batch/storage/v1', 'upload', 'batch', DOC, unproven),
  row('POST', '/batch', 'upload', 'batch', DOC, { hosts: ['storage.googleapis.com'], ...unproven }),
]

const JSON_PATH = /^\/(?:(?:(?:resumable\/)?upload|download|batch)\/storage|storage\/v1)\//i
const UPLOAD = /^\/(?:resumable\/)?upload\/storage\/v\d\/b\/([^/]{1,256})\/o(?:\/|$)/i
const BUCKET_HOST = /^(.+)\.(?:storage|commondatastorage)\.googleapis\.com$/

/** Empty where the path names it. */
const bucketBefore = remember(host => BUCKET_HOST.exec(host)?.[1] ?? '', HOSTS)

const dialect: Dialect = {
  provider: 'gcs', copySource: 'x-goog-copy-source', decodedLength: 'x-goog-decoded-content-length',
  bucketOf: host => bucketBefore(host) === '' ? undefined : bucketBefore(host),
  // No recorded client speaks it: rclone does so only under its S3 name.
  endpoints: objectRows(XML, XML).map(one => ({ ...one, unproven: true })),
}

function readHead(head: RequestHead, path: string): Recognition {
  const bucket = path.startsWith('/storage/') ? undefined : UPLOAD.exec(path)?.[1]
  // The protocol is one for all products; only the path tells them apart.
  const upload = bucket === undefined ? undefined : readUpload(head, '/upload')
  if (upload !== undefined) return explain(head, own(upload, bucket, queryValue(head.query, 'name')))
  const found = findEndpoint(endpoints, head, path)
  if (found !== undefined) return readCall(head, path, found)
  return JSON_PATH.test(path)
    ? explain(head, plain(head, 'other', 'single')) : readXml(head, path)
}

/** An upload by another name: the same protocol, but a bucket of this provider. */
function own(read: Recognition, bucket: string | undefined, name: string | undefined): Recognition {
  const { operation, peek, reasons } = read
  return recognition({
    ...operation, provider: 'gcs', fileName: baseName(name ?? operation.fileName ?? ''),
    tenantHint: safeText(bucket ?? '', 256)?.toLowerCase(), peek, reasons,
  })
}

function plain(head: RequestHead, activity: Activity, step: Step, bucket?: string): Recognition {
  return plainReading(head, 'gcs', activity, step, safeText(bucket ?? '', 256)?.toLowerCase())
}

function readCall(head: RequestHead, path: string, found: Endpoint): Recognition {
  if (found.step === 'batch') {
    const peek = isEncoded(head) || head.contentLength === 0 ? 0 : PEEK_LIMIT
    return { ...unreadBatch(head, plain(head, 'upload', 'batch')), peek }
  }
  const bucket = bucketIn(path)
  if (found.step === 'copy-in') {
    const { to, name } = found.path.exec(path)?.groups ?? {}
    // Within a bucket a copy moves nothing anywhere; from another bucket it brings content in.
    if (to?.toLowerCase() === bucket?.toLowerCase()) return explain(head, plain(head, 'change', 'single', bucket))
    return own(recognition({ provider: 'gcs', activity: 'upload', step: 'copy-in', size: UNKNOWN }), to, decodeName(name))
  }
  const isMedia = found.activity === 'list' && queryValues(head.query, 'alt').includes('media')
  return explain(head, plain(head, isMedia ? 'download' : found.activity, found.step, bucket))
}

/** What follows `/b/` in a path of the JSON API. */
function bucketIn(path: string): string | undefined {
  // The parts between slashes are few, and a copy in lower case costs more than to look at each.
  let slash = path.indexOf('/')
  while (slash >= 0 && ((path.charCodeAt(slash + 1) | 0x20) !== 0x62 || path.charCodeAt(slash + 2) !== 0x2f)) {
    slash = path.indexOf('/', slash + 1)
  }
  if (slash < 0) return undefined
  const start = slash + '/b/'.length
  const end = path.indexOf('/', start)
  return path.slice(start, end < 0 ? undefined : end)
}

function decodeName(name: string | undefined): string | undefined {
  return name?.replace(/%2f/gi, '/')
}

/** The XML API, with Google's own resumable uploads beside those of S3. */
function readXml(head: RequestHead, path: string): Recognition {
  if (head.host === 'storage.cloud.google.com' && head.method === 'GET') return explain(head, plain(head, 'download', 'single'))
  const first = readObjectRequest(dialect, head, path)
  const session = sessionId(queryValue(head.query, 'upload_id'))
  const isStart = head.method === 'POST' && head.headers.get('x-goog-resumable')?.toLowerCase() === 'start'
  if (session === undefined && !isStart) return first
  const base = { ...first.operation, activity: 'upload', session, fileName: baseName(path) } as const
  if (isStart) return recognition({ ...base, step: 'start', size: UNKNOWN })
  if (head.method === 'DELETE') return explain(head, recognition({ ...base, activity: 'other', step: 'cancel', size: UNKNOWN }))
  const range = contentRange(head.headers.get('content-range'))
  if (head.method !== 'PUT') return first
  if (head.contentLength === 0 && range !== undefined && range.first === null) {
    return recognition({ ...base, activity: 'other', step: 'status', size: UNKNOWN })
  }
  const size = range === undefined ? bodySize(head.contentLength) : chunkSize(range, head.contentLength)
  return recognition({ ...base, step: 'chunk', size, offset: range?.first ?? 0 })
}

function refineOne(head: RequestHead, path: string, body: Buffer, complete: boolean): Recognition {
  const first = readHead(head, path)
  if (first.peek === 0) return first
  if (first.operation.step === 'batch') {
    const entries = isReadable(head, complete) ? mixedBatch(head, body) : undefined
    return readBatch(head, { ...first, peek: 0 }, entries, inner => strictest(inner, readHead))
  }
  if (!UPLOAD.test(path)) return refineForm(head, first, body)
  const read = refineUpload(head, first, body, complete)
  return own(read, first.operation.tenantHint, queryValue(head.query, 'name'))
}

/** Google Cloud Storage. The bucket is the place written to. */
export const gcs: ProviderModule = {
  id: 'gcs',
  account: 'gcp',
  providers: ['gcs'],
  hosts,
  domains,
  endpoints: [
    ...listUploads('/upload/storage/v1/b/{bucket}/o', WIRE, ['?uploadType=media']),
    ...listed(endpoints),
    ...listed(dialect.endpoints),
  ],
  providerOf: () => 'gcs',
  keepsCodings: true,
  recognise: head => strictest(head, readHead),
  refine: (head, _first, body, complete) => strictest(head, (one, path) => refineOne(one, path, body, complete)),
  learns: learnsUpload,
  learn: learnUpload,
}
