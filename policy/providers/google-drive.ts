import type { Activity, Step } from '../operation.ts'
import { isReadable, mixedBatch, readBatch, unreadBatch } from './batch.ts'
import { listed } from './endpoints.ts'
import { googleIdentifies, googleIdentity } from './google-identity.ts'
import { googlePlace } from './google-place.ts'
import { learnsUpload, learnUpload, listUploads, readUpload, refineUpload } from './google-upload.ts'
import { member, readJson, textMember } from './json.ts'
import { explainMetadata } from './metadata.ts'
import type { BodyStart } from './metadata.ts'
import type { Endpoint, HostPattern, ProviderModule, Recognition, RequestHead } from './provider.ts'
import { queryValues } from './query.ts'
import { explain, findEndpoint, isEncoded, PEEK_LIMIT, plainReading } from './reading.ts'
import { strictest } from './spelling.ts'
import { safeText } from './text.ts'

/** What the certificate authority must be able to sign for. */
const domains: readonly string[] = [
  'www.googleapis.com',           // Drive API and upload
  'content.googleapis.com',       // API for pages in a frame
  'drive.googleapis.com',         // API under the name of the service
  'docs.googleapis.com',          // Docs API: text goes in
  'sheets.googleapis.com',        // Sheets API: text goes in
  'slides.googleapis.com',        // Slides API: text goes in
  'rep.googleapis.com',           // regional API names
  'oauth2.googleapis.com',        // tokens
  'drive.google.com',             // web page
  'docs.google.com',              // editors, picker, import, downloads
  'sheets.google.com',            // editor
  'slides.google.com',            // editor
  'clients6.google.com',          // upload of the web page
  'drive.usercontent.google.com', // downloads
  'accounts.google.com',          // sign-in
  'googleusercontent.com',        // downloads
]

const hosts: readonly HostPattern[] = [
  { pattern: 'www.googleapis.com', role: 'storage' },
  { pattern: 'content.googleapis.com', role: 'storage' },
  { pattern: 'drive.googleapis.com', role: 'storage' },
  { pattern: 'drive.google.com', role: 'storage' },
  { pattern: 'docs.google.com', role: 'storage' },
  { pattern: 'sheets.google.com', role: 'storage' },
  { pattern: 'slides.google.com', role: 'storage' },
  { pattern: 'docs.googleapis.com', role: 'storage' },
  { pattern: 'sheets.googleapis.com', role: 'storage' },
  { pattern: 'slides.googleapis.com', role: 'storage' },
  // Regions have their own names.
  { pattern: 'drive.*.rep.googleapis.com', role: 'storage' },
  { pattern: 'clients6.google.com', role: 'storage' },
  { pattern: 'drive.usercontent.google.com', role: 'storage' },
  { pattern: 'doc-*-docs.googleusercontent.com', role: 'storage' },
  { pattern: 'oauth2.googleapis.com', role: 'sign-in' },
  { pattern: 'accounts.google.com', role: 'sign-in' },
]

/** Google answers for all of its names at one edge, and much of Google Cloud's customers' there too. */
const fronts: readonly string[] = [
  'google.com', '*.google.com', '*.googleapis.com', '*.googleusercontent.com', '*.gstatic.com', 'youtube.com', '*.youtube.com',
  '*.ytimg.com', '*.ggpht.com', '*.withgoogle.com', '*.appspot.com', '*.blogger.com', '*.blogspot.com',
]

const SIGN_IN: ReadonlySet<string> = new Set(hosts.filter(({ role }) => role === 'sign-in').map(({ pattern }) => pattern))

const READ = ['GET', 'HEAD']
const WRITE = ['POST', 'PUT', 'PATCH']
const WIRE = 'rclone and googleapis package, recorded'
const DOC = 'Drive API reference'
const EDITORS = 'Docs, Sheets and Slides API reference'
const PAGE = 'web editors, not verified on the wire'
const LINKS = 'third-party code, may be stale'
/** Lists of metadata that may be long. `contentHints` (a picture, a text) and `properties` are none of them. */
const LISTS: ReadonlySet<string> = new Set(['labelModifications'])

/**
 * `v2internal` is the version that the web page speaks. Everything below `/upload/` and `/resumable/upload/` is an
 * upload, read by `google-upload.ts`: size from `Content-Length`, `X-Upload-Content-Length` or `Content-Range`,
 * name from the JSON that comes first in the body.
 */
const endpoints: readonly Endpoint[] = [
  row(WRITE, /^\/(?:upload\/drive\/v[0-9a-z]+\/)?batch(?:\/drive)?(?:\/v[0-9a-z]+)?$/i, 'upload', 'batch', DOC),
  row(READ, /^\/drive\/v[0-9a-z]+\/files\/[^/]+\/export$/i, 'download', 'single', WIRE),
  row(['GET', 'POST'], /^\/drive\/v[0-9a-z]+\/files\/[^/]+\/download$/i, 'download', 'single', DOC),
  row(READ, /^\/(?:u\/\d+\/)?(?:uc|download|open\/download)$/i, 'download', 'single', LINKS),
  row(READ, /^\/(?:a\/[^/]+\/)?(?:document|spreadsheets|presentation|drawings)\/(?:u\/\d+\/)?d\/[^/]+\/export(?:\/|$)/i, 'download', 'single',
    'public links', ['docs.google.com']),
  row(WRITE, /^\/drive\/v[0-9a-z]+\/files\/[^/]+\/permissions(?:\/|$)/i, 'share', 'single', WIRE),
  row(['DELETE'], /^\/drive\/v[0-9a-z]+\/files\/[^/]+\/permissions\//i, 'share', 'single', DOC),
  row(['POST'], /^\/drive\/v[0-9a-z]+\/files\/[^/]+\/accessproposals\//i, 'share', 'single', DOC),
  row(['DELETE'], /^\/drive\/v[0-9a-z]+\//i, 'delete', 'single', WIRE),
  row(['POST'], /^\/drive\/v[0-9a-z]+\/files\/[^/]+\/trash$/i, 'delete', 'single', DOC),
  row(['POST'], /^\/drive\/v[0-9a-z]+\/(?:files\/[^/]+\/watch|changes\/watch|channels\/stop)$/i, 'other', 'single', DOC),
  row(WRITE, /^\/drive\/v[0-9a-z]+\/(?:files|drives|teamdrives)(?:\/|$)/i, 'change', 'single', WIRE),
  row(READ, /^\/drive\/v[0-9a-z]+(?:\/|$)/i, 'list', 'single', WIRE),
  row(['POST'], /^\/(?:a\/[^/]+\/)?(?:document|spreadsheets|presentation|drawings|forms)\/(?:u\/\d+\/)?d\/[^/]+\/save$/i, 'edit', 'single', PAGE),
  row(['POST'], /^\/(?:a\/[^/]+\/)?forms\/(?:u\/\d+\/)?d\/(?:e\/)?[^/]+\/formresponse$/i, 'edit', 'single', PAGE),
  row(['POST'], /^\/v\d+\/(?:documents|presentations|spreadsheets)\/[^/]+:batchupdate$/i, 'edit', 'single', EDITORS),
  row(['POST'], /^\/v\d+\/spreadsheets\/[^/]+\/values:batchget/i, 'list', 'single', EDITORS),
  row(['POST'], /^\/v\d+\/spreadsheets\/[^/]+\/developermetadata:search$/i, 'list', 'single', EDITORS),
  row(['POST'], /^\/v\d+\/spreadsheets\/[^/]+:getbydatafilter$/i, 'list', 'single', EDITORS),
  // A new document may be sent with all that is in it.
  row(['POST'], /^\/v\d+\/(?:documents|presentations|spreadsheets)$/i, 'edit', 'single', EDITORS),
  row(WRITE, /^\/v\d+\/spreadsheets\/[^/]+\/values(?:[:/]|$)/i, 'edit', 'single', EDITORS),
  row(['POST'], /^\/v\d+\/spreadsheets\/[^/]+\/sheets\/[^/]+:copyto$/i, 'change', 'single', EDITORS),
  row(READ, /^\/v\d+\/(?:documents|presentations|spreadsheets)\//i, 'list', 'single', EDITORS),
  row(['GET', 'POST'], /^\/(?:oauth2\/v\d+\/|o\/oauth2\/)?token(?:info)?$/i, 'token', 'single', WIRE),
  row(['GET', 'POST'], /^\/(?:o\/oauth2\/)?revoke$/i, 'token', 'single', DOC),
  row(READ, /^\/oauth2\/v\d+\/userinfo$/i, 'list', 'single', DOC),
]

function row(
  methods: readonly string[], path: RegExp, activity: Activity, step: Step, source: string, onlyHosts?: readonly string[],
): Endpoint {
  return { methods, path, activity, step, source, unproven: source !== WIRE, ...(onlyHosts === undefined ? {} : { hosts: onlyHosts }) }
}

function readHead(head: RequestHead, path: string, body?: BodyStart): Recognition {
  if (SIGN_IN.has(head.host)) return signIn(head, path)
  const found = findEndpoint(endpoints, head, path)
  if (found?.step === 'batch') {
    const first = plainReading(head, 'google-drive', 'upload', 'batch')
    return { ...unreadBatch(head, first), peek: peekFor(head) }
  }
  const upload = readUpload(head, path)
  if (upload !== undefined) return explain(head, upload)
  const activity = found === undefined ? unlisted(head) : returnsMedia(head, found) ? 'download' : found.activity
  const first = explainMetadata(head, plainReading(head, 'google-drive', activity, found?.step), LISTS, body)
  if (first.operation.activity !== 'change') return first
  return body === undefined ? { ...first, peek: peekFor(head) } : settleMetadata(first, path, body)
}

function unlisted(head: RequestHead): Activity {
  return READ.includes(head.method) && head.host.endsWith('.googleusercontent.com') ? 'download' : 'other'
}

/** `alt=media` makes a download of what is metadata otherwise. */
function returnsMedia({ query }: RequestHead, found: Endpoint): boolean {
  return found.activity === 'list' && queryValues(query, 'alt').includes('media')
}

/** Metadata can trash a file, and names it; a batch holds other requests. */
function peekFor(head: RequestHead): number {
  return isEncoded(head) || head.contentLength === 0 ? 0 : PEEK_LIMIT
}

function signIn(head: RequestHead, path: string): Recognition {
  const activity = findEndpoint(endpoints, head, path)?.activity === 'token' ? 'token' : 'login'
  return plainReading(head, 'google-drive', activity)
}

function refineOne(head: RequestHead, path: string, bytes: Buffer, complete: boolean): Recognition {
  const first = readHead(head, path)
  if (first.peek === 0) return first
  if (first.operation.step === 'batch') {
    const entries = isReadable(head, complete) ? mixedBatch(head, bytes) : undefined
    return readBatch(head, { ...first, peek: 0 }, entries, readInner)
  }
  return first.operation.activity === 'upload' && first.reasons.length === 0
    ? refineUpload(head, first, bytes, complete) : readHead(head, path, { bytes, complete })
}

/** A request within a batch. One that is a batch itself stays unread. */
function readInner(head: RequestHead, body: Buffer = NOTHING): Recognition {
  return strictest(head, (one, path) => {
    const first = readHead(one, path)
    return first.operation.step === 'batch' ? first : refineOne(one, path, body, true)
  })
}

const NOTHING = Buffer.alloc(0)

/** rclone deletes by `{"trashed": true}`; version 2 has it under `labels`. A published revision is open to the web. */
function settleMetadata(first: Recognition, path: string, body: BodyStart): Recognition {
  const value = body.complete ? readJson(body.bytes.toString('utf8')) : undefined
  const trashed = member(value, 'trashed') === true || member(member(value, 'labels'), 'trashed') === true
  const published = /\/revisions\//i.test(path) && member(value, 'published') === true
  const activity = published ? 'share' : trashed ? 'delete' : 'change'
  const fileName = safeText(textMember(value, 'name') ?? textMember(value, 'title') ?? '')
  return { ...first, peek: 0, operation: { ...first.operation, activity, ...(fileName === undefined ? {} : { fileName }) } }
}

/** Google Drive and the Docs editors: content goes below `/upload/`, all else of the same shape is metadata. */
export const googleDrive: ProviderModule = {
  id: 'google-drive',
  providers: ['google-drive'],
  account: 'google',
  hosts,
  domains,
  fronts,
  endpoints: [...listUploads('/upload/drive/v3/files', WIRE), ...listed(endpoints)],
  providerOf: () => 'google-drive',
  recognise: head => strictest(head, readHead),
  refine: (head, _first, body, complete) => strictest(head, (one, path) => refineOne(one, path, body, complete)),
  sessionsByHost: true,
  learns: learnsUpload,
  learn: learnUpload,
  placeOf: googlePlace,
  identifies: googleIdentifies,
  identify: googleIdentity,
}
