import type { Operation, Step } from '../operation.ts'
import { addressHost } from './address-host.ts'
import { isReadable, jsonBatch, mixedBatch, readBatch, unreadBatch } from './batch.ts'
import { readPacket } from './bits.ts'
import { AUTHORING } from './front-page.ts'
import { isInDrive, isPermission, itemAction, itemName } from './item-path.ts'
import { explainBrief, explainMetadata } from './metadata.ts'
import type { BodyStart } from './metadata.ts'
import { findAction, listActions } from './microsoft-actions.ts'
import { microsoftIdentifies, microsoftIdentity, microsoftQuestion } from './microsoft-identity.ts'
import { refineChildren, refineSession } from './microsoft-body.ts'
import { GRAPH_HOSTS, isSharePoint, placeOfGraphPath, placeOfHost } from './microsoft-place.ts'
import type { Place } from './microsoft-place.ts'
import { listPages, plain, readPage } from './microsoft-page.ts'
import { microsoftPlace } from './microsoft-written-place.ts'
import { readJson, textMember } from './json.ts'
import { boundaryOf } from './multipart.ts'
import type { HostPattern, Learned, ProviderModule, Recognition, RequestHead, StartResponse } from './provider.ts'
import { queryValue } from './query.ts'
import { explain, isEncoded, mediaType, PEEK_LIMIT, plainReading, recognition, sessionId, unexplained } from './reading.ts'
import { atLeast, bodySize, chunkSize, contentRange, UNKNOWN } from './size.ts'
import { strictest } from './spelling.ts'
import { matchPath } from './text.ts'

/** What the certificate authority must be able to sign for. */
const domains: readonly string[] = [
  'graph.microsoft.com',              // Graph
  'graph.microsoft.us',               // Graph, US government
  'dod-graph.microsoft.us',           // Graph, US defence
  'microsoftgraph.chinacloudapi.cn',  // Graph, China
  'onedrive.com',                     // consumer API and web
  'onedrive.live.com',                // consumer web page
  'skyapi.onedrive.live.com',         // consumer web page, older API
  'storage.live.com',                 // consumer sync and WebDAV
  'docs.live.net',                    // consumer WebDAV
  'microsoftpersonalcontent.com',     // consumer content and upload sessions
  '1drv.com',                         // consumer upload sessions and downloads
  '1drv.ms',                          // consumer shared links
  'svc.ms',                           // thumbnails, media, anonymous tokens
  'login.microsoftonline.com',        // sign-in
  'login.microsoftonline.us',         // sign-in, US government
  'login.partner.microsoftonline.cn', // sign-in, China
  'login.microsoft.com',              // sign-in
  'login.windows.net',                // sign-in
  'login.live.com',                   // sign-in, consumer
  'sharepoint.com',                   // sites, and OneDrive for Business
  'sharepoint.us',                    // US government
  'sharepoint-mil.us',                // US defence
  'sharepoint.cn',                    // China
  'sharepoint-df.com',                // early release ring
]

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
  { pattern: 'skyapi.onedrive.live.com', role: 'storage' },
  { pattern: '*.docs.live.net', role: 'storage' },
  { pattern: 'storage.live.com', role: 'storage' },
  // `cid-{id}.users.storage.live.com` takes the older sync clients' BITS uploads.
  { pattern: '*.storage.live.com', role: 'storage' },
  // Exact names: `device.login.microsoftonline.com` works with client certificates and must not be opened.
  { pattern: 'login.microsoftonline.com', role: 'sign-in' },
  { pattern: 'login.microsoftonline.us', role: 'sign-in' },
  { pattern: 'login.partner.microsoftonline.cn', role: 'sign-in' },
  { pattern: 'login.microsoft.com', role: 'sign-in' },
  { pattern: 'login.windows.net', role: 'sign-in' },
  { pattern: 'login.live.com', role: 'sign-in' },
]

const SIGN_IN: ReadonlySet<string> = new Set(hosts.filter(({ role }) => role === 'sign-in').map(({ pattern }) => pattern))

/** Lists of metadata that may be long: people of a share. */
const LISTS: ReadonlySet<string> = new Set(['recipients', 'grantedToIdentities', 'grantedToIdentitiesV2'])

function readHead(head: RequestHead, matched: string, body?: BodyStart): Recognition {
  if (GRAPH_HOSTS.has(head.host)) return readGraph(head, withoutVersion(matched), body)
  const path = resourcePath(matched)
  if (SIGN_IN.has(head.host)) return signIn(head, path)
  const place = placeOfHost(head.host)
  if (head.method === 'OPTIONS') return explain(head, plain(head, place, 'other'))
  if (isBatch(head, path)) return readBatchHead(head, place)
  if (hasSegment(path, 'a') && /\/_api\/v2\.\d\//i.test(path)) return readItem(head, path, place, body)
  if (isSharePoint(head.host)) return readPage(head, path, place, body)
  if (/^\/r?up\//i.test(path)) return readPacket(head, path, place) ?? readUploadUrl(head, path, place)
  return head.host === 'api.onedrive.com' ? readItem(head, path, place, body) : readPage(head, path, place, body)
}

function readGraph(head: RequestHead, path: string, body: BodyStart | undefined): Recognition {
  if (head.method === 'OPTIONS') return explain(head, plain(head, placeOfHost(head.host), 'other'))
  return readItem(head, path, placeOfGraphPath(path), body)
}

/** `/_vti_bin/client.svc` is where SharePoint sends what comes to `/_api`. */
function resourcePath(path: string): string {
  return hasSegment(path, 'v') ? path.replace(/\/_vti_bin\/client\.svc(?=\/)/i, '/_api') : path
}

/** Whether a segment begins with `_` and a letter: names have underscores, but seldom first. */
function hasSegment(path: string, letter: 'a' | 'v'): boolean {
  for (let at = path.indexOf('_'); at >= 0; at = path.indexOf('_', at + 1)) {
    if ((path.charCodeAt(at + 1) | 0x20) === letter.charCodeAt(0) && path.charCodeAt(at - 1) === 0x2f) return true
  }
  return false
}

/** Graph's path without `/v1.0` or `/beta`. */
function withoutVersion(path: string): string {
  if (path.startsWith('/v1.0/')) return path.slice('/v1.0'.length)
  return path.replace(/^\/(?:v\d+\.\d+|beta)(?=\/|$)/i, '')
}

function readItem(head: RequestHead, path: string, place: Place, body: BodyStart | undefined): Recognition {
  const named = actionOf(head.method, path)
  const found = findAction(head.method, named)
  // A file may be called as an action is: what no row knows for the method is done to the item itself.
  const action = found === undefined ? '' : named
  const document = readDocument(head, path, place, action)
  if (document !== undefined) return document
  const row = found ?? findAction(head.method, '')
  // Graph is more than drives: only what takes content is an upload there, and reading is reading.
  if (row === undefined || !(row.activity === 'list' || isContent(action) || isInDrive(path))) {
    const rest = head.method === 'POST' && /^\/search\/query$/i.test(path) ? 'list' : 'other'
    return GRAPH_HOSTS.has(head.host) ? explain(head, plain(head, place, rest)) : readPage(head, path, place, body)
  }
  if (row.step === 'batch') return readBatchHead(head, place)
  if (row.activity !== 'upload') {
    if (action === 'children' && row.activity === 'change') return readChildren(head, place, body)
    const session = row.action === 'uploadsession' ? sessionOf(head, path) : undefined
    const { activity, step } = row
    const first = session === undefined ? plain(head, place, activity, step)
      : recognition({ ...place, activity, step, size: bodySize(head.contentLength), session })
    return explainMetadata(head, first, LISTS, body)
  }
  return readUpload(head, path, place, action, row.step)
}

/** What is done to an item, as its address says. */
function actionOf(method: string, path: string): string {
  const action = itemAction(path)
  return action === '' && (method === 'DELETE' || method === 'PATCH') && isPermission(path) ? 'permissions' : action
}

/** Cells of a workbook and pages of a notebook are typed in; a page that brings files is more than that. */
function readDocument(head: RequestHead, path: string, place: Place, action: string): Recognition | undefined {
  if (head.method !== 'POST' && head.method !== 'PATCH' && head.method !== 'PUT') return undefined
  // What opens or fills a session is content, whatever it is for.
  if (action === 'uploadsession' || action === 'createuploadsession') return undefined
  if (!/\/(?:onenote|workbook)\//i.test(path)) return undefined
  if (/\/onenote\//i.test(path)) return explainBrief(head, plain(head, place, 'edit'))
  if (!/\/(?:items\/[^/]+|root:[^:]+:)\/workbook\//i.test(path)) return undefined
  return explain(head, plain(head, place, action === 'createsession' ? 'other' : 'edit'))
}

function isContent(action: string): boolean {
  return action === '$batch' || action === '$value' || action === 'createuploadsession' || action === 'content'
}

function readUpload(head: RequestHead, path: string, place: Place, action: string, step: Step): Recognition {
  const { provider, tenantHint } = place
  const fileName = itemName(path, action)
  if (action === 'uploadsession') {
    const session = sessionOf(head, path)
    // The web page opens sessions by a POST to the name that takes the chunks later.
    if (step !== 'finish' || session !== undefined) return chunk(head, place, step, session, fileName)
  } else if (step === 'finish') {
    const size = atLeast(head.contentLength ?? 0)
    return recognition({ provider, tenantHint, activity: 'upload', step, size, fileName, peek: peekFor(head) })
  } else if (step !== 'start') {
    const contentType = mediaType(head.headers.get('content-type'))
    return recognition({ provider, tenantHint, activity: 'upload', step, size: bodySize(head.contentLength), fileName, contentType })
  }
  return recognition({ provider, tenantHint, activity: 'upload', step: 'start', size: UNKNOWN, fileName, peek: peekFor(head) })
}

/** A chunk goes to an address that carries its own key, without a bearer token. */
function chunk(head: RequestHead, place: Place, step: Step, session: string | undefined, fileName?: string): Recognition {
  const { provider, tenantHint } = place
  const range = contentRange(head.headers.get('content-range'))
  const size = step === 'finish' ? atLeast(head.contentLength ?? 0) : chunkSize(range, head.contentLength)
  return recognition({ provider, tenantHint, activity: 'upload', step, size, fileName, session, offset: range?.first ?? undefined })
}

/** `?guid='…'` on SharePoint and the consumer host. */
function sessionOf(head: RequestHead, path: string): string | undefined {
  const guid = withoutQuotes(queryValue(head.query, 'guid') ?? '')
  return sessionId(guid === '' ? /\/uploadsession\(([^)]{1,128})\)$/i.exec(path.slice(-160))?.[1] : guid)
}

/** Nearly all have one quote at either end, and two cuts are cheaper than a search for more. */
function withoutQuotes(text: string): string {
  const inner = text.startsWith("'") && text.endsWith("'") ? text.slice(1, -1) : text
  return inner.includes("'") ? inner.replaceAll("'", '') : inner
}

/** Consumer upload addresses: `*.up.1drv.com/up/{key}`, `api.onedrive.com/rup/{key}/…` (Graph reference, uploadSession). */
function readUploadUrl(head: RequestHead, path: string, place: Place): Recognition {
  const session = sessionId(/^\/r?up\/([^/]{1,512})/i.exec(path)?.[1])
  if (head.method === 'GET' || head.method === 'HEAD' || head.method === 'DELETE') {
    const step = head.method === 'DELETE' ? 'cancel' : 'status'
    return explain(head, recognition({ ...place, activity: 'other', step, size: bodySize(head.contentLength), session }))
  }
  const step = head.method === 'POST' ? 'finish' : 'chunk'
  return chunk(head, place, step, session)
}

/** Creating a child makes a folder, or has the service fetch an address; with a multipart body it brings content. */
function readChildren(head: RequestHead, place: Place, body: BodyStart | undefined): Recognition {
  const isMultipart = boundaryOf(head.headers.get('content-type')) !== undefined
  if (isMultipart) return { ...plain(head, place, 'upload'), peek: peekFor(head) }
  const first = plain(head, place, 'change')
  if (isEncoded(head)) return unexplained(first, UNKNOWN, 'copy-in')
  if (body !== undefined) return refineChildren(head, first, body.bytes, body.complete)
  return { ...explain(head, first), peek: peekFor(head) }
}

const NOTHING = Buffer.alloc(0)

/** `/$batch` of Graph (JSON), `/_api/$batch` of SharePoint (multipart): what it holds is in the body. */
function readBatchHead(head: RequestHead, place: Place): Recognition {
  return { ...unreadBatch(head, plain(head, place, 'other')), peek: peekFor(head) }
}

function isBatch(head: RequestHead, path: string): boolean {
  return head.method === 'POST' && /\/\$batch$/i.test(path.slice(-'/$batch'.length))
}

function peekFor(head: RequestHead): number {
  return head.contentLength === 0 || isEncoded(head) ? 0 : PEEK_LIMIT
}

function signIn(head: RequestHead, path: string): Recognition {
  const activity = /\/(?:token|oauth20_token\.srf|gettokens?)$/i.test(path) ? 'token' : 'login'
  return plainReading(head, 'onedrive', activity)
}

function refineOne(head: RequestHead, path: string, body: Buffer, complete: boolean): Recognition {
  const first = readHead(head, path)
  if (first.peek === 0) return first
  const { activity, step } = first.operation
  if (step === 'batch') {
    const isMixed = boundaryOf(head.headers.get('content-type')) !== undefined
    const version = /^\/(?:v\d+\.\d+|beta)(?=\/)/i.exec(path)?.[0] ?? ''
    const entries = isReadable(head, complete) ? isMixed ? mixedBatch(head, body) : jsonBatch(head, body, version) : undefined
    return readBatch(head, { ...first, peek: 0 }, entries, readInner)
  }
  return activity === 'upload' && first.reasons.length === 0 && !AUTHORING.test(path)
    ? refineSession(head, first, body, complete) : readHead(head, path, { bytes: body, complete })
}

/** A request within a batch; a body that is not at hand is one that cannot be read. */
function readInner(head: RequestHead, body: Buffer | undefined): Recognition {
  return strictest(head, (one, path) =>
    isBatch(one, resourcePath(path)) ? readHead(one, path) : refineOne(one, path, body ?? NOTHING, body !== undefined))
}

function learns({ activity, step }: Operation): 'body' | null {
  return activity === 'upload' && step === 'start' ? 'body' : null
}

/** `createUploadSession` answers with the address that takes the chunks, on another host: it is read as a chunk will be. */
function learn(head: RequestHead, _operation: Operation, { body }: StartResponse): Learned | undefined {
  const address = URL.parse(textMember(readJson(body?.toString('utf8') ?? ''), 'uploadUrl') ?? '')
  const host = address === null ? undefined : addressHost(address)
  if (address === null || host === undefined) return undefined
  const { pathname: path, search } = address
  const chunk: RequestHead = { ...head, method: 'PUT', host, path, query: search.slice(1), contentLength: null }
  const { session, provider } = readHead(chunk, matchPath(path)).operation
  return session === undefined ? undefined : { session, provider, host: chunk.host }
}

/** OneDrive (consumer and business), SharePoint and Graph: they share hosts, so one module reads them all. */
export const microsoft: ProviderModule = {
  id: 'microsoft',
  account: 'microsoft',
  hosts,
  providers: ['onedrive', 'sharepoint'],
  domains,
  endpoints: [...listActions(), ...listPages()],
  providerOf: host => SIGN_IN.has(host) ? 'onedrive' : placeOfHost(host).provider,
  recognise: head => strictest(head, readHead),
  refine: (head, _first, body, complete) => strictest(head, (one, path) => refineOne(one, path, body, complete)),
  sessionsByHost: true,
  learns,
  learn,
  placeOf: microsoftPlace,
  identifies: microsoftIdentifies,
  identify: microsoftIdentity,
  question: microsoftQuestion,
}
