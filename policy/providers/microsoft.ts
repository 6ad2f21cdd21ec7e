import type { Activity, Step } from '../operation.ts'
import { isReadable, jsonBatch, mixedBatch, readBatch, unreadBatch } from './batch.ts'
import { domainsOf } from './domains.ts'
import { readItemPath } from './item-path.ts'
import type { ItemPath } from './item-path.ts'
import { refineChildren, refineSession } from './microsoft-body.ts'
import { GRAPH_HOSTS, isSharePoint, placeOfGraphPath, placeOfHost } from './microsoft-place.ts'
import type { Place } from './microsoft-place.ts'
import { plain, readPage } from './microsoft-page.ts'
import { boundaryOf } from './multipart.ts'
import type { HostPattern, ProviderModule, Recognition, RequestHead } from './provider.ts'
import { queryValue } from './query.ts'
import { explain, isEncoded, mediaType, PEEK_LIMIT, recognition, sessionId, strictestMethod, unexplained } from './reading.ts'
import type { Reading } from './reading.ts'
import { atLeast, bodySize, chunkSize, contentRange, UNKNOWN } from './size.ts'
import { matchPath } from './text.ts'

const hosts: readonly HostPattern[] = [
  ...[...GRAPH_HOSTS].map(pattern => ({ pattern, role: 'storage' } as const)),
  // Business: OneDrive is `{tenant}-my`, everything else a site.
  { pattern: '*.sharepoint.com', role: 'storage' },
  { pattern: '*.sharepoint.us', role: 'storage' },
  { pattern: '*.sharepoint-mil.us', role: 'storage' },
  { pattern: '*.sharepoint.cn', role: 'storage' },
  { pattern: '*.sharepoint-df.com', role: 'storage' },
  // Consumer.
  { pattern: 'api.onedrive.com', role: 'storage' },
  { pattern: 'my.microsoftpersonalcontent.com', role: 'storage' },
  { pattern: '*.up.1drv.com', role: 'storage' },
  { pattern: '*.files.1drv.com', role: 'storage' },
  { pattern: 'onedrive.live.com', role: 'storage' },
  { pattern: 'd.docs.live.net', role: 'storage' },
  { pattern: 'storage.live.com', role: 'storage' },
  // Exact names: `device.login.microsoftonline.com` works with client certificates and must not be opened.
  { pattern: 'login.microsoftonline.com', role: 'sign-in' },
  { pattern: 'login.microsoftonline.us', role: 'sign-in' },
  { pattern: 'login.partner.microsoftonline.cn', role: 'sign-in' },
  { pattern: 'login.microsoft.com', role: 'sign-in' },
  { pattern: 'login.windows.net', role: 'sign-in' },
  { pattern: 'login.live.com', role: 'sign-in' },
]

const SIGN_IN: ReadonlySet<string> = new Set(hosts.filter(({ role }) => role === 'sign-in').map(({ pattern }) => pattern))

/** One action on a drive item: what it is for a method. `source`: where that comes from. */
interface Action {
  readonly methods: string
  readonly action: string
  readonly activity: Activity
  readonly step: Step
  readonly source: string
}

const WIRE = 'rclone and Graph SDK, recorded'
const DOC = 'Microsoft Graph reference, driveItem'
const API2 = 'OneDrive API reference'

/**
 * By the last segment of an item's address; the first row wins, `*` is any action. Size: `Content-Length`,
 * `Content-Range` in sessions, `item.fileSize` in a session's start. Name: the address, else JSON `name`.
 */
const actions: readonly Action[] = [
  { methods: 'PUT POST PATCH', action: 'content', activity: 'upload', step: 'single', source: WIRE },
  { methods: 'PUT POST PATCH', action: 'contentstream', activity: 'upload', step: 'single', source: 'Graph beta' },
  { methods: 'PUT PATCH', action: '$value', activity: 'upload', step: 'single', source: 'SharePoint REST reference' },
  { methods: 'POST PUT', action: 'createuploadsession', activity: 'upload', step: 'start', source: WIRE },
  { methods: 'POST PUT', action: 'createsession', activity: 'upload', step: 'start', source: API2 },
  { methods: 'PUT PATCH', action: 'uploadsession', activity: 'upload', step: 'chunk', source: WIRE },
  { methods: 'POST', action: 'uploadsession', activity: 'upload', step: 'finish', source: DOC },
  { methods: 'GET HEAD', action: 'uploadsession', activity: 'other', step: 'status', source: WIRE },
  { methods: 'DELETE', action: 'uploadsession', activity: 'other', step: 'cancel', source: WIRE },
  { methods: 'POST', action: '$batch', activity: 'upload', step: 'batch', source: WIRE },
  { methods: 'POST', action: 'children', activity: 'change', step: 'single', source: WIRE },
  { methods: 'POST', action: 'createlink', activity: 'share', step: 'single', source: WIRE },
  { methods: 'POST', action: 'invite', activity: 'share', step: 'single', source: DOC },
  { methods: 'POST PATCH DELETE', action: 'permissions', activity: 'share', step: 'single', source: DOC },
  { methods: 'POST', action: 'grant', activity: 'share', step: 'single', source: DOC },
  { methods: 'POST', action: 'permanentdelete', activity: 'delete', step: 'single', source: DOC },
  { methods: 'POST', action: 'subscriptions', activity: 'other', step: 'single', source: DOC },
  { methods: 'POST', action: 'delta', activity: 'list', step: 'single', source: DOC },
  { methods: 'POST', action: 'search', activity: 'list', step: 'single', source: DOC },
  { methods: 'GET HEAD', action: 'content', activity: 'download', step: 'single', source: WIRE },
  { methods: 'GET HEAD', action: 'contentstream', activity: 'download', step: 'single', source: WIRE },
  { methods: 'GET HEAD', action: '$value', activity: 'download', step: 'single', source: 'SharePoint REST reference' },
  { methods: 'DELETE', action: '*', activity: 'delete', step: 'single', source: WIRE },
  { methods: 'POST PATCH MERGE', action: '*', activity: 'change', step: 'single', source: WIRE },
  // `@microsoft.graph.sourceUrl` commits a session whose commit was deferred.
  { methods: 'PUT', action: '', activity: 'upload', step: 'finish', source: DOC },
  { methods: 'GET HEAD', action: '*', activity: 'list', step: 'single', source: WIRE },
]

const byMethod: ReadonlyMap<string, readonly Action[]> = Map.groupBy(
  actions.flatMap(row => row.methods.split(' ').map(method => ({ ...row, methods: method }))), row => row.methods,
)

function readHead(head: RequestHead): Recognition {
  const path = matchPath(head.path)
  if (SIGN_IN.has(head.host)) return signIn(head, path)
  if (head.method === 'OPTIONS') return explain(head, plain(head, placeOfHost(head.host), 'other'))
  if (GRAPH_HOSTS.has(head.host)) {
    const resource = path.replace(/^\/(?:v\d+\.\d+|beta)(?=\/|$)/i, '')
    return readItem(head, resource, placeOfGraphPath(resource))
  }
  const place = placeOfHost(head.host)
  if (isBatch(head)) return readBatchHead(head, place)
  if (/\/_api\/v2\.\d\//i.test(path)) return readItem(head, path, place)
  if (isSharePoint(head.host)) return readPage(head, path, place)
  if (/^\/r?up\//i.test(path)) return readUploadUrl(head, path, place)
  return head.host === 'api.onedrive.com' ? readItem(head, path, place) : readPage(head, path, place)
}

function readItem(head: RequestHead, path: string, place: Place): Recognition {
  const item = readItemPath(path)
  const row = byMethod.get(head.method)?.find(({ action }) => action === '*' || action === item.action)
  // Graph is more than drives: only what takes content is an upload there, and reading is reading.
  if (row === undefined || !(item.inDrive || row.activity === 'list' || isContent(item.action))) {
    return GRAPH_HOSTS.has(head.host) ? explain(head, plain(head, place, 'other')) : readPage(head, path, place)
  }
  if (row.step === 'batch') return readBatchHead(head, place)
  if (row.activity !== 'upload') {
    if (item.action === 'children' && row.activity === 'change') return readChildren(head, place)
    const session = row.action === 'uploadsession' ? sessionOf(head, path) : undefined
    const { activity, step } = row
    return explain(head, recognition({ ...place, activity, step, size: bodySize(head.contentLength), session }))
  }
  return readUpload(head, path, place, item, row.step)
}

function isContent(action: string): boolean {
  return action === '$batch' || action === '$value' || action === 'createuploadsession' || action === 'content'
}

function readUpload(head: RequestHead, path: string, place: Place, item: ItemPath, step: Step): Recognition {
  const base: Reading = { ...place, activity: 'upload', step, size: bodySize(head.contentLength), fileName: item.fileName }
  // The web page opens sessions by a POST to the name that takes the chunks later.
  const isUploadUrl = item.action === 'uploadsession'
  const opens = step === 'start' || (step === 'finish' && isUploadUrl && sessionOf(head, path) === undefined)
  if (opens) return recognition({ ...base, step: 'start', size: UNKNOWN, peek: peekFor(head) })
  if (isUploadUrl) return chunk(head, { ...base, session: sessionOf(head, path) })
  if (step === 'finish') return recognition({ ...base, size: atLeast(head.contentLength ?? 0), peek: peekFor(head) })
  return recognition({ ...base, contentType: mediaType(head.headers.get('content-type')) })
}

/** A chunk goes to an address that carries its own key, without a bearer token. */
function chunk(head: RequestHead, base: Reading): Recognition {
  const range = contentRange(head.headers.get('content-range'))
  const size = base.step === 'finish' ? atLeast(head.contentLength ?? 0) : chunkSize(range, head.contentLength)
  return recognition({ ...base, size, offset: range?.first ?? undefined })
}

/** `?guid='…'` on SharePoint and the consumer host. */
function sessionOf(head: RequestHead, path: string): string | undefined {
  const guid = queryValue(head.query, 'guid')?.replaceAll("'", '')
  return sessionId(guid === undefined || guid === '' ? /\/uploadsession\(([^)]{1,128})\)$/i.exec(path.slice(-160))?.[1] : guid)
}

/** Consumer upload addresses: `*.up.1drv.com/up/{key}`, `api.onedrive.com/rup/{key}/…` (Graph reference, uploadSession). */
function readUploadUrl(head: RequestHead, path: string, place: Place): Recognition {
  const session = sessionId(/^\/r?up\/([^/]{1,512})/i.exec(path)?.[1])
  if (head.method === 'GET' || head.method === 'HEAD' || head.method === 'DELETE') {
    const step = head.method === 'DELETE' ? 'cancel' : 'status'
    return explain(head, recognition({ ...place, activity: 'other', step, size: bodySize(head.contentLength), session }))
  }
  const step = head.method === 'POST' ? 'finish' : 'chunk'
  return chunk(head, { ...place, activity: 'upload', step, size: UNKNOWN, session })
}

/** Creating a child makes a folder, or has the service fetch an address; with a multipart body it brings content. */
function readChildren(head: RequestHead, place: Place): Recognition {
  const isMultipart = boundaryOf(head.headers.get('content-type')) !== undefined
  if (isMultipart) return { ...plain(head, place, 'upload'), peek: peekFor(head) }
  const first = plain(head, place, 'change')
  if (isEncoded(head)) return unexplained(first, UNKNOWN, 'copy-in')
  return explain(head, { ...first, peek: peekFor(head) })
}

const NOTHING = Buffer.alloc(0)

/** `/$batch` of Graph (JSON), `/_api/$batch` of SharePoint (multipart): what it holds is in the body. */
function readBatchHead(head: RequestHead, place: Place): Recognition {
  return { ...unreadBatch(head, plain(head, place, 'other')), peek: peekFor(head) }
}

function isBatch(head: RequestHead): boolean {
  return head.method === 'POST' && /\/\$batch$/i.test(matchPath(head.path))
}

function peekFor(head: RequestHead): number {
  return head.contentLength === 0 || isEncoded(head) ? 0 : PEEK_LIMIT
}

function signIn(head: RequestHead, path: string): Recognition {
  const activity = /\/(?:token|oauth20_token\.srf|gettokens?)$/i.test(path) ? 'token' : 'login'
  return recognition({ provider: 'onedrive', activity, step: 'single', size: bodySize(head.contentLength) })
}

function refineOne(head: RequestHead, body: Buffer, complete: boolean): Recognition {
  const first = readHead(head)
  if (first.peek === 0) return first
  const { activity, step } = first.operation
  if (step === 'batch') {
    const isMixed = boundaryOf(head.headers.get('content-type')) !== undefined
    const version = /^\/(?:v\d+\.\d+|beta)(?=\/)/i.exec(matchPath(head.path))?.[0] ?? ''
    const entries = isReadable(head, complete) ? isMixed ? mixedBatch(head, body) : jsonBatch(head, body, version) : undefined
    return readBatch(head, { ...first, peek: 0 }, entries, readInner)
  }
  return activity === 'upload' ? refineSession(head, first, body, complete) : refineChildren(head, first, body, complete)
}

/** A request within a batch; a body that is not at hand is one that cannot be read. */
function readInner(head: RequestHead, body: Buffer | undefined): Recognition {
  return strictestMethod(head, one => isBatch(one) ? readHead(one) : refineOne(one, body ?? NOTHING, body !== undefined))
}

/** OneDrive (consumer and business), SharePoint and Graph: they share hosts, so one module reads them all. */
export const microsoft: ProviderModule = {
  id: 'microsoft',
  account: 'microsoft',
  hosts,
  domains: [...domainsOf('onedrive'), ...domainsOf('sharepoint')],
  providerOf: host => SIGN_IN.has(host) ? 'onedrive' : placeOfHost(host).provider,
  recognise: head => strictestMethod(head, readHead),
  refine: (head, _first, body, complete) => strictestMethod(head, one => refineOne(one, body, complete)),
}
